"""Loading: YAML files become specs, with the file, line and column of everything that is wrong in them."""
