"""Targets on what a monitor read at the target, and on what the fingerprint counted.

A metric reads "postgres.connections_used_percent max": the reading, and which figure of its samples counts.
    needed      30 samples in the steady state, of which at most a tenth are gaps; a maximum (or minimum) that is
                beyond its limit is missed with fewer too, since more samples could only be worse
    queries     the most that a request of any operation made; operations whose cost is not known are named, and
                where they are more than a tenth the target is not met. The fingerprint is taken without load, so
                that without a steady state it can miss a target, but not meet it
Comparison is strict, as with all targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.format import number, quantity
from perfsuite.judge.lasting import judge_lasting
from perfsuite.judge.metrics import scope_of
from perfsuite.messages import Message
from perfsuite.messages.reasons import Reason
from perfsuite.model import Remedy, Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.fingerprint import CostState, Fingerprint, OperationCost
from perfsuite.model.monitor import METRICS, READINGS_NEEDED, Reading
from perfsuite.model.plan import LASTS_AT_LEAST, MAX_QUERIES
from perfsuite.model.readings import of_metrics
from perfsuite.model.stability import Stability
from perfsuite.model.stages import StageSeconds

MOST_UNKNOWN = 0.1
_LEVELS = {"min": 0.0, "p5": 0.05, "p95": 0.95, "max": 1.0}
_NAMES = {"max": "most", "min": "least", "avg": "average", "p95": "95th percentile", "p5": "5th percentile"}
_COMPONENTS = {
    "server": "the server",
    "machine": "the machine",
    "application": "the application's own metrics",
    "pool": "the application's pool",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "network": "the network",
    "generator": "the load generator",
    "health": "the backend's health page",
    "prometheus": "Prometheus",
}


@dataclass(frozen=True, slots=True)
class MonitoringData:
    """What is known about the target itself: readings in any order, the fingerprint, and what resources did."""

    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    stability: Sequence[Stability] = ()


NOTHING_MONITORED = MonitoringData()


@dataclass(frozen=True, slots=True)
class Observation:
    """The observed value, None where there is none, and whether it is enough to say that a target is met.

    `not_enough`: why it is not; None where it is. `certain_if_missed`: more could only be worse. `remedies`: what
    would make it enough; () where a longer run would not.
    """

    value: float | None
    not_enough: Message | None
    figure: str = ""
    shown: str = ""
    unit: str = ""
    certain_if_missed: bool = False
    remedies: tuple[Remedy, ...] = ()


def is_monitored(metric: str) -> bool:
    """Is it a figure of the target itself, and not of the load's requests and users?"""
    return metric in (MAX_QUERIES, LASTS_AT_LEAST) or "." in metric


def judge_monitored(target: Target, summary: Summary, monitored: MonitoringData) -> TargetResult:
    """One such target; not judged, with the reason, where it cannot be."""
    if target.metric == LASTS_AT_LEAST:
        return judge_lasting(target, summary, monitored.stability)
    queries = target.metric == MAX_QUERIES
    found = _queries(target, summary, monitored.fingerprint) if queries else _read(target, summary, monitored)
    met = found.value is not None and (found.value < target.limit if target.below else found.value > target.limit)
    judged = found.value is not None and (found.not_enough is None or (found.certain_if_missed and not met))
    outcome, reason = TargetOutcome.NOT_JUDGED, found.not_enough
    if judged:
        outcome = TargetOutcome.MET if met else TargetOutcome.MISSED
        code = Reason.MAXIMUM if target.below else Reason.MINIMUM
        reason = code(figure=found.figure, observed=found.shown, limit=quantity(target.limit, found.unit))
    return TargetResult(
        name=target.name,
        scope=scope_of(target) if queries else "target",
        metric=target.metric,
        limit=target.limit,
        below=target.below,
        observed=found.value,
        unit=found.unit,
        outcome=outcome,
        reason=reason or Reason.NO_FIGURE(),
        remedies=() if judged else found.remedies,
    )


def _counts(reading: Reading, summary: Summary, named: Sequence[StageSeconds]) -> bool:
    """In the steady state, or in the stages that a target names."""
    second = math.ceil(reading.at_s) - 1
    if named:
        return any(start <= second < end for start, end in (stage.counted for stage in named))
    return summary.is_steady(second)


# ── readings ────────────────────────────────────────────────────────────────────────────────────────────────


def _read(target: Target, summary: Summary, monitored: MonitoringData) -> Observation:
    name, _, statistic = target.metric.partition(" ")
    worst = "max" if target.below else "min"
    statistic = statistic or worst
    unit = METRICS[name].unit if name in METRICS else ""
    if summary.steady_start is None or summary.steady_end is None:
        return Observation(None, Reason.NO_STEADY_STATE(), unit=unit, remedies=(Remedy.LONGER,))
    own = of_metrics(monitored.readings, name.__eq__)
    whole = [reading for reading in own if not reading.is_part] or own
    # A reading covers the second that ends with it.
    named = [stage.seconds for stage in summary.stages if stage.name in target.stages]
    steady = [reading for reading in whole if _counts(reading, summary, named)]
    values = sorted(reading.value for reading in steady if reading.value is not None)
    observed = _statistic(values, statistic)
    more_would_do = 0 < len(values) < READINGS_NEEDED and not _too_many_gaps(steady, values)
    return Observation(
        value=observed,
        not_enough=_too_few(name, steady, values, monitored),
        figure=f"{name}: {_NAMES[statistic]}",
        shown=quantity(observed, unit),
        unit=unit,
        certain_if_missed=statistic == worst,
        remedies=(Remedy.LONGER,) if more_would_do else (),
    )


def _statistic(values: Sequence[float], statistic: str) -> float | None:
    """Of sorted values. A percentile is the smallest value that its share of the values does not exceed."""
    if not values:
        return None
    if statistic == "avg":
        return math.fsum(values) / len(values)
    return values[max(math.ceil(round(_LEVELS[statistic] * len(values), 9)) - 1, 0)]


def _too_few(
    name: str, steady: Sequence[Reading], values: Sequence[float], monitored: MonitoringData
) -> Message | None:
    """Why the samples are not enough to say that a target is met; None where they are."""
    component = name.split(".", 1)[0]
    of_component = of_metrics(monitored.readings, lambda metric: metric.startswith(f"{component}."))
    what = _COMPONENTS.get(component, component)
    if not of_component:
        return Reason.NO_MONITOR(what=what)
    if not steady:
        return Reason.NOT_READ(what=what, metric=name)
    if not values:
        answered = any(reading.value is not None for reading in of_component)
        return Reason.NO_VALUE(what=what, metric=name) if answered else Reason.NEVER_ANSWERED(what=what)
    if len(values) < READINGS_NEEDED:
        return Reason.TOO_FEW_READINGS(samples=len(values), needed=READINGS_NEEDED)
    if _too_many_gaps(steady, values):
        return Reason.TOO_MANY_GAPS(gaps=len(steady) - len(values), readings=len(steady))
    return None


def _too_many_gaps(steady: Sequence[Reading], values: Sequence[float]) -> bool:
    return len(steady) - len(values) > MOST_UNKNOWN * len(steady)


# ── the fingerprint ─────────────────────────────────────────────────────────────────────────────────────────


def _queries(target: Target, summary: Summary, fingerprint: Fingerprint | None) -> Observation:
    if fingerprint is None:
        return Observation(None, Reason.NO_FINGERPRINT())
    called = [
        cost
        for cost in fingerprint.operations
        if cost.known is not CostState.NOT_MEASURED
        and target.role in (None, cost.role)
        and target.operation in (None, cost.operation)
    ]
    if not called:
        return Observation(None, Reason.NOT_IN_FINGERPRINT())
    costs = [(spread.maximum, cost) for cost in called if (spread := cost.queries) is not None]
    unknown = [cost for cost in called if cost.queries is None]
    if not costs:
        return Observation(None, _cost_unknown(unknown))
    most, worst = max(costs, key=lambda pair: pair[0])
    shown = f"{number(most)} queries per request" + (f" ({_cost_unknown(unknown)})" if unknown else "")
    not_enough = _cost_unknown(unknown) if len(unknown) > MOST_UNKNOWN * len(called) else None
    remedies: tuple[Remedy, ...] = ()
    if not summary.totals.requests:
        not_enough, remedies = Reason.NO_STEADY_STATE(), (Remedy.LONGER,)
    figure = f"{worst.operation} as {worst.role} makes"
    return Observation(most, not_enough, figure, shown, certain_if_missed=True, remedies=remedies)


def _cost_unknown(unknown: Sequence[OperationCost]) -> Message:
    first, more = unknown[0], len(unknown) - 1
    return Reason.COST_UNKNOWN(
        operation=first.operation,
        role=first.role,
        more=f" and {number(more)} more" if more else "",
        why=first.reason,
    )
