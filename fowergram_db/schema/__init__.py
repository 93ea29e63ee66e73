"""Read a schema, compare two, and take over one that another tool made."""
