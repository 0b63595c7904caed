"""Metrics of targets: their names in a sentence, and the units in which they are kept."""

from __future__ import annotations

from perfsuite.format import limit_text, setting
from perfsuite.messages import Message
from perfsuite.model import Target, TargetOutcome, TargetResult
from perfsuite.model.plan import CONCURRENT_USERS, LASTS_AT_LEAST, RECOVERY
from perfsuite.model.slo_presets import apdex_threshold
from perfsuite.model.summary import PERCENTILES

FAILURE_RATE = "failure_rate"
RPS = "rps"
AVERAGE = "avg_ms"

_NAMES = {
    AVERAGE: "average response time",
    "min_ms": "shortest response time",
    "max_ms": "longest response time",
    FAILURE_RATE: "failure rate",
    RPS: "throughput",
    CONCURRENT_USERS: "concurrent users",
    LASTS_AT_LEAST: "time until a resource is used up",
    RECOVERY: "recovery",
}
_UNITS = {FAILURE_RATE: "fraction", RPS: "requests/s", CONCURRENT_USERS: "users", RECOVERY: "s", LASTS_AT_LEAST: "s"}


def name_of(metric: str) -> str:
    """The metric's name in a sentence: "95th percentile"."""
    threshold_ms = apdex_threshold(metric)
    if threshold_ms is not None:
        return f"Apdex at {limit_text(AVERAGE, threshold_ms)}"
    fraction = PERCENTILES.get(metric)
    return _NAMES.get(metric, metric) if fraction is None else f"{setting(fraction * 100)}th percentile"


def unit_of(metric: str) -> str:
    """The unit in which a metric is kept."""
    return "ms" if metric.endswith("_ms") else _UNITS.get(metric, "")


def subject_of(target: Target) -> str:
    """ "95th percentile of policies.list as policyholder"."""
    return f"{name_of(target.metric)}{whom(target)}"


def whom(target: Target) -> str:
    """ " of policies.list as policyholder": the end of a phrase; "" for a target on all requests."""
    of = f" of {target.operation}" if target.operation else ""
    of = f"{of} as {target.role}" if target.role else of
    return f"{of} in {', '.join(target.stages)}" if target.stages else of


def scope_of(target: Target) -> str:
    """What a target limits: "all", "role policyholder", "operation policies.list", "stage high", or several."""
    parts = [f"role {target.role}"] if target.role else []
    parts += [f"operation {target.operation}"] if target.operation else []
    parts += [f"stage {' + '.join(target.stages)}"] if target.stages else []
    return ", ".join(parts) or "all"


def not_judged_result(target: Target, reason: Message, observed: float | None = None) -> TargetResult:
    """The result of a target before it is judged, and where it cannot be."""
    return TargetResult(
        name=target.name,
        scope=scope_of(target),
        metric=target.metric,
        limit=target.limit,
        below=target.below,
        observed=observed,
        unit=unit_of(target.metric),
        outcome=TargetOutcome.NOT_JUDGED,
        reason=reason,
    )
