"""One module a Stripe resource: how its record is built, and what an answer shows of it."""
