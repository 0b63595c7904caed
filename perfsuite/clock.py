"""The one clock: UTC that cannot jump. It is set by the system clock once per run and then advances with the monotonic
clock.

The monotonic clock is the same for all processes of a machine, so every process that gets the anchor has the same UTC.
The parent passes it to the load processes; readings therefore match the requests of their second, whatever happens to
the system clock.

A worker on another machine has other clocks: it corrects its UTC to the master's, see `correct`.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping

ANCHOR_VARIABLE = "AGENTMITRA_CLOCK_ANCHOR"
"""Set by the suite for its own child processes: UTC at the zero of the monotonic clock, s."""
ERROR_VARIABLE = "AGENTMITRA_CLOCK_ERROR"
"""For tests alone, never set by the suite: "3.0,100" gives a process the clocks of another machine, which are 3 s ahead
and gain 100 ppm from the start of the process on."""
SLEW_PPM = 500.0
"""A correction during the load shortens or lengthens time by this much, which is the error of a percentile (0.05 %)."""


class UtcClock:
    """UTC epoch seconds from an anchor and a steady clock. `environ`: where a parent process leaves its anchor."""

    def __init__(
        self,
        environ: Mapping[str, str],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.perf_counter,
    ) -> None:
        if error := environ.get(ERROR_VARIABLE):
            wall, steady = _of_another_machine(error, wall, steady)
        self._wall, self._steady = wall, steady
        inherited = environ.get(ANCHOR_VARIABLE)
        self._own_anchor_s = float(inherited) if inherited else wall() - steady()
        self._anchor_s, self._corrected = self._own_anchor_s, False
        self._ticks = steady
        """The steady clock; instead of it `_slewed`, while a correction is applied."""
        self._slewed_at, self._slew = 0.0, 0.0
        """When the correction is applied in full (by the steady clock), and its part per second."""

    def utc_s(self) -> float:
        """Now."""
        return self._anchor_s + self._ticks()

    def _slewed(self) -> float:
        now_s = self._steady()
        left_s = self._slewed_at - now_s
        if left_s > 0:
            return now_s - left_s * self._slew
        self._ticks = self._steady
        return now_s

    def _pending_s(self, now_s: float) -> float:
        return max(self._slewed_at - now_s, 0.0) * self._slew

    def own_s(self) -> float:
        """Now, without any correction."""
        return self._own_anchor_s + self._steady()

    def correct(self, offset_s: float, *, at_once: bool) -> None:
        """See the function of this name."""
        now_s, anchor_s = self._steady(), self._own_anchor_s + offset_s
        left_s = anchor_s - self._anchor_s + self._pending_s(now_s)
        if at_once or not self._corrected:
            left_s = 0.0
        self._slew = math.copysign(SLEW_PPM / 1e6, left_s)
        self._slewed_at = now_s + left_s / self._slew
        self._anchor_s, self._corrected = anchor_s, True
        self._ticks = self._slewed if left_s else self._steady

    def pending_s(self) -> float:
        """What is still to be added to the time for the last correction to be applied in full, s."""
        return self._pending_s(self._steady())

    def anchor(self) -> None:
        """Set it by the system clock. Not while anything is measured."""
        self._anchor_s = self._own_anchor_s = self._wall() - self._steady()
        self._ticks, self._slewed_at, self._corrected = self._steady, 0.0, False

    def system_ahead_s(self) -> float:
        """By how much the system clock was set forward since the anchor, s; negative: back."""
        return self._wall() - self.own_s()

    def for_children(self) -> dict[str, str]:
        """Environment variables that give a child process this clock, without any correction."""
        return {ANCHOR_VARIABLE: repr(self._own_anchor_s)}


def _of_another_machine(
    error: str, wall: Callable[[], float], steady: Callable[[], float]
) -> tuple[Callable[[], float], Callable[[], float]]:
    """The clocks with an error such as "3.0,100", see `ERROR_VARIABLE`."""
    ahead_s, drift_ppm = (float(part) for part in error.split(","))
    began_s = steady()

    def gained_s() -> float:
        return (steady() - began_s) * drift_ppm / 1e6

    return lambda: wall() + ahead_s + gained_s(), lambda: steady() + gained_s()


_clock = UtcClock(os.environ)


utc_s = _clock.utc_s
"""UTC epoch seconds; differences are true spans whatever happens to the wall clock."""
own_s = _clock.own_s
"""UTC epoch seconds by this machine's own clocks, without any correction: by it round trips to a master are timed."""
pending_s = _clock.pending_s
"""What is still to be added to `utc_s` for the last correction to be applied in full, s: by so much more than the
uncertainty of the offset may it be wrong."""


def correct(offset_s: float, *, at_once: bool = False) -> None:
    """Make `utc_s` that of the master, whose clock is `offset_s` ahead of `own_s`.

    The first correction is a step, and so is one `at_once`: for the time before the load. Any other is applied
    gradually, by `SLEW_PPM`: time never runs backwards, and a span is never wrong by more than that part of it.
    Response times come from the steady clock alone. Call it in one thread.
    """
    _clock.correct(offset_s, at_once=at_once)


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
