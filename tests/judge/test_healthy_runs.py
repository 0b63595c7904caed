"""Healthy runs, and what may be said of them; and sick ones beside them, so that the test can fail.

Two hundred of the closed and sixty of the open model in `make accuracy`; here fewer, since they take time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import msgspec
import pytest

from perfsuite.findings import find
from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import middle_of
from perfsuite.measurements.records import Actions, Arrivals, ErrorCount, Generator, Record, Requests, Times, Users
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Arrival, Outcome, Plan, Summary, Verdict
from perfsuite.model.finding import FindingKind
from perfsuite.roles import ROLES
from perfsuite.summary import build
from tests.judge.healthy_arrivals import Arriving, arrival_records_of, some_arriving
from tests.judge.healthy_runs import START, TARGETS, Healthy, records_of, some
from tests.repetitions import repetitions

RUNS, FAILING_RUNS = repetitions(50, of=200), repetitions(7, of=20)
OPEN_RUNS = 60
OF_EACH_KIND = repetitions(2, of=OPEN_RUNS)


def verdict_of(plan: Plan, records: Sequence[Record]) -> Verdict:
    return judge(plan, build(plan, Aggregate.of(records), preflight=None, roles=ROLES), ROLES)


@cache
def healthy_summaries() -> list[tuple[Healthy, Summary]]:
    runs = map(some, range(RUNS))
    return [(run, build(run.plan(), Aggregate.of(records_of(run)), preflight=None, roles=ROLES)) for run in runs]


@cache
def healthy_verdicts() -> list[tuple[Healthy, Verdict]]:
    return [(run, judge(run.plan(), summary, ROLES)) for run, summary in healthy_summaries()]


def test_no_healthy_run_is_inconclusive() -> None:
    doubted = [(run, verdict.reasons) for run, verdict in healthy_verdicts() if verdict.outcome is Outcome.INCONCLUSIVE]
    assert doubted == []


def test_healthy_runs_say_nothing_but_how_they_drift() -> None:
    """No note on failures, outages, logins, tokens, the server's time, the clock, rows or coverage."""
    said = [note for _, verdict in healthy_verdicts() for note in verdict.notes if note.code is not Note.DRIFT]
    assert said == []


def test_healthy_runs_have_no_figures_of_trouble() -> None:
    runs = healthy_summaries()
    assert [summary.failure_patterns + summary.outages + summary.cut_off for _, summary in runs] == [()] * RUNS
    assert [summary.remarks + summary.suite_errors for _, summary in runs] == [()] * RUNS
    assert {summary.server_times.used for _, summary in runs} == {True}
    logins = [(run, summary.logins) for run, summary in runs]
    assert [(run, seen) for run, seen in logins if seen is None or seen.late or seen.ended_at is None] == []


def test_healthy_runs_have_no_findings() -> None:
    """Of what the load alone shows: tests/findings looks at those of the monitors."""
    found = {
        run.seed: [each.headline for each in find(summary) if each.unusual or each.kind is FindingKind.TOO_FEW]
        for run, summary in healthy_summaries()
    }
    assert {seed: headlines for seed, headlines in found.items() if headlines} == {}


def test_every_healthy_run_of_the_open_model_passes() -> None:
    """That what was due was begun is held to one per cent there, in two processes as in one."""
    kinds: dict[tuple[int, bool, bool], list[Arriving]] = {}
    for run in map(some_arriving, range(OPEN_RUNS)):
        kinds.setdefault((run.processes, run.arrival.poisson, run.arrival.rate_end is None), []).append(run)
    runs = [run for of_kind in kinds.values() for run in of_kind[:OF_EACH_KIND]]
    verdicts = [(run, verdict_of(run.plan(), arrival_records_of(run))) for run in runs]
    assert [(run, verdict.reasons) for run, verdict in verdicts if verdict.outcome is not Outcome.PASS] == []
    assert len(kinds) == 8


def test_healthy_runs_are_rarely_said_to_drift() -> None:
    drifts = Counter(
        (note.fields["figure"], note.fields["direction"])
        for _, verdict in healthy_verdicts()
        for note in verdict.notes
        if note.code is Note.DRIFT
    )
    print(dict(drifts))  # noqa: T201  the rate is shown with `pytest -s`
    assert drifts.total() <= 0.02 * RUNS


ABOUT_FAILURES_AND_COVERAGE = {
    Reason.TOO_MANY_FAILED,
    Reason.TOO_MANY_FAILED_OUTSIDE,
    Reason.TOO_FEW_WITHOUT_FAILED,
    Reason.NOT_EXERCISED,
    Reason.ROLE_ABSENT,
    Reason.ROLE_SENT_NOTHING,
    Detail.PATTERNS,
    Detail.PATTERNS_OF_RUN,
    Detail.FAILURES_FEWER,
    Detail.FAILURES_MORE,
    Detail.WITHOUT_FAILED,
}


def test_no_healthy_run_is_said_to_fail_or_to_leave_a_target_unexercised() -> None:
    said = [
        message
        for _, verdict in healthy_verdicts()
        for line in (*verdict.reasons, *verdict.notes, *(result.reason for result in verdict.targets))
        for message in (line, *line.details)
        if message.code in ABOUT_FAILURES_AND_COVERAGE
    ]
    assert said == []


def failing(share: float, dice: random.Random) -> Callable[[Record], Record]:
    """Some of the requests are answered with HTTP 500, each for itself and as quickly as the others."""

    def changed(record: Record) -> Record:
        if not isinstance(record, Requests):
            return record
        failed = {bucket: count for bucket, count in record.ok.counts.items() if dice.random() < share}
        if not failed:
            return record
        number = sum(failed.values())
        ok = {bucket: count for bucket, count in record.ok.counts.items() if bucket not in failed}
        sums = [round(sum(middle_of(bucket) * count for bucket, count in part.items())) for part in (ok, failed)]
        edges = record.ok.min_us, record.ok.max_us
        return msgspec.structs.replace(
            record,
            ok=Times(ok, sums[0], *edges) if ok else Times(),
            failed=Times(failed, sums[1], *edges),
            errors=[ErrorCount("http status", "HTTP 500", number, "id")],
            waited=Times(),
            ended_failed=min(number, record.ended),
        )

    return changed


@pytest.mark.parametrize(
    ("share", "fails"), [pytest.param(0.001, 0, id="1 of 1,000"), pytest.param(0.05, FAILING_RUNS, id="1 of 20")]
)
def test_where_no_target_limits_failures_one_in_a_thousand_passes_and_one_in_twenty_does_not(
    share: float, fails: int
) -> None:
    failed = 0
    for seed in range(FAILING_RUNS):
        run = replace(SICK, seed=seed)
        plan = replace(run.plan(), targets=TARGETS[:1])
        change = failing(share, random.Random(seed))
        failed += verdict_of(plan, [change(record) for record in records_of(run)]).outcome is Outcome.FAIL
    assert failed == fails


SICK = Healthy(users=40, duration_s=60, spawn_rate=20, median_ms=20, memory=0.5, level_sd=0.1, seed=3)


def half_the_pauses(record: Record) -> Record:
    return msgspec.structs.replace(record, pause_us=record.pause_us // 2) if isinstance(record, Actions) else record


def busy(record: Record) -> Record:
    return msgspec.structs.replace(record, cpu_percent=97.0) if isinstance(record, Generator) else record


def starved(record: Record) -> Record:
    if not isinstance(record, Generator):
        return record
    return msgspec.structs.replace(record, cpu_percent=48.0, waited_percent=50.0)


def half_the_users(record: Record) -> Record:
    """From the middle of the run on."""
    if not isinstance(record, Users) or record.second < START + SICK.duration_s / 2:
        return record
    return msgspec.structs.replace(record, by_role={role: users // 2 for role, users in record.by_role.items()})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(half_the_pauses, Reason.LITTLES_LAW, id="users spend time on what is not recorded"),
        pytest.param(half_the_users, Reason.USERS_ENDED, id="users leave"),
        pytest.param(busy, Reason.GENERATOR_SATURATED, id="no core left"),
        pytest.param(
            starved, Reason.GENERATOR_SATURATED,
            id="a neighbour has the other half of the core",
        ),
    ],
)  # fmt: skip
def test_the_same_run_with_something_wrong_is_inconclusive(change: Callable[[Record], Record], code: Reason) -> None:
    verdict = verdict_of(SICK.plan(), [change(record) for record in records_of(SICK)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].code is code


def test_three_seconds_are_inconclusive() -> None:
    short = replace(SICK, duration_s=3)
    verdict = verdict_of(short.plan(), records_of(short))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].code in (Reason.TOO_LITTLE, Reason.NOTHING_JUDGED_RUN)


def let_nothing_become_due(record: Record) -> Record:
    """One of two processes, for two seconds."""
    if not isinstance(record, Arrivals) or record.worker != "worker-2" or not 30 <= record.second - START < 32:
        return record
    return msgspec.structs.replace(record, due=0, begun=0, beginnings=0)


def test_actions_that_never_became_due_are_inconclusive() -> None:
    run = Arriving(SICK, Arrival(40.0), processes=2)
    verdict = verdict_of(run.plan(), [let_nothing_become_due(record) for record in arrival_records_of(run)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    reason = verdict.reasons[0]
    assert (reason.code, reason.fields["expected"], reason.fields["due"]) == (Reason.ACTIONS_NOT_DUE, 2_080, 2_040)
