"""Measurements → Summary: the figures of a run, and the state of one that is still going."""

from perfsuite.summary.live import LiveView
from perfsuite.summary.summarize import Circumstances, build

__all__ = ["Circumstances", "LiveView", "build"]
