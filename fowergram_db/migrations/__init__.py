"""Make a plan from migration files and a database's history, and run it."""
