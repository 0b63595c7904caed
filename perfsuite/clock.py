"""The one clock: UTC that cannot jump. It is set by the system clock once per run and then advances with the monotonic
clock.

The monotonic clock is the same for all processes of a machine, so every process that gets the anchor has the same UTC.
The parent passes it to the load processes; readings therefore match the requests of their second, whatever happens to
the system clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

ANCHOR_VARIABLE = "AGENTMITRA_CLOCK_ANCHOR"
"""Set by the suite for its own child processes: UTC at the zero of the monotonic clock, s."""


class UtcClock:
    """UTC epoch seconds from an anchor and a steady clock. `environ`: where a parent process leaves its anchor."""

    def __init__(
        self,
        environ: Mapping[str, str],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._wall, self._steady = wall, steady
        inherited = environ.get(ANCHOR_VARIABLE)
        self._anchor_s = float(inherited) if inherited else wall() - steady()

    def utc_s(self) -> float:
        """Now."""
        return self._anchor_s + self._steady()

    def anchor(self) -> None:
        """Set it by the system clock. Not while anything is measured."""
        self._anchor_s = self._wall() - self._steady()

    def system_ahead_s(self) -> float:
        """By how much the system clock was set forward since the anchor, s; negative: back."""
        return self._wall() - self.utc_s()

    def for_children(self) -> dict[str, str]:
        """Environment variables that give a child process this clock."""
        return {ANCHOR_VARIABLE: repr(self._anchor_s)}


_clock = UtcClock(os.environ)


utc_s = _clock.utc_s
"""UTC epoch seconds; differences are true spans whatever happens to the wall clock."""


def anchor() -> None:
    """Begin a run: set the clock by the system clock. Processes that are started later get this anchor."""
    _clock.anchor()


def system_ahead_s() -> float:
    """By how much the system clock was set forward since the run began, s; negative: back."""
    return _clock.system_ahead_s()


def for_children() -> dict[str, str]:
    """Environment variables that give a child process the clock of this one."""
    return _clock.for_children()


def sleep_s(seconds: float) -> None:
    """Wait; the seam at which tests pass a clock of their own."""
    time.sleep(seconds)
