"""Change and run PostgreSQL databases with plain SQL files."""

__version__ = "0.1.0"
