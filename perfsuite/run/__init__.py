"""Combines the stages of a run."""
