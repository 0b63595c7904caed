"""Removes what a run made at the target, and puts back what it changed, from the run's journal."""

from perfsuite.cleanup.clean_up import Cleaned, Means, clean_up

__all__ = ["Cleaned", "Means", "clean_up"]
