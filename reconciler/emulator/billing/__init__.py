"""What happens by itself as time passes: subscriptions begin, renew and end, and are billed for it."""
