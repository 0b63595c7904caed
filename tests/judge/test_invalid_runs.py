"""Runs that are not valid: what they can fail on all the same, and what is then not judged."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.judge import MonitoringData, judge, with_baseline
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import (
    ArrivalFigures,
    FailureGroup,
    FailureKind,
    GeneratorHealth,
    LostWorker,
    Occupancy,
    Outcome,
    Reconciliation,
    Statistics,
    SuiteErrorGroup,
    Target,
    TargetOutcome,
    WholeRun,
)
from perfsuite.model.monitor import Reading
from tests.judge.codes import at_most, codes, details
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary, peak_of
from tests.judge.test_regression import SLOWER
from tests.judge.test_verdict import SLOW, WRONG, verdict_of

SATURATED = GeneratorHealth(1, 99.0, 312.0, 0, cpu_wanted_percent_mean=97.0, cpu_over_90_rate=0.9)
KILLED = LostWorker("2", 1_772_357_460.0, 25, "was killed by signal SIGKILL")


def failures_by(**counts: int) -> tuple[FailureGroup, ...]:
    return tuple(
        FailureGroup("reader", "policies.list", FailureKind[kind], "", count, 100, 120, "")
        for kind, count in counts.items()
    )


@pytest.mark.parametrize(
    ("totals", "changed", "outcome"),
    [
        pytest.param(SLOW, {"generator": SATURATED}, Outcome.INCONCLUSIVE, id="slow, but was it the generator?"),
        pytest.param(SLOW, {"lost_workers": (KILLED,)}, Outcome.INCONCLUSIVE, id="slow, with a process lost"),
        pytest.param(
            figures(6_000, avg_ms=40.0), {"generator": SATURATED}, Outcome.INCONCLUSIVE,
            id="too little throughput, but was it the generator?",
        ),
        pytest.param(None, {"lost_workers": (KILLED,)}, Outcome.INCONCLUSIVE, id="all met, with a process lost"),
        pytest.param(
            figures(10_000, 300), {"generator": SATURATED, "failures": failures_by(STATUS=300)}, Outcome.FAIL,
            id="the target reported its errors itself, however busy the generator",
        ),
        pytest.param(
            figures(10_000, 300), {"generator": SATURATED, "failures": failures_by(TIMEOUT=300)},
            Outcome.INCONCLUSIVE, id="timeouts may be the generator's",
        ),
        pytest.param(
            figures(10_000, 300), {"generator": SATURATED, "failures": failures_by(TIMEOUT=190, STATUS=110)},
            Outcome.FAIL, id="1.1 % without the timeouts is still too many",
        ),
        pytest.param(
            figures(10_000, 300), {"lost_workers": (KILLED,), "failures": failures_by(TIMEOUT=210, STATUS=90)},
            Outcome.INCONCLUSIVE, id="0.9 % is not",
        ),
        pytest.param(
            figures(10_000, 300), {"failures": failures_by(TIMEOUT=300)}, Outcome.FAIL,
            id="timeouts with a healthy generator are the target's",
        ),
        pytest.param(
            None, {"generator": SATURATED, "whole_run": WholeRun(10_000, 2, 2), "failures": (WRONG,)}, Outcome.FAIL,
            id="a wrong answer is wrong whoever asks",
        ),
        pytest.param(
            None, {"generator": SATURATED, "target_lost_at": 1_772_357_460}, Outcome.FAIL,
            id="a target that is gone is gone",
        ),
    ],
)  # fmt: skip
def test_whose_fault_it_is(totals: Statistics | None, changed: dict[str, Any], outcome: Outcome) -> None:
    assert verdict_of(make_plan(), totals, **changed).outcome is outcome


OWN = (SuiteErrorGroup("perfsuite.target.checks:88 decoded", "RecursionError: too deep", 3, "suite-errors.log"),)
BROKEN = failures_by(SUITE_ERROR=300)


@pytest.mark.parametrize(
    ("totals", "changed", "outcome"),
    [
        pytest.param(None, {}, Outcome.INCONCLUSIVE, id="would have passed"),
        pytest.param(SLOW, {}, Outcome.FAIL, id="a target that is too slow stays so"),
        pytest.param(
            None, {"whole_run": WholeRun(10_000, 2, 2), "failures": (WRONG,)}, Outcome.FAIL, id="wrong answers"
        ),
        pytest.param(
            figures(10_000, 300), {"failures": BROKEN}, Outcome.INCONCLUSIVE, id="no request failed by the target"
        ),
        pytest.param(
            figures(10_000, 450), {"failures": (*BROKEN, *failures_by(STATUS=150))}, Outcome.FAIL,
            id="1.5 % by the target",
        ),
        pytest.param(
            figures(10_000, 350), {"failures": (*BROKEN, *failures_by(STATUS=50))}, Outcome.INCONCLUSIVE,
            id="0.5 % by the target",
        ),
        pytest.param(None, {"ended": "interrupted"}, Outcome.INTERRUPTED, id="an interruption comes first"),
    ],
)  # fmt: skip
def test_errors_of_the_suite_itself_never_pass_and_never_fail_the_target(
    totals: Statistics | None, changed: dict[str, Any], outcome: Outcome
) -> None:
    verdict = verdict_of(make_plan(), totals, suite_errors=OWN, **changed)

    assert verdict.outcome is outcome
    assert sum(OWN[0].place in line for line in (*verdict.reasons, *verdict.notes)) == 1


def test_a_regression_with_errors_of_the_suite_is_inconclusive() -> None:
    plan = make_plan()
    worse = with_baseline(verdict_of(plan, suite_errors=OWN), SLOWER)

    assert worse.outcome is Outcome.INCONCLUSIVE


INVALID: dict[str, dict[str, Any]] = {
    "generator saturated": {"generator": SATURATED},
    "a process lost": {"lost_workers": (KILLED,)},
    "all processes died": {"ended": "load process died"},
    "users not started": {"users": peak_of(make_plan(), reader=140, writer=80)},
    "Little's law": {"occupancy": (Occupancy("reader", 150.0, 3_600, 120.0, 0.0, 2.5),)},
    "counts disagree": {"reconciliation": Reconciliation(10_000, 9_999, None)},
    "reports lost": {"generator": GeneratorHealth(2, 40.0, 2.0, 3)},
    "too short": {"steady_s": 2.0},
}
UNFIT = ("generator saturated", "a process lost", "all processes died")
"""What makes failures of the generator's own: nothing else of the above does."""

FULL = Target("PostgreSQL's connections", "postgres.connections_used_percent max", 90, True)
READ_FULL = MonitoringData(
    [Reading(1_772_357_430.0, "postgres", "postgres.connections_used_percent", 97.0, "percent")], fingerprint=None
)


@pytest.mark.parametrize("why", INVALID)
@pytest.mark.parametrize(
    ("totals", "changed", "unfit", "otherwise"),
    [
        pytest.param(None, {}, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, id="all met"),
        pytest.param(SLOW, {}, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, id="slow"),
        pytest.param(
            figures(5_000, rps=80.0), {}, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, id="too little throughput"
        ),
        pytest.param(
            None, {"arrivals": ArrivalFigures(30.0, 24.1, 900, 720, 180, 190, 3_000.0, None, 7_210.0, 181)},
            Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, id="the rate was not reached",
        ),
        pytest.param(
            figures(10_000, 300), {"failures": failures_by(TIMEOUT=300)}, Outcome.INCONCLUSIVE, Outcome.FAIL,
            id="no answers, which a generator that is not fit makes by itself",
        ),
        pytest.param(
            figures(10_000, 300), {"failures": failures_by(STATUS=300)}, Outcome.FAIL, Outcome.FAIL,
            id="errors that the target reported",
        ),
        pytest.param(
            None, {"whole_run": WholeRun(10_000, 2, 2), "failures": (WRONG,)}, Outcome.FAIL, Outcome.FAIL,
            id="wrong answers",
        ),
        pytest.param(None, {"target_lost_at": 1_772_357_460}, Outcome.FAIL, Outcome.FAIL, id="the target was lost"),
    ],
)  # fmt: skip
def test_what_an_invalid_run_can_still_fail_on(
    why: str, totals: Statistics | None, changed: dict[str, Any], unfit: Outcome, otherwise: Outcome
) -> None:
    verdict = verdict_of(make_plan(), totals, **{**INVALID[why], **changed})
    assert verdict.outcome is (unfit if why in UNFIT else otherwise)


@pytest.mark.parametrize("why", INVALID)
def test_what_was_read_at_the_target_fails_it_in_an_invalid_run_too(why: str) -> None:
    plan = make_plan(FULL)
    verdict = judge(plan, make_summary(plan, **INVALID[why]), ROLES, READ_FULL)
    assert (verdict.outcome, verdict.targets[0].outcome) == (Outcome.FAIL, TargetOutcome.MISSED)


def test_every_reason_is_reported_and_beside_a_failure_among_the_notes() -> None:
    short = INVALID["too short"]  # so short that Little's law holds for anything
    changed = {key: value for part in INVALID.values() if part is not short for key, value in part.items()}
    slow, wrong = verdict_of(make_plan(), SLOW, **changed), verdict_of(make_plan(), target_lost_at=1, **changed)

    assert slow.reasons == wrong.notes[: len(slow.reasons)]
    assert codes(slow.reasons) == [
        Reason.WORKER_LOST,
        Reason.LOAD_DIED,
        Reason.USERS_NOT_STARTED,
        Reason.LITTLES_LAW_LOST,
        Reason.COUNTS_DISAGREE,
        Reason.REPORTS_LOST,
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param(
            {"reconciliation": Reconciliation(10_000, None, 10_014)},
            Reason.COUNTS_DISAGREE_LOST,
            id="what it had not handed over is missing",
        ),
        pytest.param(
            {"reconciliation": Reconciliation(10_000, None, 9_990)},
            Reason.COUNTS_DISAGREE,
            id="a loss does not make requests",
        ),
        pytest.param(
            INVALID["Little's law"],
            Reason.LITTLES_LAW_LOST,
            id="actions are missing",
        ),
    ],
)  # fmt: skip
def test_what_comes_of_a_lost_process_is_reported_as_its_loss(changed: dict[str, Any], code: Reason) -> None:
    verdict = verdict_of(make_plan(), lost_workers=(KILLED,), **changed)
    assert codes(verdict.reasons) == [Reason.WORKER_LOST, code]


def test_a_miss_of_an_invalid_run_is_not_judged_and_says_so() -> None:
    verdict = verdict_of(make_plan(), SLOW, **INVALID["counts disagree"])

    assert verdict.targets[0].outcome is TargetOutcome.NOT_JUDGED
    assert verdict.targets[0].reason == at_most("average response time", "612 ms", "500 ms").also(
        Detail.RUN_NOT_VALID()
    )


def test_a_miss_of_an_unfit_generator_is_not_judged_and_says_so() -> None:
    verdict = verdict_of(make_plan(), SLOW, generator=SATURATED)
    average, p95, *_ = verdict.targets

    assert (average.outcome, p95.outcome) == (TargetOutcome.NOT_JUDGED, TargetOutcome.MET)
    assert details(average.reason) == [Detail.GENERATOR_NOT_FIT]
    assert codes(verdict.reasons) == [Reason.GENERATOR_SATURATED]
