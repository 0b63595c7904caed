"""Targets on what a monitor read at the target, and on what the fingerprint counted.

A metric reads "postgres.connections_used_percent max": the reading, and which figure of its samples counts.
    needed      30 samples in the steady state, of which at most a tenth are gaps; a maximum (or minimum) that is
                beyond its limit is missed with fewer too, since more samples could only be worse
    queries     the most that a request of any operation made; operations whose cost is not known are named, and
                where they are more than a tenth nothing is judged
Comparison is strict, as with all targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.format import number, plural, quantity
from perfsuite.model import Plan, Remedy, Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.fingerprint import Fingerprint, Known, OperationCost
from perfsuite.model.monitor import METRICS, Reading

MAX_QUERIES = "max_queries_per_request"
SAMPLES_NEEDED = 30
MOST_UNKNOWN = 0.1
_WORST = ("max", "min")
_LEVELS = {"p95": 0.95, "p5": 0.05}
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
class OnTarget:
    """What is known of the target itself: readings in any order, and the fingerprint of the run."""

    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was observed, whether that is enough to say that a target is met, and the words for it.

    `why_not`: why it is not enough; "" where it is. `sure_if_missed`: more could only be worse. `remedies`: what would
    make it enough; () where a longer run would not.
    """

    observed: float | None
    why_not: str
    told: str = ""
    unit: str = ""
    sure_if_missed: bool = False
    remedies: tuple[Remedy, ...] = ()


def is_on_target(metric: str) -> bool:
    """Is it a figure of the target itself, and not of the load's requests and users?"""
    return metric == MAX_QUERIES or "." in metric


def judge_on_target(target: Target, plan: Plan, summary: Summary, known: OnTarget) -> TargetResult:
    """One such target; not judged with the reason where it cannot be."""
    found = _queries(target, known.fingerprint) if target.metric == MAX_QUERIES else _read(target, summary, known)
    met = found.observed is not None and (
        found.observed < target.limit if target.below else found.observed > target.limit
    )
    judged = found.observed is not None and (not found.why_not or (found.sure_if_missed and not met))
    outcome = TargetOutcome.NOT_JUDGED
    reason = found.why_not
    if judged:
        outcome = TargetOutcome.MET if met else TargetOutcome.MISSED
        limit = quantity(target.limit, found.unit)
        reason = f"{found.told}, {f'limit {limit}' if target.below else f'more than {limit} needed'}"
    scenario = plan.scenario.name
    if scenario in target.information_in:
        word = outcome.value if outcome is TargetOutcome.NOT_JUDGED else f"would be {outcome.value}"
        outcome, reason = TargetOutcome.INFORMATION, f"information only in scenario {scenario}, {word}: {reason}"
    return TargetResult(
        name=target.name,
        scope=_scope(target),
        metric=target.metric,
        limit=target.limit,
        below=target.below,
        observed=found.observed,
        unit=found.unit,
        outcome=outcome,
        reason=reason,
        remedies=() if judged else found.remedies,
    )


def _scope(target: Target) -> str:
    if target.metric != MAX_QUERIES:
        return "target"
    words = (("role", target.role), ("operation", target.operation))
    return ", ".join(f"{word} {name}" for word, name in words if name) or "all"


def _read(target: Target, summary: Summary, known: OnTarget) -> Found:
    name, _, statistic = target.metric.partition(" ")
    statistic = statistic or ("max" if target.below else "min")
    unit = METRICS[name].unit if name in METRICS else ""
    start, end = summary.steady_start, summary.steady_end
    if start is None or end is None:
        return Found(None, "there was no steady state", unit=unit, remedies=(Remedy.LONGER,))
    own = [reading for reading in known.readings if reading.metric == name]
    whole = [reading for reading in own if not reading.is_part] or own
    # A reading tells of the second that ends with it.
    steady = [reading for reading in whole if start < reading.at_s <= end]
    values = sorted(reading.value for reading in steady if reading.value is not None)
    observed = _statistic(values, statistic)
    told = "" if observed is None else f"{name}: {_NAMES[statistic]} {quantity(observed, unit)}"
    why_not = _too_few(name, steady, values, known)
    more_would_do = 0 < len(values) < SAMPLES_NEEDED and not _too_many_gaps(steady, values)
    remedies = (Remedy.LONGER,) if more_would_do else ()
    only_worse = statistic == ("max" if target.below else "min")
    return Found(observed, why_not, told, unit, only_worse, remedies)


def _statistic(values: Sequence[float], statistic: str) -> float | None:
    """Of sorted values. A percentile is the smallest value that is not exceeded by the others of its share."""
    if not values:
        return None
    if statistic == "avg":
        return math.fsum(values) / len(values)
    if statistic in _WORST:
        return values[-1] if statistic == "max" else values[0]
    return values[max(math.ceil(round(_LEVELS[statistic] * len(values), 9)) - 1, 0)]


def _too_few(name: str, steady: Sequence[Reading], values: Sequence[float], known: OnTarget) -> str:
    """Why the samples do not say that a target is met; "" where they do."""
    component = name.split(".", 1)[0]
    if not steady:
        if not any(reading.metric.startswith(f"{component}.") for reading in known.readings):
            return f"no monitor of {_COMPONENTS.get(component, component)} in this run"
        return f"the monitor of {_COMPONENTS.get(component, component)} did not read {name} in the steady state"
    if not values:
        answered = any(each.value is not None for each in known.readings if each.metric.startswith(f"{component}."))
        what = f"gave no value of {name} in the steady state" if answered else "never answered"
        return f"the monitor of {_COMPONENTS.get(component, component)} {what}"
    if len(values) < SAMPLES_NEEDED:
        return f"{plural(len(values), 'sample')}, {SAMPLES_NEEDED} needed"
    if _too_many_gaps(steady, values):
        return f"{number(len(steady) - len(values))} of {plural(len(steady), 'reading')} are gaps"
    return ""


def _too_many_gaps(steady: Sequence[Reading], values: Sequence[float]) -> bool:
    return len(steady) - len(values) > MOST_UNKNOWN * len(steady)


def _queries(target: Target, fingerprint: Fingerprint | None) -> Found:
    if fingerprint is None:
        return Found(None, "no fingerprint was taken in this run")
    called = [
        cost
        for cost in fingerprint.operations
        if cost.known is not Known.NOT_MEASURED
        and target.role in (None, cost.role)
        and target.operation in (None, cost.operation)
    ]
    if not called:
        return Found(None, "the fingerprint has no such operation, or could not measure it")
    costs = [(spread.maximum, cost) for cost in called if (spread := cost.queries) is not None]
    unknown = [cost for cost in called if cost.queries is None]
    untold = _untold(unknown)
    why_not = untold if len(unknown) > MOST_UNKNOWN * len(called) else ""
    if not costs:
        return Found(None, untold)
    most, worst = max(costs, key=lambda pair: pair[0])
    told = f"{worst.operation} as {worst.role} makes {number(most)} queries per request"
    return Found(most, why_not, f"{told} ({untold})" if untold else told, "", sure_if_missed=True)


def _untold(unknown: Sequence[OperationCost]) -> str:
    if not unknown:
        return ""
    first = unknown[0]
    more = f" and {number(len(unknown) - 1)} more" if len(unknown) > 1 else ""
    return f"the cost of {first.operation} as {first.role}{more} is not known: {first.reason}"
