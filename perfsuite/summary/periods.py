"""Which seconds of a run are ramp-up, steady state and ramp-down."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.measurements.records import Phase
from perfsuite.model.periods import END, PLATEAU, RAMP_DOWN, RAMP_UP, STEADY, steady_from


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """When the phases of a run began, UTC epoch seconds; None for one that never did.

    `logged_in`: when all users had ended the login that they begin with; see `steady_from`.
    """

    ramp_up: float | None = None
    plateau: float | None = None
    ramp_down: float | None = None
    end: float | None = None
    logged_in: float | None = None


def phase_times(phases: Iterable[Phase]) -> PhaseTimes:
    """When each phase began. Where several processes report one, all users are started when the last one says so,
    and the load goes down when the first one does.
    """
    reported: dict[str, list[float]] = {}
    for phase in phases:
        reported.setdefault(phase.name, []).append(phase.at)
    return PhaseTimes(
        ramp_up=min(reported.get(RAMP_UP, ()), default=None),
        plateau=max(reported.get(PLATEAU, ()), default=None),
        ramp_down=min(reported.get(RAMP_DOWN, ()), default=None),
        end=max(reported.get(END, ()), default=None),
    )


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """The whole seconds of a run: [first, stop), the load's end, and the steady state within, if there is one."""

    first: int
    stop: int
    load_stop: int
    """The first second that belongs to the ramp-down; `stop` when the run was cut off before it."""
    steady_start: int | None
    steady_end: int | None
    """The first second after the steady state."""

    @property
    def steady_s(self) -> int:
        """Length of the steady state; 0 when there is none."""
        return 0 if self.steady_start is None or self.steady_end is None else self.steady_end - self.steady_start

    def is_steady(self, second: int) -> bool:
        """True for a second of the steady state."""
        if self.steady_start is None or self.steady_end is None:
            return False
        return self.steady_start <= second < self.steady_end

    def period(self, second: int) -> str:
        """The period that a second belongs to."""
        if self.is_steady(second):
            return STEADY
        return RAMP_UP if second < self._ramp_up_stop else RAMP_DOWN

    def length_s(self, period: str) -> int:
        """How many seconds of the run belong to a period."""
        if period == STEADY:
            return self.steady_s
        if period == RAMP_UP:
            return self._ramp_up_stop - self.first
        return self.stop - self._ramp_up_stop - self.steady_s

    @property
    def _ramp_up_stop(self) -> int:
        return self.load_stop if self.steady_start is None else self.steady_start


def timeline(times: PhaseTimes, first_recorded: int | None, last_recorded: int | None) -> RunTimeline:
    """The periods of a run from its phases and the first and last second with any record (None: no record).

    A run that was cut off has no ramp-down. Its last recorded second may be reported in part, so the steady
    state ends before it.
    """
    starts = [math.floor(at) for at in (times.ramp_up, first_recorded) if at is not None]
    first = min(starts, default=0)
    ends = [math.ceil(at) for at in (times.ramp_down, times.end) if at is not None]
    stop = max([*ends, first, last_recorded + 1 if last_recorded is not None else first])
    load_stop = stop if times.ramp_down is None else min(max(math.floor(times.ramp_down), first), stop)
    steady_start, steady_end = _steady(times, load_stop)
    return RunTimeline(first, stop, load_stop, steady_start, steady_end)


def _steady(times: PhaseTimes, load_stop: int) -> tuple[int | None, int | None]:
    if times.plateau is None:
        return None, None
    plateau_end = times.ramp_down if times.ramp_down is not None else float(load_stop - 1)
    start = steady_from(times.plateau, plateau_end, times.logged_in)
    end = math.floor(plateau_end)
    return (start, end) if start < end else (None, None)
