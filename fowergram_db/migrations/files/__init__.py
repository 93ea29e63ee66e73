"""Migration files: found, read, and laid out as one tool or another lays them out."""
