"""Removes what a run created at the target, and restores what it changed, from the run's journal."""

from perfsuite.cleanup.clean_up import CleanupInput, CleanupResult, clean_up

__all__ = ["CleanupInput", "CleanupResult", "clean_up"]
