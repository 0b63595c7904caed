"""How the open model kept to its times: what was asked, what was really offered, how late actions began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from perfsuite.measurements.histogram import Histogram
from perfsuite.model import ArrivalFigures, Plan, SecondArrivals
from perfsuite.model.rate_profile import Course, course_of
from perfsuite.model.summary import samples_needed
from perfsuite.summary.gather import Gathered
from perfsuite.summary.periods import PhaseTimes, Timeline
from perfsuite.summary.tally import add_times


@dataclass(slots=True)
class _Second:
    due: int = 0
    begun: int = 0
    beginnings: int = 0
    lag: Histogram = field(default_factory=Histogram)
    waiting: dict[str, int] = field(default_factory=dict)
    """Process → the longest queue that it told of in this second."""


def _by_second(gathered: Gathered) -> dict[int, _Second]:
    found: dict[int, _Second] = defaultdict(_Second)
    for record in gathered.arrivals:
        second = found[record.second]
        second.due += record.due
        second.begun += record.begun
        second.beginnings += record.beginnings
        add_times(second.lag, record.lag)
        second.waiting[record.worker] = max(record.waiting, second.waiting.get(record.worker, 0))
    return found


def second_arrivals(plan: Plan, gathered: Gathered, when: Timeline) -> Mapping[int, SecondArrivals]:
    """Second → its actions; {} in the closed model."""
    if plan.scenario.arrival is None:
        return {}
    found = _by_second(gathered)
    return {second: _told(found[second]) for second in range(when.first, when.stop)}


def _told(second: _Second) -> SecondArrivals:
    lag = second.lag
    mean_us = lag.mean_us()
    return SecondArrivals(
        due=second.due,
        begun=second.begun,
        lag_avg_ms=None if mean_us is None else mean_us / 1000,
        lag_max_ms=lag.max_us / 1000 if lag.count else None,
        waiting=sum(second.waiting.values()),
    )


def arrival_figures(plan: Plan, gathered: Gathered, when: Timeline, phases: PhaseTimes) -> ArrivalFigures | None:
    """The figures of the steady state; None in the closed model. p99 needs 1,000 actions."""
    course = course_of(plan.scenario)
    if course is None:
        return None
    found = _by_second(gathered)
    steady = [found[second] for second in found if when.is_steady(second)]
    lag = Histogram()
    for second in steady:
        lag.merge(second.lag)
    p99_us = lag.percentile_us(0.99) if lag.count >= samples_needed(0.99) else None
    mean_us = lag.mean_us()
    begun = sum(second.begun for second in steady)
    # Older files do not tell when actions began.
    told = any(second.beginnings for second in found.values())
    offered = sum(second.beginnings for second in steady) if told else begun
    given_up = {True: 0, False: 0}
    for record in gathered.not_started:
        given_up[when.is_steady(record.second)] += sum(record.waited.counts.values())
    return ArrivalFigures(
        asked_per_s=_asked_per_s(course, when, phases),
        offered_per_s=offered / when.steady_s if when.steady_s else 0.0,
        due=sum(second.due for second in steady),
        begun=begun,
        not_started=given_up[True],
        not_started_whole_run=sum(given_up.values()),
        lag_avg_ms=None if mean_us is None else mean_us / 1000,
        lag_p99_ms=None if p99_us is None else p99_us / 1000,
        lag_max_ms=lag.max_us / 1000 if lag.count else None,
        longest_queue=max((sum(second.waiting.values()) for second in steady), default=0),
    )


def _asked_per_s(course: Course, when: Timeline, phases: PhaseTimes) -> float:
    """The mean of the planned rate over the steady state; the rate itself where there is no steady state."""
    start, end = when.steady_start, when.steady_end
    if start is None or end is None or phases.ramp_up is None:
        return course.arrival.rate
    return (course.expected(end - phases.ramp_up) - course.expected(start - phases.ramp_up)) / (end - start)
