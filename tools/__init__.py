"""Programs for those who work on the project. The package does not need them."""
