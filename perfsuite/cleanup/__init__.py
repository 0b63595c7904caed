"""Removes what a run created at the target, and restores what it changed, from the run's journal."""

from perfsuite.cleanup.clean_up import Cleaned, Means, clean_up

__all__ = ["Cleaned", "Means", "clean_up"]
