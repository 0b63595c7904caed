"""All figures of one run from its measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from perfsuite.garbage_collection import without_collecting
from perfsuite.measurements.records import Record
from perfsuite.model import (
    ALL,
    TARGET_LOST,
    Cleanup,
    FailureGroup,
    FailureKind,
    Plan,
    PreflightReport,
    Row,
    Second,
    SecondArrivals,
    SuiteErrorGroup,
    Summary,
    WholeRun,
)
from perfsuite.model.periods import STEADY
from perfsuite.model.role import Role
from perfsuite.summary.arrivals import arrival_figures, second_arrivals
from perfsuite.summary.distribution import distribution
from perfsuite.summary.failures import count_of, failure_groups, target_lost_at
from perfsuite.summary.gather import Gathered, due_by_second, gather
from perfsuite.summary.health import (
    coverage,
    generator_health,
    lost_workers,
    reconciliation,
    suite_errors,
    with_exercised,
)
from perfsuite.summary.judged import EVERYTHING, drifts, evidence_of, target_figures, within
from perfsuite.summary.logins import login_figures
from perfsuite.summary.occupancy import occupancies
from perfsuite.summary.order import Order
from perfsuite.summary.outages import cut_off, outages
from perfsuite.summary.patterns import failure_patterns
from perfsuite.summary.periods import PhaseTimes, Timeline, phase_times, timeline
from perfsuite.summary.rows import behaviour_rows, period_rows, second_rows
from perfsuite.summary.server_times import remarks_of, server_times, without_server_times
from perfsuite.summary.tally import Due, breakdown, statistics, tally_of
from perfsuite.summary.users import all_logged_in_at, logging_in_by_second, user_counts, users_by_second

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a run beside its measurements. `ended`, `clock_set_s`: see Summary; `backend_log`: requests
    it counted.

    `suite_errors`: those of the process that leads the run; those of the load are among its measurements.
    """

    cleanup: Cleanup | None = None
    backend_log: int | None = None
    ended: str = COMPLETED
    environment: Mapping[str, str] = field(default_factory=dict)
    suite_errors: tuple[SuiteErrorGroup, ...] = ()
    clock_set_s: float = 0.0


_UNKNOWN = Circumstances()


def build(
    plan: Plan,
    records: Iterable[Record],
    *,
    preflight: PreflightReport | None,
    roles: Sequence[Role],
    circumstances: Circumstances = _UNKNOWN,
) -> Summary:
    """The figures of a run. A request belongs to the second in which it was due; the records' order is free.

    Throughput alone goes by the end: the rate of a period is that of the requests which ended in it. Files that do
    not tell the ends (schema 1) give the rate of the requests that were sent.
    A run without records, or cut off anywhere, gives a summary too: what is unknown is None or empty.
    """
    with without_collecting():
        return _summary(plan, gather(records), preflight, roles, circumstances)


def _summary(
    plan: Plan,
    gathered: Gathered,
    preflight: PreflightReport | None,
    roles: Sequence[Role],
    circumstances: Circumstances,
) -> Summary:
    phases, logging_in = _phases(gathered)
    when = timeline(phases, gathered.first, gathered.last)
    remarks = remarks_of(gathered.requests)
    times = server_times(gathered.requests, remarks)
    if not times.used:
        gathered.requests = without_server_times(gathered.requests)
    due = due_by_second(gathered)
    rows = period_rows(due, when, Order(roles))
    grand = _grand_total(rows)
    alive = users_by_second(gathered.users, range(when.first, when.stop), plan.users_by_role, gathered.lost)
    seconds, sent = _seconds(due, when, _Beside(alive, second_arrivals(plan, gathered, when)))
    failures = failure_groups(record for of_second in due.values() for record in of_second)
    expired = sum(record.expired for of_second in gathered.requests.values() for record in of_second)
    summary = Summary(
        run_id=plan.run_id,
        scenario=plan.scenario.name,
        host=plan.host,
        started_at=plan.created_at,
        duration_s=_duration_s(phases, when),
        steady_s=float(when.steady_s),
        steady_start=when.steady_start,
        steady_end=when.steady_end,
        users=user_counts(plan.scenario.users, alive),
        totals=grand.statistics,
        ok=grand.ok,
        rows=rows,
        behaviours=behaviour_rows(gathered.actions, when, _taking_part(plan, roles)),
        seconds=seconds,
        second_rows=tuple(second_rows(due, Order(roles))),
        failures=failures,
        whole_run=_whole_run(seconds, failures, expired),
        generator=generator_health(gathered, when),
        coverage=with_exercised(coverage(preflight, gathered.not_possible), plan, roles, rows),
        reconciliation=reconciliation(gathered, sent + expired, circumstances.backend_log),
        cleanup=circumstances.cleanup,
        target_lost_at=target_lost_at(gathered.requests, when, gave_up=circumstances.ended == TARGET_LOST),
        ended=circumstances.ended,
        environment=dict(circumstances.environment),
        arrivals=arrival_figures(plan, gathered, when, phases),
        lost_workers=lost_workers(gathered),
        occupancy=occupancies(plan, gathered, when, seconds),
        suite_errors=suite_errors(gathered, circumstances.suite_errors),
        logins=login_figures(gathered.requests, rows, when, logging_in, phases),
        server_times=times,
        remarks=remarks,
        clock_set_s=circumstances.clock_set_s,
    )
    return _with_evidence(_with_failures(summary, due, gathered, when, preflight), plan, due, when)


def _with_failures(
    summary: Summary,
    due: Mapping[int, Sequence[Due]],
    gathered: Gathered,
    when: Timeline,
    preflight: PreflightReport | None,
) -> Summary:
    """What failed: how it is spread, and when nothing was answered."""
    return replace(
        summary,
        failure_patterns=failure_patterns(summary.failures, due.values(), len(gathered.workers), preflight),
        outages=outages(gathered.requests, when),
        cut_off=cut_off(gathered.requests, when),
    )


def _with_evidence(summary: Summary, plan: Plan, due: Mapping[int, Sequence[Due]], when: Timeline) -> Summary:
    """What the targets and published limits need beyond the rows."""
    evidence = evidence_of(plan, due, when)
    return replace(
        summary,
        drifts=drifts(plan, evidence),
        target_figures=target_figures(plan, evidence),
        within=within(evidence) if when.steady_s else (),
        distribution=distribution(evidence[EVERYTHING].ok, due, when),
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """Second → what else is known of it than its requests."""

    alive: Mapping[int, dict[str, int]]
    arrivals: Mapping[int, SecondArrivals]


def _seconds(due: Mapping[int, Sequence[Due]], when: Timeline, beside: _Beside) -> tuple[tuple[Second, ...], int]:
    """Every second of the run, those without a request too, and how many requests were sent in all of them."""
    sent = 0
    seconds: list[Second] = []
    for second in range(when.first, when.stop):
        tally = tally_of(due.get(second, ()))
        sent += tally.sent
        seconds.append(
            Second(
                second=second,
                period=when.period(second),
                statistics=statistics(tally, 1),
                users=beside.alive[second],
                breakdown=breakdown(tally),
                arrivals=beside.arrivals.get(second),
            )
        )
    return tuple(seconds), sent


def _whole_run(seconds: Sequence[Second], failures: Sequence[FailureGroup], expired: int) -> WholeRun:
    return WholeRun(
        sum(second.statistics.requests for second in seconds),
        sum(second.statistics.failures for second in seconds),
        count_of(FailureKind.WRONG_ANSWER, failures),
        count_of(FailureKind.RATE_LIMIT, failures),
        expired,
    )


def _phases(gathered: Gathered) -> tuple[PhaseTimes, Mapping[int, int]]:
    """When the phases began, and how many users were not logged in yet, by second."""
    phases = phase_times(gathered.phases)
    if phases.plateau is None or gathered.first is None or gathered.last is None:
        return phases, {}
    seconds = range(min(gathered.first, math.floor(phases.plateau)), gathered.last + 1)
    logging_in = logging_in_by_second(gathered.users, seconds, gathered.lost)
    return replace(phases, logged_in=all_logged_in_at(logging_in, phases.plateau)), logging_in


def _duration_s(phases: PhaseTimes, when: Timeline) -> float:
    """From the first user's start to the end; whole seconds where the run did not tell its end."""
    if phases.ramp_up is None or phases.end is None:
        return float(when.stop - when.first)
    return phases.end - phases.ramp_up


def _grand_total(rows: Iterable[Row]) -> Row:
    grand = (STEADY, ALL, ALL, ALL)
    return next(row for row in rows if (row.period, row.role, row.behaviour, row.operation) == grand)


def _taking_part(plan: Plan, roles: Sequence[Role]) -> list[Role]:
    return [role for role in roles if plan.users_by_role.get(role.slug)]
