"""billplan: a declarative reconciler for Stripe billing."""
