"""Find and read migration files, in the layouts of several tools."""
