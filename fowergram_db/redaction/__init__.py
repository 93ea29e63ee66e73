"""Keep passwords out of everything that is shown."""
