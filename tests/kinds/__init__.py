"""The kinds: what each accepts, compares and does."""
