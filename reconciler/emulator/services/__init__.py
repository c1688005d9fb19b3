"""One module a Stripe resource: its parameters, its rules and its routes."""
