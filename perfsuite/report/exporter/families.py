"""Every metric that is told: its name, type, labels and meaning, and what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from perfsuite.format import setting
from perfsuite.model import LiveSnapshot, Plan, TargetOutcome, TargetResult, monitor
from perfsuite.model.monitor import METRICS
from perfsuite.report.exporter.buckets import Buckets
from perfsuite.report.exporter.counts import Counts
from perfsuite.report.exporter.units import base_unit, reading_name

PHASES = ("starting", "ramp-up", "plateau", "ramp-down", "end")

Numbers = Iterable[tuple[Sequence[str], float]]
"""Label values → value."""
Distributions = Iterable[tuple[Sequence[str], Buckets]]
"""Label values → times."""


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
        for labels, buckets in values:
            made.add_metric(labels, buckets.cumulative(), buckets.sum_us / 1e6)
        return made

    def info(self, *values: str) -> Metric:
        """The metric whose labels are all that it tells."""
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

OF_PLAN = (RUN,)
OF_RECORDS = (
    *(REQUESTS, FAILURES, RESPONSE_TIME, SERVICE_TIME),
    *(ACTIONS_DUE, ACTIONS_BEGUN, ACTIONS_NOT_STARTED, START_LAG),
    *(CPU, CPU_WAIT, MEMORY, LOOP_LAG, LOST),
)
OF_SNAPSHOT = (
    *(ELAPSED, DURATION, PHASE, STEADY, USERS, USERS_REQUESTED),
    *(TARGET_LIMIT, TARGET_OBSERVED, TARGET_OUTCOME),
)
READINGS = {metric.name: _of_reading(metric) for metric in METRICS.values() if not metric.of_parts}
"""Monitors' metric → how it is told."""
FAMILIES = (*OF_PLAN, *OF_SNAPSHOT, *OF_RECORDS, *READINGS.values())


def of_plan(plan: Plan) -> Iterator[Metric]:
    """Which run it is."""
    yield RUN.info(plan.run_id, plan.scenario.name, plan.host)


def of_records(counts: Counts) -> Iterator[Metric]:
    """What was counted so far."""
    yield REQUESTS.numbers(counts.requests.items())
    yield FAILURES.numbers(counts.failures.items())
    yield RESPONSE_TIME.distributions(((role,), times) for role, times in counts.response_times.items())
    yield SERVICE_TIME.distributions(((role,), times) for role, times in counts.service_times.items())
    if counts.open_model:
        yield ACTIONS_DUE.numbers([((), counts.actions_due)])
        yield ACTIONS_BEGUN.numbers([((), counts.actions_begun)])
        yield ACTIONS_NOT_STARTED.numbers([((), counts.actions_not_started)])
        yield START_LAG.distributions([((), counts.start_lag)])
    told = counts.generators.items()
    waits = ((name, last.waited_percent) for name, last in told)
    yield CPU.numbers(((name,), last.cpu_percent / 100) for name, last in told)
    yield CPU_WAIT.numbers(((name,), percent / 100) for name, percent in waits if percent is not None)
    yield MEMORY.numbers(((name,), last.memory_bytes) for name, last in told)
    yield LOOP_LAG.distributions(((name,), lag) for name, lag in counts.loop_lag.items())
    yield LOST.numbers([((), counts.processes_lost)])


def of_snapshot(moment: LiveSnapshot) -> Iterator[Metric]:
    """How the run stands."""
    live = moment.live
    yield ELAPSED.numbers([((), live.elapsed_s)])
    yield DURATION.numbers([((), live.total_s)])
    yield PHASE.numbers(((phase,), phase == live.phase) for phase in PHASES)
    yield STEADY.numbers([((), live.steady)])
    yield USERS.numbers(((role,), users) for role, users in live.users.items())
    yield USERS_REQUESTED.numbers([((), live.users_requested)])
    yield from _of_targets({_target_labels(result): result for result in moment.targets})
    for metric, reading in moment.readings.items():
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
