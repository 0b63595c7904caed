"""The live page's server, for this machine only."""

DEFAULT_PORT = 8016
"""Beside the backend's 8015, and always the same, so that a page that is left open finds the next run."""
