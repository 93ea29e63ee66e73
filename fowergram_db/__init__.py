"""Change and run PostgreSQL databases with plain SQL files."""

__all__ = ["__version__"]

__version__ = "0.1.0"
