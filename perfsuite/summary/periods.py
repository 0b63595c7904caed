"""Which seconds of a run are ramp-up, steady state and ramp-down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from perfsuite.measurements.records import Phase
from perfsuite.model.periods import BETWEEN, END, PERIODS, PLATEAU, RAMP_DOWN, RAMP_UP, STAGE, STEADY, steady_from
from perfsuite.model.stages import StageSeconds


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
    stages: tuple[StagePhases, ...] = ()
    """Of a scenario with stages: those that began, in the order of time."""


@dataclass(frozen=True, slots=True)
class StagePhases:
    """When a stage began, when all its users were there (None: never, or not waited for) and had logged in."""

    name: str
    began: float
    plateau: float | None = None
    logged_in: float | None = None


def phase_times(phases: Iterable[Phase]) -> PhaseTimes:
    """When each phase began. Where several processes report one, all users are started when the last one says so,
    and the load goes down when the first one does. With stages, the plateau is that of the first stage that has one.
    """
    reported: dict[str, list[float]] = {}
    of_stages: dict[str, dict[str, float]] = {}
    for phase in phases:
        reported.setdefault(phase.name, []).append(phase.at)
        if phase.stage:
            of_stages.setdefault(phase.stage, {})[phase.name] = phase.at
    stages = [
        StagePhases(name, times[STAGE], times.get(PLATEAU)) for name, times in of_stages.items() if STAGE in times
    ]
    plateau = min if stages else max
    return PhaseTimes(
        ramp_up=min(reported.get(RAMP_UP, ()), default=None),
        plateau=plateau(reported.get(PLATEAU, ()), default=None),
        ramp_down=min(reported.get(RAMP_DOWN, ()), default=None),
        end=max(reported.get(END, ()), default=None),
        stages=tuple(sorted(stages, key=lambda stage: stage.began)),
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
    stages: tuple[StageSeconds, ...] = ()
    """Of a scenario with stages: the steady parts of all of them together are the steady state."""
    minutes: frozenset[int] = frozenset()
    """First seconds of the minutes that were rolled up; each lies within one period."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The steady state, as [start, end); several of a scenario with stages."""
        if self.stages:
            return tuple(stage.steady for stage in self.stages if stage.steady is not None)
        return () if self.steady_start is None or self.steady_end is None else ((self.steady_start, self.steady_end),)

    @property
    def steady_s(self) -> int:
        """Length of the steady state; 0 when there is none."""
        return sum(end - start for start, end in self.spans)

    def steady_seconds(self) -> list[int]:
        """Its seconds, in their order."""
        return [second for start, end in self.spans for second in range(start, end)]

    def is_steady(self, second: int) -> bool:
        """True for a second of the steady state."""
        return any(start <= second < end for start, end in self.spans)

    def stage_of(self, second: int) -> StageSeconds | None:
        """The stage that a second belongs to; None outside all of them."""
        return next((stage for stage in self.stages if stage.first <= second < stage.stop), None)

    def period(self, second: int) -> str:
        """The period that a second belongs to."""
        if self.is_steady(second):
            return STEADY
        if second < self._ramp_up_stop:
            return RAMP_UP
        return BETWEEN if self.stages and second < self.load_stop else RAMP_DOWN

    @property
    def periods(self) -> tuple[str, ...]:
        """Those that the run can have, in the order of rows."""
        return (*PERIODS[:2], BETWEEN, *PERIODS[2:]) if self.stages else PERIODS

    def length_s(self, period: str) -> int:
        """How many seconds of the run belong to a period."""
        if period == STEADY:
            return self.steady_s
        if period == RAMP_UP:
            return self._ramp_up_stop - self.first
        down = self.stop - max(self.load_stop, self._ramp_up_stop) if self.stages else 0
        rest = self.stop - self._ramp_up_stop - self.steady_s
        return (rest - down if period == BETWEEN else down) if self.stages else rest

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
    stages = _stages(times, load_stop) if times.stages else ()
    if stages:
        spans = [stage.steady for stage in stages if stage.steady is not None]
        steady_start, steady_end = (spans[0][0], spans[-1][1]) if spans else (None, None)
    else:
        steady_start, steady_end = _steady(times, load_stop)
    return RunTimeline(first, stop, load_stop, steady_start, steady_end, stages)


def _stages(times: PhaseTimes, load_stop: int) -> tuple[StageSeconds, ...]:
    """The stages that began before the end of the load. A second belongs to the stage that it begins in."""
    end = times.ramp_down if times.ramp_down is not None else float(load_stop - 1)
    found: list[StageSeconds] = []
    for number, stage in enumerate(times.stages):
        after = times.stages[number + 1].began if number + 1 < len(times.stages) else end
        first, stop = math.ceil(stage.began) if number else math.floor(stage.began), math.ceil(after)
        if number + 1 == len(times.stages):
            stop = max(load_stop, first)
        steady = None
        if stage.plateau is not None:
            start = max(steady_from(stage.plateau, after, stage.logged_in), first)
            steady = (start, math.floor(after)) if start < math.floor(after) else None
        found.append(StageSeconds(stage.name, first, max(stop, first), steady))
    return tuple(found)


def with_logins(times: PhaseTimes, logged_in_at: Mapping[str, float]) -> tuple[StagePhases, ...]:
    """The stages, with when all their users had logged in, by name."""
    return tuple(replace(stage, logged_in=logged_in_at.get(stage.name)) for stage in times.stages)


def _steady(times: PhaseTimes, load_stop: int) -> tuple[int | None, int | None]:
    if times.plateau is None:
        return None, None
    plateau_end = times.ramp_down if times.ramp_down is not None else float(load_stop - 1)
    start = steady_from(times.plateau, plateau_end, times.logged_in)
    end = math.floor(plateau_end)
    return (start, end) if start < end else (None, None)
