"""Know a schema: what is in it, how two differ, and taking over one that another tool made."""
