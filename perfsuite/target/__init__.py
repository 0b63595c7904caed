"""The API under test: operations, checks, sessions, and how requests reach it."""
