"""Reach a PostgreSQL server: where it is, how to connect, the embedded one, the queries on file."""
