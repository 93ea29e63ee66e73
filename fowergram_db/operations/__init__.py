"""Look after a running server: statistics and slow queries."""
