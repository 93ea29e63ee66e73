"""What runs scripts on a server: locks, retries, transactions, bookkeeping."""
