"""The state of the load generator, the coverage of the run, and whether the counts of requests agree."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Generator, Ledger, WorkerJoined
from perfsuite.measurements.totals import histogram_of_all
from perfsuite.model import (
    LOGIN,
    AddressConnections,
    Coverage,
    GeneratorHealth,
    Lack,
    LostWorker,
    OperationCheck,
    Plan,
    PreflightReport,
    RawSampleFiles,
    Reconciliation,
    Row,
    RunLedger,
    SuiteErrorGroup,
    WorkerLedger,
    Works,
)
from perfsuite.model.generator import Capacity, capacity_of
from perfsuite.model.role import Role
from perfsuite.suite_errors import most_frequent_first
from perfsuite.summary.figures import as_ms
from perfsuite.summary.periods import RunTimeline

_NEEDED = 100
"""Fewer than for a judged percentile: it only has to reveal a generator in trouble."""


_BUSY_PERCENT = 90.0
"""The field `cpu_over_90_rate` has this number in its name."""

_LEAST_S = 0.5
"""CPU time is counted in hundredths of a second: over less time than this a share means nothing."""


def generator_health(aggregate: Aggregate, when: RunTimeline) -> GeneratorHealth:
    """The worst process in each figure over the steady state; over the whole run when there was none.

    Its CPU is that of the process that wanted most, so that the two figures belong together.
    """
    known = [record for second in aggregate.seconds.values() for record in second.generators]
    steady = [record for record in known if when.is_steady(record.second)]
    health = _worst_of(steady or known, when.steady_s)
    return replace(health, processes=len(aggregate.workers), lost_reports=aggregate.lost_reports)


def capacity_within(aggregate: Aggregate, seconds: range) -> Capacity:
    """How near its limit the generator was in these seconds, as far as they are kept."""
    records = [
        record for second in seconds if second in aggregate.seconds for record in aggregate.seconds[second].generators
    ]
    return capacity_of_generator(records, len(seconds))


def capacity_of_generator(reports: Iterable[Generator], span_s: float) -> Capacity:
    """How near its limit the generator was, by its reports over so many seconds."""
    return capacity_of(_worst_of(reports, span_s), span_s)


def _worst_of(reports: Iterable[Generator], span_s: float) -> GeneratorHealth:
    """The worst process in each figure."""
    of_process: dict[str, list[Generator]] = defaultdict(list)
    for record in reports:
        if record.span_s > 0:
            of_process[record.worker].append(record)
    healths = {name: _health(records) for name, records in sorted(of_process.items())}
    each = list(healths.values())
    used = {name: capacity_of(health, span_s).used_percent for name, health in healths.items()}
    return GeneratorHealth(
        processes=len(each),
        cpu_percent_max=_worst(process.cpu_percent_max for process in each),
        loop_lag_p99_ms=_worst(process.loop_lag_p99_ms for process in each),
        lost_reports=0,
        cpu_percent_mean=_of_most_wanting(each),
        cpu_wanted_percent_mean=_worst(process.cpu_wanted_percent_mean for process in each),
        cpu_over_90_rate=_worst(process.cpu_over_90_rate for process in each),
        gc_pause_p99_ms=_worst(process.gc_pause_p99_ms for process in each),
        gc_pause_max_ms=_worst(process.gc_pause_max_ms for process in each),
        gc_share_rate=_worst(process.gc_share_rate for process in each),
        throttled_rate=_worst(process.throttled_rate for process in each),
        limit_cores=min((process.limit_cores for process in each if process.limit_cores is not None), default=None),
        limit_wanted_percent_mean=_worst(process.limit_wanted_percent_mean for process in each),
        send_lag_p99_ms=_worst(process.send_lag_p99_ms for process in each),
        held_back_s=_worst(process.held_back_s for process in each) or 0.0,
        capacity_by_process={name: percent for name, percent in used.items() if percent is not None} or None,
    )


def _of_most_wanting(each: Sequence[GeneratorHealth]) -> float | None:
    known = [(one.cpu_wanted_percent_mean or 0.0, one.cpu_percent_mean or 0.0) for one in each]
    return max(known)[1] if known else None


@dataclass(frozen=True, slots=True)
class _Busy:
    """CPU that a process used and wanted, in percent × s, over `span_s` seconds."""

    span_s: float
    used: float
    wanted: float


def _busy(records: Sequence[Generator]) -> _Busy:
    """The sum, each report weighted by its span."""
    used = math.fsum(record.cpu_percent * record.span_s for record in records)
    waited = math.fsum((record.waited_percent or 0.0) * record.span_s for record in records)
    return _Busy(math.fsum(record.span_s for record in records), used, used + waited)


def _health(records: Sequence[Generator]) -> GeneratorHealth:
    """The figures of one process, each report weighted by its span."""
    lag = histogram_of_all([record.loop_lag for record in records])
    send_lag = histogram_of_all([record.send_lag for record in records])
    pauses = histogram_of_all([record.gc_pauses for record in records])
    of_second: dict[int, list[Generator]] = defaultdict(list)
    for record in records:
        of_second[record.second].append(record)
    seconds = [_busy(together) for together in of_second.values()]
    whole = [second for second in seconds if second.span_s >= _LEAST_S] or seconds
    total = _busy(records)
    limit_cores = min((record.limit_cores for record in records if record.limit_cores is not None), default=None)
    wanted = total.wanted / total.span_s
    often_s = math.fsum(second.span_s for second in seconds if second.wanted / second.span_s > _BUSY_PERCENT)
    return GeneratorHealth(
        processes=1,
        cpu_percent_max=max(second.used / second.span_s for second in whole),
        loop_lag_p99_ms=_p99_ms(lag),
        lost_reports=0,
        cpu_percent_mean=total.used / total.span_s,
        cpu_wanted_percent_mean=wanted,
        cpu_over_90_rate=often_s / total.span_s,
        gc_pause_p99_ms=_p99_ms(pauses),
        gc_pause_max_ms=pauses.max_us / 1000 if pauses.count else None,
        gc_share_rate=pauses.sum_us / 1e6 / total.span_s if pauses.count else None,
        throttled_rate=_throttled(records),
        limit_cores=limit_cores,
        limit_wanted_percent_mean=wanted / limit_cores if limit_cores is not None and limit_cores < 1 else None,
        send_lag_p99_ms=_p99_ms(send_lag),
        held_back_s=math.fsum(record.held_back_s for record in records),
    )


def _throttled(records: Sequence[Generator]) -> float | None:
    """The mean over time; None where no record says."""
    known = [(record.throttled_rate, record.span_s) for record in records if record.throttled_rate is not None]
    span_s = math.fsum(span_s for _rate, span_s in known)
    return math.fsum(rate * span_s for rate, span_s in known) / span_s if span_s else None


def _p99_ms(times: Histogram) -> float | None:
    return as_ms(times.percentile_us(0.99)) if times.count >= _NEEDED else None


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def lost_workers(aggregate: Aggregate) -> tuple[LostWorker, ...]:
    """The load processes that were lost, in the order of time."""
    lost = (LostWorker(record.lost, record.at, record.users, record.reason, record.placed) for record in aggregate.lost)
    return tuple(sorted(lost, key=lambda worker: (worker.at, worker.worker)))


def ledger(aggregate: Aggregate, recorded: int) -> RunLedger | None:
    """What each load process sent and what arrived, in the order in which they joined; None in older files.

    `recorded`: requests in the measurements.
    """
    joined = {record.joined: record for record in sorted(aggregate.joined, key=lambda record: record.at)}
    lost = {record.lost for record in aggregate.lost}
    found = []
    for name in dict.fromkeys([*joined, *sorted(aggregate.ledger)]):
        join, sent = joined.get(name), aggregate.ledger.get(name)
        worker = WorkerLedger(name, lost=name in lost)
        if join is not None:
            worker = replace(worker, joined_at=join.at, **_same(join, "host", "pid", "spare", *_CLOCK))
        if sent is not None:
            worker = replace(worker, **_same(sent, "host", "lost", *_CLOCK, *_COUNTS))
        found.append(worker)
    return RunLedger(tuple(found), bool(aggregate.ledger), recorded) if found else None


_CLOCK = ("clock_offset_ms", "clock_uncertainty_ms")
_COUNTS = ("sent", "received", "duplicates", "requests", "said_requests", "first", "last")


def _same(record: WorkerJoined | Ledger, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def raw_sample_files(aggregate: Aggregate) -> RawSampleFiles | None:
    """The files with every request; None for a run without them."""
    states = sorted(aggregate.raw_samples.values(), key=lambda state: state.file)
    if not states:
        return None
    return RawSampleFiles(
        files=tuple(state.file for state in states),
        written=sum(state.written for state in states),
        left_out=sum(state.left_out for state in states),
        why=next((state.why for state in states if state.why), ""),
        whole=all(state.whole for state in states),
    )


def coverage(preflight: PreflightReport | None, not_possible: Mapping[tuple[str, str, str], int]) -> Coverage:
    """The planned operations that the target offers, per role; empty without a preflight.

    `not_possible`: how often, by role, operation and reason.
    """
    checks = preflight.checks if preflight else ()
    times: Counter[str] = Counter()
    for (_role, operation, _why), count in not_possible.items():
        times[operation] += count
    return Coverage(
        offered=sum(check.works is not Works.MISSING for check in checks),
        missing=_named(checks, Works.MISSING),
        broken=_named(checks, Works.BROKEN),
        left_out=_named(checks, Works.LEFT_OUT),
        not_possible=dict(sorted(times.items())),
        lacking=tuple(
            Lack(role, operation, _as_the_database_saw_it(why, role, checks), count)
            for (role, operation, why), count in sorted(not_possible.items())
        ),
        empty=tuple(f"{check.role} / {check.empty_note}" for check in checks if check.empty_answer),
        dead_behaviours=preflight.dead_behaviours if preflight else (),
        left_out_because={
            f"{check.role} / {check.operation}": check.message
            for check in checks
            if check.works is Works.LEFT_OUT and check.message
        },
        differs=tuple(
            dict.fromkeys(f"{check.operation}: {difference}" for check in checks for difference in check.differs)
        ),
    )


def with_exercised(known: Coverage, plan: Plan, roles: Sequence[Role], rows: Iterable[Row]) -> Coverage:
    """The coverage, with the operations that the load really sent."""
    sent = {f"{row.role} / {row.operation}" for row in rows if row.statistics.requests > row.breakdown.not_started}
    there = [role for role in roles if plan.users_by_role.get(role.slug) or role.slug in plan.absent_roles]
    planned = tuple(dict.fromkeys(f"{role.slug} / {operation}" for role in there for operation in _operations(role)))
    return replace(
        known,
        planned=planned,
        not_exercised=tuple(entry for entry in planned if entry not in sent),
        excluded=tuple(entry for entry in planned if not plan.scenario.sends(entry.partition(" / ")[2])),
    )


def _operations(role: Role) -> Iterable[str]:
    yield LOGIN
    for behaviour in role.behaviours:
        yield from (step.operation for step in behaviour.steps)


def _as_the_database_saw_it(why: str, role: str, checks: Iterable[OperationCheck]) -> str:
    """The reason, with the rows that the database read for an answer without any."""
    for check in checks:
        if check.role == role and check.empty_answer and check.rows_read:
            why = why.replace(check.empty_answer, check.empty_note)
    return why


def _named(checks: Iterable[OperationCheck], works: Works) -> tuple[str, ...]:
    return tuple(f"{check.role} / {check.operation}" for check in checks if check.works is works)


def connections(aggregate: Aggregate) -> tuple[AddressConnections, ...]:
    """By address, the most connections first."""
    found = (
        AddressConnections(
            address,
            totals.opened,
            totals.no_answer,
            totals.waited_us / totals.no_answer / 1000 if totals.no_answer else None,
            totals.waited_max_us / 1000 if totals.no_answer else None,
        )
        for address, totals in aggregate.connections.items()
    )
    return tuple(sorted(found, key=lambda each: (-each.opened, each.address)))


def reconciliation(aggregate: Aggregate, recorded: int, backend_log: int | None) -> Reconciliation:
    """The recorder's count of what was sent beside that of the senders, Locust's and the backend's.

    Those of the senders and of Locust are not to be had when a process ended without its last record.
    """
    own = {
        "repeated": aggregate.retries,
        "never_left": sum(second.never_left for second in aggregate.seconds.values()),
    }
    if not aggregate.workers or not aggregate.workers <= aggregate.ends.keys():
        return Reconciliation(recorded, None, backend_log, **own)
    ends = aggregate.ends.values()
    known = [end.sent for end in ends if end.sent is not None]
    sent = sum(known) if len(known) == len(ends) else None
    unrecorded = sum(end.unrecorded for end in ends)
    retries = None if sent is None else sum(end.retries for end in ends)
    total = sum(end.locust_total for end in ends)
    return Reconciliation(recorded, total, backend_log, sent, unrecorded, retries=retries, **own)


def suite_errors(aggregate: Aggregate, of_parent: Iterable[SuiteErrorGroup]) -> tuple[SuiteErrorGroup, ...]:
    """Errors of the suite itself in all its processes."""
    of_load = (
        SuiteErrorGroup(place, message, count, log) for (place, message, log), count in aggregate.suite_errors.items()
    )
    return most_frequent_first((*of_parent, *of_load))
