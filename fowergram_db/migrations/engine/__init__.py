"""What runs scripts on a server: locks, patience, transactions, bookkeeping."""
