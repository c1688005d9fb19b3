"""Rules that more than one resource is held to."""
