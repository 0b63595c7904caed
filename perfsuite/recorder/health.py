"""How the load process itself is: its CPU, memory, and how late its event loop comes."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from perfsuite.histogram import Histogram
from perfsuite.measurements import Times, times_of


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """CPU since the last time (100 = one core), lag of the event loop (µs), resident memory."""

    cpu_percent: float
    loop_lag: Times
    memory_bytes: int


class Health:
    """Collects lags; reads CPU and memory of this process when asked."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark from which the next one counts
        self._lag = Histogram()

    def add_lag(self, late_us: int) -> None:
        """A timer of the event loop fired this much too late."""
        self._lag.add(late_us)

    def take(self) -> HealthFigures:
        """The figures since the last call."""
        lag, self._lag = self._lag, Histogram()
        return HealthFigures(self._process.cpu_percent(), times_of(lag), self._process.memory_info().rss)
