"""Read the layout of each tool: a module for each, and one for the tools that number their files."""
