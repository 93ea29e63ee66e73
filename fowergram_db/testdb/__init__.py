"""Databases for tests: cloned from templates that are built once."""
