"""Performance-testing suite for the Agent Mitra backend API."""

__version__ = "0.1.0"
