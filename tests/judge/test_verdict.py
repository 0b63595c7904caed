"""The verdict of whole runs: outcome, exit code, reasons, notes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS
from perfsuite.judge import judge, severest
from perfsuite.messages import Code, Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason, Sign
from perfsuite.model import (
    SUITE_FAILED,
    ArrivalFigures,
    Cleanup,
    Coverage,
    CutOff,
    FailureGroup,
    FailurePattern,
    GeneratorHealth,
    LostWorker,
    Outage,
    Outcome,
    Plan,
    Reconciliation,
    SoftDeleted,
    Statistics,
    SuiteErrorGroup,
    TargetOutcome,
    Verdict,
    WholeRun,
)
from tests.judge.codes import at_most, codes
from tests.judge.made_summaries import AVERAGE, FAILURES, P95, ROLES, figures, make_plan, make_summary, peak_of

WRONG = FailureGroup("reader", "policies.list", "wrong answer", "policy_id is missing", 2, 100, 120, "id-1")
ALL_IN_ONE = Detail.ALL_IN_ONE(operation="policies.list", role="reader", message="policy_id is missing")
SLOW = figures(avg_ms=612.0)


def disagree(*others: tuple[int, str, int]) -> Message:
    counts = [Sign.COUNT(count=count, by=by, more=more) for count, by, more in others]
    return Reason.COUNTS_DISAGREE(recorded=10_000, others=counts)


def verdict_of(plan: Plan, totals: Statistics | None = None, **changed: Any) -> Verdict:
    return judge(plan, make_summary(plan, totals, **changed), ROLES)


def test_all_targets_met_is_pass() -> None:
    verdict = verdict_of(make_plan())

    assert (verdict.outcome, verdict.exit_code, verdict.notes) == (Outcome.PASS, EXIT_PASS, ())
    assert verdict.reasons == (Reason.PASSED(judged=5, steady_s=60, requests=10_000, failures=0),)
    assert len(verdict.targets) == 5


@pytest.mark.parametrize(
    ("totals", "changed", "reason"),
    [
        pytest.param(SLOW, {}, at_most("average response time", "612 ms", "500 ms"), id="a target is missed"),
        pytest.param(
            None, {"whole_run": WholeRun(10_000, 2, 2), "failures": (WRONG,)},
            Reason.WRONG_ANSWERS(answers=2).also(ALL_IN_ONE),
            id="wrong answers fail a run whose targets are met",
        ),
        pytest.param(
            None, {"target_lost_at": 1_772_357_460},
            Reason.TARGET_LOST(since=1_772_357_460),
            id="the target was lost",
        ),
        pytest.param(
            None, {"ended": "target lost"}, Reason.TARGET_LOST_STOPPED(),
            id="the run was stopped for a lost target",
        ),
    ],
)  # fmt: skip
def test_fail(totals: Statistics | None, changed: dict[str, Any], reason: Message) -> None:
    verdict = verdict_of(make_plan(), totals, **changed)
    assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (Outcome.FAIL, EXIT_FAIL, (reason,))


def test_wrong_answers_of_several_operations_are_one_pattern() -> None:
    groups = tuple(replace(WRONG, operation=operation) for operation in ("policies.list", "policies.read"))
    html = FailurePattern(
        "wrong answer", "not JSON but text/html", 4, ("policies.list", "policies.read"), ("reader",), 100, 120,
        seen_before=(),
    )  # fmt: skip
    whole = WholeRun(10_000, 4, 4)
    verdict = verdict_of(make_plan(), None, whole_run=whole, failures=groups, failure_patterns=(html,))
    assert verdict.reasons == (Reason.WRONG_ANSWERS(answers=4).also(Detail.PATTERNS(patterns=html.sentence)),)


@pytest.mark.parametrize(
    ("groups", "detail"),
    [
        pytest.param((WRONG,), ALL_IN_ONE, id="a single one is not most of several"),
        pytest.param(
            (replace(WRONG, count=1, message="other"), WRONG),
            Detail.MOST_IN_ONE(operation="policies.list", role="reader", message="policy_id is missing", count=2),
            id="most",
        ),
        pytest.param((), None, id="of a run without failure groups"),
    ],
)
def test_where_most_wrong_answers_came_from(groups: tuple[FailureGroup, ...], detail: Message | None) -> None:
    verdict = verdict_of(make_plan(), None, whole_run=WholeRun(10_000, 3, 3), failures=groups)
    assert verdict.reasons[0].details == ((detail,) if detail else ())


def test_every_reason_to_fail_is_reported() -> None:
    plan = make_plan()
    slow = figures(avg_ms=612.0, p95_ms=2_500.0)
    verdict = verdict_of(plan, slow, whole_run=WholeRun(10_000, 2, 2), target_lost_at=1_772_357_460)

    assert codes(verdict.reasons) == [Reason.WRONG_ANSWERS, Reason.TARGET_LOST, Reason.MAXIMUM, Reason.MAXIMUM]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {"ended": "load process died", "duration_s": 34.0},
            Reason.LOAD_DIED(duration_s=34), id="the load process died",
        ),
        pytest.param(
            {"ended": "cut off", "duration_s": 34.0},
            Reason.CUT_OFF_RUN(duration_s=34),
            id="the suite was killed",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_003, 9_990)},
            disagree((10_003, "by Locust", 3), (9_990, "by the backend's log", -10)),
            id="counts disagree",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_000, 9_000, never_left=1_000, repeated=2, retries=5)},
            Reason.COUNTS_DISAGREE(
                recorded=10_000,
                others=[
                    Sign.COUNT(count=10_000, by="by Locust", more=0),
                    Sign.COUNT(count=9_000, by="by the backend's log", more=0),
                    Sign.REPEATED(count=5, repeated=2),
                ],
            ),
            id="counts of repetitions disagree",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_000, None, sent=10_021)},
            disagree((10_021, "sent", 21), (10_000, "by Locust", 0)),
            id="requests that were sent and are in no count",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_000, None, sent=10_003, unrecorded=3)},
            Reason.UNRECORDED(unrecorded=3, sent=10_003),
            id="requests that could not be recorded",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, None, None)},
            Reason.NO_LAST_RECORD(log="suite-errors.log"),
            id="a process without its last record",
        ),
        pytest.param(
            {"users": peak_of(make_plan(), reader=130, writer=80)},
            Reason.USERS_NOT_STARTED(peak=210, requested=240),
            id="users not reached though there was time",
        ),
        pytest.param(
            {"generator": GeneratorHealth(2, 40.0, 2.0, 3)},
            Reason.REPORTS_LOST(reports=3),
            id="reports were lost",
        ),
    ],
)  # fmt: skip
def test_inconclusive(changed: dict[str, Any], reason: Message) -> None:
    verdict = verdict_of(make_plan(), **changed)
    assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (
        Outcome.INCONCLUSIVE,
        EXIT_INCONCLUSIVE,
        (reason,),
    )


def test_inconclusive_when_the_ramp_up_takes_the_whole_run() -> None:
    plan = make_plan(P95, users={"reader": 8_000})
    changed = {"steady_s": 0.0, "users": peak_of(plan, reader=6_000)}
    verdict = verdict_of(plan, **changed)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        Reason.RAMP_UP_TOO_LONG(peak=6_000, requested=8_000, spawn_rate="20", ramp_up_s=400, duration_s=300),
        Reason.NOTHING_JUDGED_RUN(
            why=f"95th percentile: {Reason.NO_STEADY_USERS(peak=6_000, requested=8_000)}", remedies="longer"
        ),
    )


def test_inconclusive_when_nothing_was_sent() -> None:
    plan = make_plan(AVERAGE)
    nothing = figures(0, avg_ms=None)
    verdict = verdict_of(plan, nothing)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert codes(verdict.reasons) == [Reason.NOTHING_SENT, Reason.NOTHING_JUDGED]


def test_information_alone_does_not_pass() -> None:
    verdict = verdict_of(make_plan(FAILURES, scenario="stress"))
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_scenario_without_targets_does_not_pass() -> None:
    plan = make_plan(FAILURES.__class__("p", "p95_ms", 1, True, scenarios=("peak",)))
    verdict = verdict_of(plan)
    assert (verdict.outcome, verdict.reasons) == (
        Outcome.INCONCLUSIVE,
        (Reason.NO_TARGETS(),),
    )


def test_one_judged_target_is_enough_to_pass() -> None:
    plan = make_plan(users={"reader": 7, "writer": 3})
    verdict = verdict_of(plan, figures(150, p95_ms=None))

    assert verdict.outcome is Outcome.PASS
    assert verdict.reasons == (Reason.PASSED(judged=2, steady_s=60, requests=150, failures=0),)


def test_reasons_to_fail_win_over_invalidity_which_is_noted() -> None:
    verdict = verdict_of(make_plan(), figures(10_000, 300), reconciliation=Reconciliation(10_000, 9_999, None))

    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == (at_most("failure rate", "3 %", "1 %"),)
    assert verdict.notes == (disagree((9_999, "by Locust", -1)),)


KILLED = LostWorker("2", 1_772_357_460.0, 25, "was killed by signal SIGKILL")
ARRIVALS = ArrivalFigures(30.0, 24.1, 900, 720, 180, 190, 3_000.0, None, 7_210.0, 181)


@pytest.mark.parametrize(
    ("changed", "outcome", "first"),
    [
        pytest.param(
            {"arrivals": ARRIVALS}, Outcome.FAIL, Reason.RATE_NOT_REACHED,
            id="a rate that a healthy generator cannot reach",
        ),
        pytest.param(
            {"arrivals": ARRIVALS, "lost_workers": (KILLED,)}, Outcome.INCONCLUSIVE, Reason.WORKER_LOST,
            id="or one that is not healthy",
        ),
        pytest.param(
            {"arrivals": replace(ARRIVALS, not_started=9)}, Outcome.PASS, Reason.PASSED,
            id="within 1 % of the rate",
        ),
    ],
)  # fmt: skip
def test_arrivals(changed: dict[str, Any], outcome: Outcome, first: Code) -> None:
    verdict = verdict_of(make_plan(), **changed)
    assert (verdict.outcome, verdict.reasons[0].code) == (outcome, first)
    assert (Reason.RATE_NOT_REACHED in codes(verdict.reasons)) == (outcome is not Outcome.PASS)


def test_an_interruption_comes_first_and_reports_what_is_known() -> None:
    verdict = verdict_of(make_plan(), SLOW, ended="interrupted", duration_s=34.25)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INTERRUPTED, EXIT_INTERRUPTED)
    assert verdict.reasons == (
        Reason.INTERRUPTED(duration_s=34.25, planned_s=300),
        at_most("average response time", "612 ms", "500 ms"),
    )


@pytest.mark.parametrize(
    ("ended", "what"),
    [
        ("interrupted", "interrupted"),
        ("target lost", "the target was lost"),
        ("cut off", "cut off"),
    ],
)
def test_a_run_that_ended_in_its_ramp_up_gets_no_advice_on_its_size(ended: str, what: str) -> None:
    plan = make_plan()
    verdict = verdict_of(plan, ended=ended, steady_s=0.0, users=peak_of(plan, reader=12, writer=3))

    why = Reason.ENDED_BEFORE_STEADY(what=what)
    assert {result.reason for result in verdict.targets if result.metric != "concurrent_users"} == {why}
    advice = {Reason.NOTHING_JUDGED_RUN, Reason.RAMP_UP_TOO_LONG, Reason.USERS_NOT_STARTED}
    assert not advice & set(codes((*verdict.reasons, *verdict.notes)))


def test_a_run_whose_only_failures_were_cut_off_by_its_end_passes_with_a_note() -> None:
    cut = (CutOff("reader", "policies.list", 140),)
    verdict = verdict_of(make_plan(AVERAGE, FAILURES), figures(10_000, 140), cut_off=cut)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)
    assert [result.outcome for result in verdict.targets] == [TargetOutcome.MET, TargetOutcome.NOT_JUDGED]
    assert verdict.notes == (Note.CUT_OFF(requests=140),)


@pytest.mark.parametrize(
    ("end", "until"),
    [
        pytest.param(1_772_357_428, "09:30:28 UTC", id="it came back"),
        pytest.param(None, "the end of the load", id="it did not"),
    ],
)
def test_an_outage_is_a_note_with_its_beginning_and_its_end(end: int | None, until: str) -> None:
    outages = (Outage(1_772_357_420, end, 143, "connection refused"),)
    (note,) = verdict_of(make_plan(AVERAGE), outages=outages).notes

    assert note == Note.OUTAGE(start=1_772_357_420, end=until, failed=143, message="connection refused")


def test_notes_tell_what_was_not_exercised_and_what_was_left_behind() -> None:
    plan = make_plan(absent_roles=("auditor",), shared_accounts={"reader": 7})
    coverage = Coverage(
        9,
        tuple(f"reader / operation{n}" for n in range(12)),
        ("writer / leads.list",),
        ("writer / leads.create",),
        {"policies.premiums": 34},
        ("support_staff / ticket management",),
    )
    cleanup = Cleanup(
        5,
        3,
        (),
        ("flag perf_a",),
        ("theme of 4",),
        (SoftDeleted("lead", "inactive", 1), SoftDeleted("policy", "gone", 2)),
    )
    verdict = verdict_of(plan, coverage=coverage, cleanup=cleanup)

    assert verdict.outcome is Outcome.PASS
    assert [note.code for note in verdict.notes] == [
        Note.SHARED_ACCOUNTS,
        Note.LEFT_OUT,
        Note.LEFT_OUT,
        Note.LEFT_OUT,
        Note.DEAD_BEHAVIOURS,
        Note.LACKING_DATA,
        Note.ABSENT_ROLES,
        Note.SOFT_DELETED,
        Note.SOFT_DELETED,
        Note.NOT_PUT_BACK,
    ]
    assert [note.fields["rows"] for note in verdict.notes if "rows" in note.fields] == ["1 lead", "2 policies"]
    assert verdict.notes[-1].fields["changes"] == ("flag perf_a", "theme of 4")


def test_what_a_run_changed_in_a_demo_is_gone_with_it() -> None:
    cleanup = Cleanup(5, 5, (), ("flag perf_a",), ("theme of 4",))
    notes = verdict_of(make_plan(demo="embedded"), cleanup=cleanup).notes

    assert Note.NOT_PUT_BACK not in [note.code for note in notes]


@pytest.mark.parametrize(
    ("codes", "severe"),
    [
        ([0, 0], 0),
        ([0, 4], 4),
        ([4, 5, 0], 5),
        ([5, 1, 4], 1),
        ([1, 3, 0], 3),
        ([3, 130, 1], 130),
        pytest.param([], 4, id="no run is not a pass"),
    ],
)
def test_the_severest_of_several_runs(codes: list[int], severe: int) -> None:
    assert severest(codes) == severe


# ── the target's rate limit ─────────────────────────────────────────────────────────────────────────

LIMITED = FailureGroup("reader", "policies.list", "rate limit", "HTTP 429, Retry-After 30", 400, 100, 120, "id-1")
OWN = FailureGroup("reader", "policies.list", "http status", "HTTP 500", 48, 100, 120, "id-2")


@pytest.mark.parametrize(
    ("groups", "share"),
    [
        pytest.param((LIMITED,), 0.0, id="the limit alone"),
        pytest.param((OWN, LIMITED), 0.005, id="beside failures of the application"),
    ],
)
def test_a_rate_limit_fails_the_run_and_is_reported_apart(groups: tuple[FailureGroup, ...], share: float) -> None:
    failures = sum(group.count for group in groups)
    whole = WholeRun(10_000, failures, 0, rate_limited=400)

    verdict = verdict_of(make_plan(), figures(failures=failures), whole_run=whole, failures=groups)

    assert verdict.outcome is Outcome.FAIL
    missed, limited = verdict.reasons
    assert (missed.code, limited.code, limited.fields["limited"]) == (Reason.MAXIMUM, Reason.RATE_LIMITED, 400)
    assert limited.fields["answer"] == LIMITED.message
    assert limited.details == (Detail.OTHERS_FAILED(served=9_600, share=share),)


def test_a_rate_limit_that_fails_nothing_is_a_note() -> None:
    few = replace(LIMITED, count=5)
    whole = WholeRun(10_000, 5, 0, rate_limited=5)

    verdict = verdict_of(make_plan(), figures(failures=5), whole_run=whole, failures=(few,))

    assert verdict.outcome is Outcome.PASS
    assert [note.fields["limited"] for note in verdict.notes if note.code is Reason.RATE_LIMITED] == [5]


def test_a_rate_limit_that_let_nothing_through() -> None:
    whole = WholeRun(10_000, 10_000, 0, rate_limited=10_000)
    all_of_them = replace(LIMITED, count=10_000)

    verdict = verdict_of(make_plan(), figures(failures=10_000), whole_run=whole, failures=(all_of_them,))

    assert (verdict.reasons[-1].code, verdict.reasons[-1].details) == (Reason.RATE_LIMITED, ())


ERROR = SuiteErrorGroup("perfsuite.run.archive:120 keep", "KeyError: 'id'", 2, "suite-errors.log")


def test_an_error_of_the_suite_makes_a_pass_inconclusive() -> None:
    verdict = verdict_of(make_plan(), suite_errors=(ERROR,))
    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, EXIT_INCONCLUSIVE)
    (reason,) = verdict.reasons
    assert (reason.code, reason.fields["errors"]) == (Reason.SUITE_ERRORS, 2)
    assert all(part in reason.fields["examples"] for part in (ERROR.place, ERROR.message, "2 times", ERROR.log))


def test_an_error_of_the_suite_leaves_a_fail_one() -> None:
    verdict = verdict_of(make_plan(), SLOW, suite_errors=(ERROR,))
    assert (verdict.outcome, verdict.reasons) == (Outcome.FAIL, (at_most("average response time", "612 ms", "500 ms"),))
    assert any(ERROR.place in note for note in verdict.notes)


def test_a_load_that_was_ended_by_an_error_of_the_suite_says_when() -> None:
    verdict = verdict_of(make_plan(), suite_errors=(ERROR,), ended=SUITE_FAILED, duration_s=12.0)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert (verdict.reasons[0].code, verdict.reasons[0].fields["duration_s"]) == (Reason.SUITE_FAILED, 12.0)


def test_of_many_errors_of_the_suite_a_few_are_shown() -> None:
    errors = tuple(replace(ERROR, place=f"perfsuite.run.archive:{line} keep") for line in range(5))
    (reason,) = verdict_of(make_plan(), suite_errors=errors).reasons
    assert reason.fields["errors"] == 10
    assert reason.fields["examples"].count(ERROR.message) == 3
    assert "2 more kinds" in reason.fields["examples"]
