"""The verdict of whole runs: outcome, exit code, reasons, notes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS
from perfsuite.judge import judge, severest
from perfsuite.messages.notes import Note
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
from tests.judge.made_summaries import AVERAGE, FAILURES, P95, ROLES, figures, make_plan, make_summary, peak_of

WRONG = FailureGroup("reader", "policies.list", "wrong answer", "policy_id is missing", 2, 100, 120, "id-1")
SLOW = figures(avg_ms=612.0)


def verdict_of(plan: Plan, totals: Statistics | None = None, **changed: Any) -> Verdict:
    return judge(plan, make_summary(plan, totals, **changed), ROLES)


def test_all_targets_met_is_pass() -> None:
    verdict = verdict_of(make_plan())

    assert (verdict.outcome, verdict.exit_code, verdict.notes) == (Outcome.PASS, EXIT_PASS, ())
    assert verdict.reasons == ("5 judged targets met over 60 s of steady state with 10,000 requests, 0 failures",)
    assert len(verdict.targets) == 5


@pytest.mark.parametrize(
    ("totals", "changed", "reason"),
    [
        pytest.param(SLOW, {}, "average response time 612 ms, limit 500 ms", id="a target is missed"),
        pytest.param(
            None, {"whole_run": WholeRun(10_000, 2, 2), "failures": (WRONG,)},
            "2 wrong answers (a fine status with wrong content);"
            " most: policies.list as reader 2 × policy_id is missing",
            id="wrong answers fail a run whose targets are met",
        ),
        pytest.param(
            None, {"target_lost_at": 1_772_357_460},
            "the target was lost: from 09:31:00 UTC on no request got an answer; see whether it is still running",
            id="the target was lost",
        ),
        pytest.param(
            None, {"ended": "target lost"}, "the target was lost, and the load was stopped",
            id="the run was stopped for a lost target",
        ),
    ],
)  # fmt: skip
def test_fail(totals: Statistics | None, changed: dict[str, Any], reason: str) -> None:
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
    assert verdict.reasons == (
        "4 wrong answers (a fine status with wrong content); wrong answer: not JSON but text/html, 4 times, across 2"
        " operations; not seen before the load",
    )


def test_every_reason_to_fail_is_told() -> None:
    plan = make_plan()
    slow = figures(avg_ms=612.0, p95_ms=2_500.0)
    verdict = verdict_of(plan, slow, whole_run=WholeRun(10_000, 2, 2), target_lost_at=1_772_357_460)

    assert [reason.split(" (")[0][:24] for reason in verdict.reasons] == [
        "2 wrong answers",
        "the target was lost: fro",
        "average response time 61",
        "95th percentile 2,500 ms",
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {"ended": "load process died", "duration_s": 34.0},
            "the load process died after 34 s: look into its log for why, and run again", id="the load process died",
        ),
        pytest.param(
            {"ended": "cut off", "duration_s": 34.0},
            "the run was cut off after 34 s, and nobody wrote down how it ended: the suite itself was killed, its"
            " machine stopped, the disk was full, or the run still goes on; run again",
            id="the suite was killed",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_003, 9_990)},
            "the counts of requests disagree: 10,000 recorded, 10,003 by Locust (+3), 9,990 by the backend's log (-10);"
            " some were counted twice or not at all, so no figure is sure: run again",
            id="counts disagree",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_000, None, sent=10_021)},
            "the counts of requests disagree: 10,000 recorded, 10,021 sent (+21), 10,000 by Locust (0); some were"
            " counted twice or not at all, so no figure is sure: run again",
            id="requests that were sent and are in no count",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, 10_000, None, sent=10_003, unrecorded=3)},
            "3 of 10,003 requests that were sent are in no figure: recording them raised an error of the suite itself",
            id="requests that could not be recorded",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, None, None)},
            "a load process ended without its last record, so it is not known whether all requests were recorded: look"
            " into suite-errors.log and load.log, and run again",
            id="a process without its last record",
        ),
        pytest.param(
            {"users": peak_of(make_plan(), reader=130, writer=80)},
            "only 210 of 240 users were started: this machine may be too slow for them; use fewer users or a lower"
            " --spawn-rate",
            id="users not reached though there was time",
        ),
        pytest.param(
            {"generator": GeneratorHealth(2, 40.0, 2.0, 3)},
            "3 reports of the load processes never arrived, so requests are missing here; run again",
            id="reports were lost",
        ),
    ],
)  # fmt: skip
def test_inconclusive(changed: dict[str, Any], reason: str) -> None:
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
        "only 6,000 of 8,000 users were started: at 20 users/s that takes 6 min 40 s of 5 min;"
        " raise --spawn-rate or --duration",
        "no target could be judged (95th percentile: no steady state: only 6,000 of 8,000 users were started):"
        " run longer",
    )


def test_inconclusive_when_nothing_was_sent() -> None:
    plan = make_plan(AVERAGE)
    nothing = figures(0, avg_ms=None)
    verdict = verdict_of(plan, nothing)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        "no request was recorded, though there were users: look into the log of the load process",
        "no target could be judged (average response time: 0 samples, 30 needed for the average response time)",
    )


def test_information_alone_does_not_pass() -> None:
    verdict = verdict_of(make_plan(FAILURES, scenario="stress"))
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_scenario_without_targets_does_not_pass() -> None:
    plan = make_plan(FAILURES.__class__("p", "p95_ms", 1, True, scenarios=("peak",)))
    verdict = verdict_of(plan)
    assert (verdict.outcome, verdict.reasons) == (
        Outcome.INCONCLUSIVE,
        ("no target holds in this scenario: add one to the targets file",),
    )


def test_one_judged_target_is_enough_to_pass() -> None:
    plan = make_plan(users={"reader": 7, "writer": 3})
    verdict = verdict_of(plan, figures(150, p95_ms=None))

    assert verdict.outcome is Outcome.PASS
    assert verdict.reasons == ("2 judged targets met over 60 s of steady state with 150 requests, 0 failures",)


def test_reasons_to_fail_win_over_invalidity_which_is_noted() -> None:
    verdict = verdict_of(make_plan(), figures(10_000, 300), reconciliation=Reconciliation(10_000, 9_999, None))

    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == ("failure rate 3 %, limit 1 %",)
    assert verdict.notes == (
        "the counts of requests disagree: 10,000 recorded, 9,999 by Locust (-1);"
        " some were counted twice or not at all, so no figure is sure: run again",
    )


KILLED = LostWorker("2", 1_772_357_460.0, 25, "was killed by signal SIGKILL")
ARRIVALS = ArrivalFigures(30.0, 24.1, 900, 720, 180, 190, 3_000.0, None, 7_210.0, 181)
RATE = (
    "30 actions/s were asked, 24.1/s could be begun: 180 of 900 never began, others up to 7,210 ms late; the target"
    " was too slow for that rate, or 240 sessions (--users) too few for it"
)


@pytest.mark.parametrize(
    ("changed", "outcome", "first"),
    [
        pytest.param({"arrivals": ARRIVALS}, Outcome.FAIL, RATE, id="a rate that a healthy generator cannot reach"),
        pytest.param(
            {"arrivals": ARRIVALS, "lost_workers": (KILLED,)}, Outcome.INCONCLUSIVE, "load process 2 was lost at",
            id="or one that is not healthy",
        ),
        pytest.param(
            {"arrivals": replace(ARRIVALS, not_started=9)}, Outcome.PASS, "4 judged targets met",
            id="within 1 % of the rate",
        ),
    ],
)  # fmt: skip
def test_arrivals(changed: dict[str, Any], outcome: Outcome, first: str) -> None:
    verdict = verdict_of(make_plan(), **changed)
    assert (verdict.outcome, verdict.reasons[0][: len(first)]) == (outcome, first)
    assert (RATE in verdict.reasons) == (outcome is not Outcome.PASS)


def test_an_interruption_comes_first_and_tells_what_is_known() -> None:
    verdict = verdict_of(make_plan(), SLOW, ended="interrupted", duration_s=34.25)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INTERRUPTED, EXIT_INTERRUPTED)
    assert verdict.reasons == ("interrupted after 34.2 s of 5 min", "average response time 612 ms, limit 500 ms")


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ("interrupted", "interrupted before the steady state"),
        ("target lost", "the target was lost before the steady state"),
        ("cut off", "cut off before the steady state"),
    ],
)
def test_a_run_that_ended_in_its_ramp_up_gets_no_advice_on_its_size(ended: str, why: str) -> None:
    plan = make_plan()
    verdict = verdict_of(plan, ended=ended, steady_s=0.0, users=peak_of(plan, reader=12, writer=3))

    told = " ".join((*verdict.reasons, *verdict.notes))
    assert why in told
    assert "spawn-rate" not in told
    assert "run longer" not in told
    assert {result.reason for result in verdict.targets if result.metric != "concurrent_users"} == {why}


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
RAISE = "raise it for the load accounts, or lower the load"


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        pytest.param(
            (LIMITED,),
            f"the target's rate limit answered 400 requests of 10,000 (HTTP 429, Retry-After 30): {RAISE};"
            " of the other 9,600 requests 0 % failed",
            id="the limit alone",
        ),
        pytest.param(
            (OWN, LIMITED),
            f"the target's rate limit answered 400 requests of 10,000 (HTTP 429, Retry-After 30): {RAISE};"
            " of the other 9,600 requests 0.50 % failed",
            id="beside failures of the application",
        ),
    ],
)
def test_a_rate_limit_fails_the_run_and_is_told_apart(groups: tuple[FailureGroup, ...], told: str) -> None:
    failures = sum(group.count for group in groups)
    whole = WholeRun(10_000, failures, 0, rate_limited=400)

    verdict = verdict_of(make_plan(), figures(failures=failures), whole_run=whole, failures=groups)

    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons[0].startswith("failure rate 4")
    assert verdict.reasons[1:] == (told,)


def test_a_rate_limit_that_fails_nothing_is_a_note() -> None:
    few = replace(LIMITED, count=5)
    whole = WholeRun(10_000, 5, 0, rate_limited=5)

    verdict = verdict_of(make_plan(), figures(failures=5), whole_run=whole, failures=(few,))

    assert verdict.outcome is Outcome.PASS
    assert [note for note in verdict.notes if "rate limit" in note] == [
        f"the target's rate limit answered 5 requests of 10,000 (HTTP 429, Retry-After 30): {RAISE};"
        " of the other 9,995 requests 0 % failed"
    ]


def test_a_rate_limit_that_let_nothing_through() -> None:
    whole = WholeRun(10_000, 10_000, 0, rate_limited=10_000)
    all_of_them = replace(LIMITED, count=10_000)

    verdict = verdict_of(make_plan(), figures(failures=10_000), whole_run=whole, failures=(all_of_them,))

    assert verdict.reasons[-1].endswith(RAISE)


ERROR = SuiteErrorGroup("perfsuite.run.archive:120 keep", "KeyError: 'id'", 2, "suite-errors.log")


def test_an_error_of_the_suite_makes_a_pass_inconclusive() -> None:
    verdict = verdict_of(make_plan(), suite_errors=(ERROR,))
    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, EXIT_INCONCLUSIVE)
    (reason,) = verdict.reasons
    assert "perfsuite.run.archive:120 keep: KeyError: 'id', 2 times (traceback in suite-errors.log)" in reason


def test_an_error_of_the_suite_leaves_a_fail_one() -> None:
    verdict = verdict_of(make_plan(), SLOW, suite_errors=(ERROR,))
    assert (verdict.outcome, verdict.reasons) == (Outcome.FAIL, ("average response time 612 ms, limit 500 ms",))
    assert any(ERROR.place in note for note in verdict.notes)


def test_a_load_that_was_ended_by_an_error_of_the_suite_says_when() -> None:
    verdict = verdict_of(make_plan(), suite_errors=(ERROR,), ended=SUITE_FAILED, duration_s=12.0)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].endswith("; the load was ended by it after 12 s")


def test_of_many_errors_of_the_suite_a_few_are_shown() -> None:
    errors = tuple(replace(ERROR, place=f"perfsuite.run.archive:{line} keep") for line in range(5))
    (reason,) = verdict_of(make_plan(), suite_errors=errors).reasons
    assert reason.startswith("the suite itself met 10 errors")
    assert reason.endswith(", and 2 more kinds")
