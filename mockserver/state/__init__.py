"""What outlives the process: sandboxes in SQLite, or in PostgreSQL for several replicas."""
