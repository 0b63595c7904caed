"""What each operation costs the database: one user at a time, each operation alone, pg_stat_statements around it."""
