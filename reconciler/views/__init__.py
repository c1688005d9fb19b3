"""Finished values as text for people and as JSON for machines. A view decides nothing and reads nothing."""
