"""Measurements → Summary: the figures of a run, and the state of one that is still going."""

from perfsuite.summary.live import Live
from perfsuite.summary.summarize import Circumstances, build

__all__ = ["Circumstances", "Live", "build"]
