"""Every metric for Prometheus: its name, type, labels, unit and meaning, and what it is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from perfsuite.format import setting
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import BOUNDARIES_MS, ClassicHistogram
from perfsuite.model import LOGIN, FailureKind, LiveSnapshot, Plan, TargetOutcome, TargetResult, monitor
from perfsuite.model.monitor import METRICS
from perfsuite.model.periods import END, PLATEAU, RAMP_DOWN, RAMP_UP
from perfsuite.model.role import Role
from perfsuite.target.catalogue import CATALOGUE

PHASES = ("starting", RAMP_UP, PLATEAU, RAMP_DOWN, END)
OTHER = "other"
"""Stands for roles, operations and kinds of failure that are not the suite's own, so that labels stay few."""
_KINDS = frozenset(FailureKind)
_BOUNDARIES = (*(str(boundary / 1000) for boundary in BOUNDARIES_MS), "+Inf")
"""In seconds, as Prometheus writes them."""

Numbers = Iterable[tuple[Sequence[str], float]]
"""Label values → value."""
Distributions = Iterable[tuple[Sequence[str], ClassicHistogram]]
"""Label values → times."""


@dataclass(frozen=True, slots=True)
class BaseUnit:
    """A base unit, the divisor from our unit to it, and the suffixes of names in both."""

    name: str
    divisor: float = 1.0
    suffix: str = ""
    base_suffix: str = ""


_UNITS = {
    "ms": BaseUnit("seconds", 1000.0, "_ms", "_seconds"),
    "s": BaseUnit("seconds", 1.0, "_s", "_seconds"),
    "percent": BaseUnit("ratio", 100.0, "_percent", "_ratio"),
    "bytes": BaseUnit("bytes", 1.0, "_bytes", "_bytes"),
    "per second": BaseUnit("per_second", 1.0, "_per_s", "_per_second"),
    "bytes per second": BaseUnit("bytes_per_second", 1.0, "_per_s", "_per_second"),
    "ms per second": BaseUnit("seconds_per_second", 1000.0, "_ms_per_s", "_seconds_per_second"),
    "count": BaseUnit(""),
    # of targets
    "fraction": BaseUnit("ratio"),
    "requests/s": BaseUnit("requests_per_second"),
    "users": BaseUnit("users"),
}


def base_unit(unit: str) -> BaseUnit:
    """The base unit of a unit of the suite. Raises KeyError for an unknown unit."""
    return _UNITS[unit]


def reading_name(metric: monitor.Metric) -> str:
    """The name of a reading for Prometheus: "server.cpu_percent" → "mitra_reading_server_cpu_ratio"."""
    unit = base_unit(metric.unit)
    return f"mitra_reading_{metric.name.removesuffix(unit.suffix).replace('.', '_')}{unit.base_suffix}"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `name` is the whole name, with unit and `_total` or `_info`."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str

    def numbers(self, values: Numbers) -> Metric:
        """The metric with its values: of a counter or a gauge."""
        made = (CounterMetricFamily if self.type == "counter" else GaugeMetricFamily)(
            self.name, self.meaning, labels=self.labels
        )
        for labels, value in values:
            made.add_metric(labels, value)
        return made

    def distributions(self, values: Distributions) -> Metric:
        """The metric with its values: of a histogram of seconds."""
        made = HistogramMetricFamily(self.name, self.meaning, labels=self.labels, unit="seconds")
        for labels, times in values:
            made.add_metric(labels, list(zip(_BOUNDARIES, accumulate(times.counts), strict=True)), times.sum_us / 1e6)
        return made

    def info(self, *values: str) -> Metric:
        """The metric whose labels are all that it says."""
        return InfoMetricFamily(
            self.name.removesuffix("_info"), self.meaning, dict(zip(self.labels, values, strict=True))
        )


def _of_reading(metric: monitor.Metric) -> Family:
    divisor = base_unit(metric.unit).divisor
    divided = f" / {setting(divisor)}" if divisor != 1 else ""
    meaning = f"{metric.name}{divided} of readings.csv: {metric.meaning}"
    return Family(reading_name(metric), "gauge", ("source",), meaning)


_PLACE, _ROLE, _PROCESS = ("role", "operation"), ("role",), ("process",)
_TARGET = ("target", "scope", "metric", "unit")

RUN = Family("mitra_load_run_info", "info", ("run_id", "scenario", "host"), "The run that the other metrics are of")
ELAPSED = Family("mitra_load_elapsed_seconds", "gauge", (), "Time since the first user was started")
DURATION = Family("mitra_load_planned_duration_seconds", "gauge", (), "How long the load is to last, ramp-up included")
PHASE = Family("mitra_load_phase", "gauge", ("phase",), "1 for the phase that the load is in, 0 for the others")
STEADY = Family("mitra_load_steady", "gauge", (), "1 while there is a steady state to judge, 0 before")
USERS = Family("mitra_load_users", "gauge", _ROLE, "Virtual users alive; in the open model its sessions")
USERS_REQUESTED = Family("mitra_load_users_requested", "gauge", (), "Virtual users that the scenario asks for")
REQUESTS = Family(
    "mitra_load_requests_total", "counter", _PLACE, "Requests, failed ones and actions that never began included"
)
FAILURES = Family("mitra_load_failures_total", "counter", (*_PLACE, "kind"), "Failed requests by kind of failure")
RESPONSE_TIME = Family(
    "mitra_load_response_time_seconds",
    "histogram",
    _ROLE,
    "From the moment a request was due to the last byte of its answer, failed requests included",
)
SERVICE_TIME = Family(
    "mitra_load_service_time_seconds",
    "histogram",
    _ROLE,
    "From the send of a request to the last byte of its answer, connecting left out",
)
ACTIONS_DUE = Family("mitra_load_actions_due_total", "counter", (), "Open model: actions that were due")
ACTIONS_BEGUN = Family("mitra_load_actions_begun_total", "counter", (), "Open model: actions that began")
ACTIONS_NOT_STARTED = Family(
    "mitra_load_actions_not_started_total", "counter", (), "Open model: actions that were due and given up"
)
START_LAG = Family(
    "mitra_load_action_start_lag_seconds", "histogram", (), "Open model: how late actions began after they were due"
)
CPU = Family("mitra_load_generator_cpu_ratio", "gauge", _PROCESS, "CPU of a load process; 1 is one core")
CPU_WAIT = Family(
    "mitra_load_generator_cpu_wait_ratio", "gauge", _PROCESS, "Share of a second in which it waited for a core"
)
MEMORY = Family("mitra_load_generator_memory_bytes", "gauge", _PROCESS, "Resident memory of a load process")
LOOP_LAG = Family(
    "mitra_load_generator_loop_lag_seconds", "histogram", _PROCESS, "How late the event loop of a load process was"
)
LOST = Family("mitra_load_processes_lost_total", "counter", (), "Load processes that died or fell silent")
TARGET_LIMIT = Family("mitra_target_limit", "gauge", (*_TARGET, "wanted"), "Limit of a target")
TARGET_OBSERVED = Family(
    "mitra_target_observed", "gauge", _TARGET, "What a target is compared with, so far; absent while that is not known"
)
TARGET_OUTCOME = Family(
    "mitra_target_outcome", "gauge", (*_TARGET, "outcome"), "1 for what became of a target so far, 0 for the others"
)

READINGS = {metric.name: _of_reading(metric) for metric in METRICS.values() if not metric.of_parts}
"""Monitors' metric → its metric here."""


def of_plan(plan: Plan) -> Iterator[Metric]:
    """Which run it is."""
    yield RUN.info(plan.run_id, plan.scenario.name, plan.host)


def of_records(plan: Plan, roles: Iterable[Role], aggregate: Aggregate) -> Iterator[Metric]:
    """What was recorded so far.

    What the planned roles can do is there at 0 from the start, since Prometheus cannot see the first increase of a
    series that was not there before.
    """
    open_model = plan.scenario.arrival is not None
    planned = dict.fromkeys(_planned(plan, roles), 0)
    kinds = [kind.value for kind in FailureKind if open_model or kind is not FailureKind.NOT_STARTED]
    requests = Counter[tuple[str, str]](planned)
    for (role, operation), count in aggregate.requests.items():
        requests[_role(plan, role), _operation(operation)] += count
    yield REQUESTS.numbers(requests.items())
    failures = Counter[tuple[str, str, str]]({(*place, kind): 0 for place in planned for kind in kinds})
    for (role, operation, kind, _message), failed in aggregate.failures.items():
        known = kind if kind in _KINDS else OTHER
        failures[_role(plan, role), _operation(operation), known] += failed.count
    yield FAILURES.numbers(failures.items())
    response = {role: ClassicHistogram() for role in plan.users_by_role}
    service = {role: ClassicHistogram() for role in plan.users_by_role}
    for role, totals in aggregate.by_role.items():
        response.setdefault(_role(plan, role), ClassicHistogram()).merge(totals.response)
        service.setdefault(_role(plan, role), ClassicHistogram()).merge(totals.service)
    yield RESPONSE_TIME.distributions(((role,), times) for role, times in response.items())
    yield SERVICE_TIME.distributions(((role,), times) for role, times in service.items())
    if open_model:
        yield ACTIONS_DUE.numbers([((), aggregate.arrivals.due)])
        yield ACTIONS_BEGUN.numbers([((), aggregate.arrivals.begun)])
        yield ACTIONS_NOT_STARTED.numbers([((), sum(each.not_started for each in aggregate.by_role.values()))])
        yield START_LAG.distributions([((), aggregate.arrivals.lag)])
    yield from _of_processes(aggregate)


def _of_processes(aggregate: Aggregate) -> Iterator[Metric]:
    """The load processes; of a lost one only its sums."""
    lost = {record.lost for record in aggregate.lost}
    latest = {name: process.latest for name, process in aggregate.processes.items() if name not in lost}
    waits = ((name, record.waited_percent) for name, record in latest.items())
    yield CPU.numbers(((name,), record.cpu_percent / 100) for name, record in latest.items())
    yield CPU_WAIT.numbers(((name,), percent / 100) for name, percent in waits if percent is not None)
    yield MEMORY.numbers(((name,), record.memory_bytes) for name, record in latest.items())
    yield LOOP_LAG.distributions(((name,), process.loop_lag) for name, process in aggregate.processes.items())
    yield LOST.numbers([((), len(aggregate.lost))])


def _planned(plan: Plan, roles: Iterable[Role]) -> Iterator[tuple[str, str]]:
    """Role and operation of everything that the planned roles can do, and their logins."""
    for role in roles:
        if role.slug in plan.users_by_role:
            steps = [*(step for behaviour in role.behaviours for step in behaviour.steps), *role.sources.values()]
            yield from ((role.slug, operation) for operation in (LOGIN, *(step.operation for step in steps)))


def _role(plan: Plan, role: str) -> str:
    return role if role in plan.users_by_role else OTHER


def _operation(operation: str) -> str:
    return operation if operation in CATALOGUE else OTHER


def of_snapshot(snapshot: LiveSnapshot) -> Iterator[Metric]:
    """How the run stands."""
    live = snapshot.live
    yield ELAPSED.numbers([((), live.elapsed_s)])
    yield DURATION.numbers([((), live.total_s)])
    yield PHASE.numbers(((phase,), phase == live.phase) for phase in PHASES)
    yield STEADY.numbers([((), live.steady)])
    yield USERS.numbers(((role,), users) for role, users in live.users.items())
    yield USERS_REQUESTED.numbers([((), live.users_requested)])
    yield from _of_targets({_target_labels(result): result for result in snapshot.targets})
    for metric, reading in snapshot.readings.items():
        if reading.value is not None and metric in READINGS:
            value = reading.value / base_unit(METRICS[metric].unit).divisor
            yield READINGS[metric].numbers([((reading.source,), value)])


def _target_labels(result: TargetResult) -> tuple[str, ...]:
    unit = base_unit(result.unit)
    return (result.name, result.scope, result.metric.removesuffix(unit.suffix), unit.name)


def _of_targets(results: dict[tuple[str, ...], TargetResult]) -> Iterator[Metric]:
    units = {labels: base_unit(result.unit).divisor for labels, result in results.items()}
    yield TARGET_LIMIT.numbers(
        ((*labels, "below" if result.below else "above"), result.limit / units[labels])
        for labels, result in results.items()
    )
    yield TARGET_OBSERVED.numbers(
        (labels, result.observed / units[labels]) for labels, result in results.items() if result.observed is not None
    )
    yield TARGET_OUTCOME.numbers(
        ((*labels, outcome.value), outcome is result.outcome)
        for labels, result in results.items()
        for outcome in TargetOutcome
    )
