"""How each tool lays out a directory: a module for each, and one for those that number their files."""
