"""Turn migration files and a database's history into a plan, and carry it out."""
