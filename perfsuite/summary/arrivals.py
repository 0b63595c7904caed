"""How well the open model kept its schedule: the rate that was asked, the rate offered, and how late actions began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Times
from perfsuite.measurements.totals import histogram_of_all, values_in
from perfsuite.model import ArrivalFigures, Plan, SecondArrivals
from perfsuite.model.plan import RateProfile, rate_profile_of
from perfsuite.model.summary import samples_needed
from perfsuite.summary.figures import as_ms
from perfsuite.summary.periods import PhaseTimes, RunTimeline


@dataclass(slots=True)
class _ArrivalSecond:
    due: int = 0
    begun: int = 0
    beginnings: int = 0
    lags: list[Times] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    """Process → the longest queue that it reported in this second."""


def _by_second(aggregate: Aggregate) -> dict[int, _ArrivalSecond]:
    found: dict[int, _ArrivalSecond] = defaultdict(_ArrivalSecond)
    for number, second in aggregate.seconds.items():
        for record in second.arrivals:
            each = found[number]
            each.due += record.due
            each.begun += record.begun
            each.beginnings += record.beginnings
            each.lags.append(record.lag)
            each.waiting[record.worker] = max(record.waiting, each.waiting[record.worker])
    return found


def second_arrivals(plan: Plan, aggregate: Aggregate, when: RunTimeline) -> Mapping[int, SecondArrivals]:
    """Second → its actions; {} in the closed model."""
    if plan.scenario.arrival is None:
        return {}
    found = _by_second(aggregate)
    return {second: _figures(found[second]) for second in range(when.first, when.stop)}


def _figures(second: _ArrivalSecond) -> SecondArrivals:
    lag = histogram_of_all(second.lags)
    return SecondArrivals(
        due=second.due,
        begun=second.begun,
        lag_avg_ms=as_ms(lag.mean_us()),
        lag_max_ms=lag.max_us / 1000 if lag.count else None,
        waiting=second.waiting.total(),
    )


def arrival_figures(plan: Plan, aggregate: Aggregate, when: RunTimeline, phases: PhaseTimes) -> ArrivalFigures | None:
    """The figures of the steady state; None in the closed model. p99 needs 1,000 actions."""
    profile = rate_profile_of(plan.scenario)
    if profile is None:
        return None
    found = _by_second(aggregate)
    steady = [found[second] for second in found if when.is_steady(second)]
    lag = histogram_of_all([lag for second in steady for lag in second.lags])
    p99_us = lag.percentile_us(0.99) if lag.count >= samples_needed(0.99) else None
    begun = sum(second.begun for second in steady)
    # Older files do not record when actions began.
    known = any(second.beginnings for second in found.values())
    offered = sum(second.beginnings for second in steady) if known else begun
    given_up = Counter[bool]()
    for number, each in aggregate.parts():
        given_up[when.is_steady(number)] += sum(values_in(record.waited) for record in each.not_started)
    return ArrivalFigures(
        asked_per_s=_asked_per_s(profile, when, phases),
        offered_per_s=offered / when.steady_s if when.steady_s else 0.0,
        due=sum(second.due for second in steady),
        begun=begun,
        not_started=given_up[True],
        not_started_whole_run=given_up.total(),
        lag_avg_ms=as_ms(lag.mean_us()),
        lag_p99_ms=as_ms(p99_us),
        lag_max_ms=lag.max_us / 1000 if lag.count else None,
        longest_queue=max((second.waiting.total() for second in steady), default=0),
    )


def _asked_per_s(profile: RateProfile, when: RunTimeline, phases: PhaseTimes) -> float:
    """The mean of the planned rate over the steady state; the rate itself where there is no steady state."""
    began = phases.ramp_up
    if not when.steady_s or began is None:
        return profile.arrival.rate
    asked = sum(profile.expected(end - began) - profile.expected(start - began) for start, end in when.spans)
    return asked / when.steady_s
