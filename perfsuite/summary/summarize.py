"""All figures of one run from its measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from perfsuite.garbage_collection import without_collecting
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.minutes import minute_of
from perfsuite.measurements.totals import Due, totals_of
from perfsuite.model import (
    ALL,
    NO_BREAKDOWN,
    TARGET_LOST,
    Aborted,
    Breakdown,
    Cleanup,
    FailureGroup,
    FailureKind,
    Plan,
    PreflightReport,
    Second,
    SecondArrivals,
    Statistics,
    SuiteErrorGroup,
    Summary,
    WholeRun,
)
from perfsuite.model.periods import MINUTE_S, STEADY
from perfsuite.model.role import Role
from perfsuite.summary.arrivals import arrival_figures, second_arrivals
from perfsuite.summary.corrections import due_by_second, remarks_of, server_times
from perfsuite.summary.correctness import correctness_of
from perfsuite.summary.failures import count_of, cut_off, failure_groups, failure_patterns, outages, target_lost_at
from perfsuite.summary.figures import breakdown, breakdown_of_sums, statistics, statistics_of_sums
from perfsuite.summary.health import (
    connections,
    coverage,
    generator_health,
    ledger,
    lost_workers,
    raw_sample_files,
    reconciliation,
    suite_errors,
    with_exercised,
)
from perfsuite.summary.occupancy import occupancies
from perfsuite.summary.periods import PhaseTimes, RunTimeline, phase_times, timeline, with_logins
from perfsuite.summary.rows import RowOrder, behaviour_rows, bins_of, period_rows, second_rows
from perfsuite.summary.slowest import slowest_requests
from perfsuite.summary.stages import stage_figures, stage_rows
from perfsuite.summary.targets import EVERYTHING, drifts, evidence_of, stage_evidence, target_figures, within
from perfsuite.summary.users import (
    all_logged_in_at,
    logging_in_by_second,
    login_figures,
    user_counts,
    users_by_second,
)

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Facts about a run that are not in its measurements. `ended`, `clock_set_s`: see Summary; `backend_log`: requests
    it counted.

    `suite_errors`: those of the process that leads the run; those of the load are among its measurements.
    """

    cleanup: Cleanup | None = None
    backend_log: int | None = None
    ended: str = COMPLETED
    environment: Mapping[str, str] = field(default_factory=dict)
    suite_errors: tuple[SuiteErrorGroup, ...] = ()
    clock_set_s: float = 0.0
    aborted: Aborted | None = None


_UNKNOWN = Circumstances()


def build(
    plan: Plan,
    aggregate: Aggregate,
    *,
    preflight: PreflightReport | None,
    roles: Sequence[Role],
    circumstances: Circumstances = _UNKNOWN,
) -> Summary:
    """The figures of a run. A request belongs to the second in which it was due.

    Throughput alone goes by the end: the rate of a period is that of the requests which ended in it. Files that do not
    record the ends (schema 1) give the rate of the requests that were sent. A run without records, or cut off at any
    point, gives a summary too: what is unknown is None or empty.
    """
    with without_collecting():
        summary = _summary(plan, aggregate, preflight, roles, circumstances)
    return replace(summary, aborted=circumstances.aborted, operation_seconds=aggregate.operations)


def _summary(
    plan: Plan,
    aggregate: Aggregate,
    preflight: PreflightReport | None,
    roles: Sequence[Role],
    circumstances: Circumstances,
) -> Summary:
    phases, logging_in = _phases(aggregate)
    when = replace(timeline(phases, aggregate.first, aggregate.last), minutes=frozenset(aggregate.minutes))
    times = server_times(aggregate, remarks := remarks_of(aggregate))
    due = due_by_second(aggregate, times)
    order = RowOrder(roles)
    rows = period_rows(due, when, order)
    grand = next(row for row in rows if (row.period, row.role, row.behaviour, row.operation) == (STEADY, ALL, ALL, ALL))
    beside = _beside(plan, aggregate, when)
    seconds, sent = _seconds(due, when, beside, aggregate)
    failures = failure_groups(aggregate.failures)
    summary = Summary(
        run_id=plan.run_id,
        scenario=plan.scenario.name,
        host=plan.host,
        started_at=plan.created_at,
        duration_s=_duration_s(phases, when),
        steady_s=float(when.steady_s),
        steady_start=when.steady_start,
        steady_end=when.steady_end,
        users=user_counts(plan.scenario, beside.alive, aggregate),
        totals=grand.statistics,
        ok=grand.ok,
        rows=rows,
        behaviours=behaviour_rows(aggregate, when, [role for role in roles if plan.users_by_role.get(role.slug)]),
        seconds=seconds,
        second_rows=tuple(second_rows(due, when, order)),
        failures=failures,
        whole_run=_whole_run(seconds, failures, aggregate),
        generator=generator_health(aggregate, when),
        coverage=with_exercised(coverage(preflight, aggregate.not_possible), plan, roles, rows),
        reconciliation=reconciliation(aggregate, sent + aggregate.expired, circumstances.backend_log),
        cleanup=circumstances.cleanup,
        target_lost_at=target_lost_at(aggregate, when, gave_up=circumstances.ended == TARGET_LOST),
        ended=circumstances.ended,
        environment=dict(circumstances.environment),
        arrivals=arrival_figures(plan, aggregate, when, phases),
        lost_workers=lost_workers(aggregate),
        occupancy=occupancies(plan, aggregate, when, seconds),
        suite_errors=suite_errors(aggregate, circumstances.suite_errors),
        logins=login_figures(aggregate, rows, when, logging_in, phases),
        server_times=times,
        remarks=remarks,
        clock_set_s=circumstances.clock_set_s,
        failure_patterns=failure_patterns(failures, aggregate, preflight),
        outages=outages(aggregate, when),
        cut_off=cut_off(aggregate, when),
        slowest=slowest_requests(aggregate, when, order, times),
        raw_samples=raw_sample_files(aggregate),
        connections=connections(aggregate),
        ledger=ledger(aggregate, sent + aggregate.expired),
    )
    summary = replace(_with_minutes(summary, due, when), correctness=correctness_of(plan, aggregate))
    return _with_stages(_with_evidence(summary, plan, due, when), plan, due, when, roles)


def _with_minutes(summary: Summary, due: Mapping[int, Sequence[Due]], when: RunTimeline) -> Summary:
    """The figures of the minutes that were rolled up."""
    first = (second for second in summary.seconds if second.second in when.minutes)
    totals = ((second, totals_of(due.get(second.second, ()))) for second in first)
    minutes = (
        replace(second, statistics=statistics(of_minute, MINUTE_S), breakdown=breakdown(of_minute))
        for second, of_minute in totals
    )
    return replace(summary, minutes=tuple(minutes))


def _with_stages(
    summary: Summary, plan: Plan, due: Mapping[int, Sequence[Due]], when: RunTimeline, roles: Sequence[Role]
) -> Summary:
    """The figures of the stages; nothing for a scenario without."""
    rows = stage_rows(plan, due, when, RowOrder(roles))
    return replace(summary, stages=stage_figures(plan, when, rows, summary.seconds, roles), stage_rows=rows)


def _with_evidence(summary: Summary, plan: Plan, due: Mapping[int, Sequence[Due]], when: RunTimeline) -> Summary:
    """What the targets and published limits need beyond the rows."""
    evidence = evidence_of(plan, due, when)
    everything = evidence[EVERYTHING]
    return replace(
        summary,
        drifts=drifts(plan, evidence),
        target_figures=target_figures(plan, evidence, stage_evidence(plan, due, when)),
        within=within(evidence) if when.steady_s else (),
        distribution=bins_of(everything.ok, everything.failed) if when.steady_s else (),
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """Second → its users, arrivals, and requests that never left the load machine."""

    alive: Mapping[int, dict[str, int]]
    arrivals: Mapping[int, SecondArrivals]
    never_left: Mapping[int, int]


def _beside(plan: Plan, aggregate: Aggregate, when: RunTimeline) -> _Beside:
    return _Beside(
        users_by_second(aggregate, range(when.first, when.stop), plan.users_by_role),
        second_arrivals(plan, aggregate, when),
        {number: second.never_left for number, second in aggregate.seconds.items() if second.never_left},
    )


def _seconds(
    due: Mapping[int, Sequence[Due]], when: RunTimeline, beside: _Beside, aggregate: Aggregate
) -> tuple[tuple[Second, ...], int]:
    """Every second of the run, those without a request too, and how many requests were sent in all of them."""
    sent = 0
    seconds: list[Second] = []
    for second in range(when.first, when.stop):
        if minute_of(second) in when.minutes:
            known = aggregate.seconds.get(second)
            sums = known.sums if known else []
            figures, parts = statistics_of_sums(sums), breakdown_of_sums(sums) if sums else NO_BREAKDOWN
            sent += figures.requests - parts.not_started
        else:
            totals = totals_of(due.get(second, ()))
            figures, parts = statistics(totals, 1), breakdown(totals)
            sent += totals.sent
        seconds.append(_second(second, figures, parts, when, beside))
    return tuple(seconds), sent


def _second(second: int, figures: Statistics, parts: Breakdown, when: RunTimeline, beside: _Beside) -> Second:
    return Second(
        second=second,
        period=when.period(second),
        statistics=figures,
        users=beside.alive[second],
        breakdown=parts,
        arrivals=beside.arrivals.get(second),
        never_left=beside.never_left.get(second, 0),
        stage=stage.name if (stage := when.stage_of(second)) else "",
    )


def _whole_run(seconds: Sequence[Second], failures: Sequence[FailureGroup], aggregate: Aggregate) -> WholeRun:
    return WholeRun(
        sum(second.statistics.requests for second in seconds),
        sum(second.statistics.failures for second in seconds),
        count_of(FailureKind.WRONG_ANSWER, failures),
        count_of(FailureKind.RATE_LIMIT, failures),
        aggregate.expired,
        aggregate.retries,
    )


def _phases(aggregate: Aggregate) -> tuple[PhaseTimes, Mapping[int, int]]:
    """When the phases began, and how many users were not logged in yet, by second."""
    phases = phase_times(aggregate.phases)
    if phases.plateau is None or aggregate.first is None or aggregate.last is None:
        return phases, {}
    seconds = range(min(aggregate.first, math.floor(phases.plateau)), aggregate.last + 1)
    logging_in = logging_in_by_second(aggregate, seconds)
    of_stages = {
        stage.name: all_logged_in_at(logging_in, stage.plateau) for stage in phases.stages if stage.plateau is not None
    }
    logged_in = all_logged_in_at(logging_in, phases.plateau)
    return replace(phases, logged_in=logged_in, stages=with_logins(phases, of_stages)), logging_in


def _duration_s(phases: PhaseTimes, when: RunTimeline) -> float:
    """From the first user's start to the end; whole seconds where the run did not record its end."""
    if phases.ramp_up is None or phases.end is None:
        return float(when.stop - when.first)
    return phases.end - phases.ramp_up
