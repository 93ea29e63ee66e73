"""The histories that other migration tools keep: which tables they are, and what is recorded in them."""
