"""The mirror, held against the account that it is a copy of."""
