"""A strict, stateful, local Stripe: it shares no code with the tool that it checks."""
