"""Invariants that did not hold under load: their place in the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import EXIT_FAIL
from perfsuite.judge import judge, not_judged
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Aborted, GeneratorHealth, Outcome, SuiteErrorGroup, Verdict, WholeRun
from perfsuite.model.correctness import CheckLevel, ChecksOff, Correctness, Invariant, Violation
from tests.judge.codes import codes, details
from tests.judge.made_summaries import AVERAGE, ROLES, figures, make_plan, make_summary
from tests.report.made_correctness import BUDGET, HEALTHY, ONLY_WATCHED, UNREACHED, VIOLATED

WRONG, MORE = Reason.WRONG_UNDER_LOAD, Reason.MORE_WRONG_UNDER_LOAD


def verdict_with(found: Correctness, **changed: Any) -> Verdict:
    plan = make_plan(AVERAGE)
    return judge(plan, make_summary(plan, correctness=found, **changed), ROLES)


def test_violations_fail_a_run_whose_targets_on_response_time_are_met() -> None:
    verdict = verdict_with(VIOLATED)
    assert (verdict.outcome, verdict.exit_code) == (Outcome.FAIL, EXIT_FAIL)
    assert codes(verdict.reasons) == [WRONG, WRONG]
    first, second = verdict.reasons
    assert first.fields == {
        "id": "v1", "invariant": "isolation", "rule": "own rows only", "operation": "policies.read",
        "roles": "policyholder", "expected": "HTTP 403", "seen": "HTTP 200", "count": 12, "at": 1_772_357_431,
    }  # fmt: skip
    (also,) = first.details
    assert (also.code, also.fields) == (
        Detail.ALSO_VIOLATED,
        {"places": "policies.update as policyholder and junior_agent (v2)"},
    )
    assert (second.fields["id"], second.details) == ("v3", ())


def test_no_violation_changes_nothing() -> None:
    plan = make_plan(AVERAGE)
    assert verdict_with(HEALTHY) == judge(plan, make_summary(plan), ROLES)


@pytest.mark.parametrize(
    ("changed", "outcome", "expected"),
    [
        pytest.param(
            {"generator": GeneratorHealth(1, 99.5, 312.0, 0)}, Outcome.FAIL, [WRONG, WRONG],
            id="an unfit generator: wrong data is wrong",
        ),
        pytest.param(
            {"whole_run": WholeRun(10_000, 2, 2), "target_lost_at": 1_772_357_460}, Outcome.FAIL,
            [WRONG, WRONG, Reason.WRONG_ANSWERS, Reason.TARGET_LOST],
            id="first of what fails",
        ),
        pytest.param(
            {"aborted": Aborted("p95", "p95_ms", 2_500.0, 2_000.0, 30.0, 1_772_357_460), "ended": "aborted"},
            Outcome.FAIL, [WRONG, WRONG, Reason.ABORTED],
            id="before the stop rule",
        ),
        pytest.param(
            {"ended": "interrupted"}, Outcome.INTERRUPTED, [Reason.INTERRUPTED, WRONG, WRONG],
            id="an interrupted run lists them",
        ),
        pytest.param(
            {"suite_errors": (SuiteErrorGroup("place", "KeyError", 1),)}, Outcome.FAIL, [WRONG, WRONG],
            id="an error of the suite does not hide them",
        ),
    ],
)  # fmt: skip
def test_beside_other_reasons(changed: dict[str, Any], outcome: Outcome, expected: list[Reason]) -> None:
    verdict = verdict_with(VIOLATED, **changed)
    assert (verdict.outcome, codes(verdict.reasons)) == (outcome, expected)


def test_a_missed_target_comes_after_them() -> None:
    plan = make_plan(AVERAGE)
    verdict = judge(plan, make_summary(plan, figures(avg_ms=612.0), correctness=VIOLATED), ROLES)
    assert codes(verdict.reasons) == [WRONG, WRONG, Reason.MAXIMUM]


def test_many_rules_and_places_are_counted() -> None:
    one = VIOLATED.violations[0]
    places = [replace(one, id=f"v{number}", operation=f"operation.{number}") for number in range(1, 8)]
    rules = [replace(one, id=f"w{number}", rule=f"rule {number}") for number in range(4)]
    violations: tuple[Violation, ...] = (*places, *rules, replace(rules[3], id="w5", invariant=Invariant.ISOLATION))
    verdict = verdict_with(replace(VIOLATED, violations=violations))
    assert codes(verdict.reasons) == [WRONG, WRONG, WRONG, MORE]
    (also,) = verdict.reasons[0].details
    assert also.fields["places"] == (
        "operation.2 as policyholder (v2), operation.3 as policyholder (v3), operation.4 as policyholder (v4)"
        " and 3 more violations"
    )
    assert verdict.reasons[3].fields == {"violations": 3, "rules": ["rule 2", "rule 3"]}


def test_a_run_that_could_not_be_judged_fails_for_them() -> None:
    plan = make_plan(AVERAGE)
    summary = make_summary(plan, correctness=VIOLATED, suite_errors=(SuiteErrorGroup("place", "KeyError", 1),))
    verdict = not_judged(plan, summary)
    assert (verdict.exit_code, codes(verdict.reasons), codes(verdict.notes)) == (
        EXIT_FAIL,
        [WRONG, WRONG],
        [Reason.SUITE_ERRORS],
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(HEALTHY, [], id="some had a result"),
        pytest.param(UNREACHED, [Note.NOTHING_CHECKED], id="none had one"),
        pytest.param(replace(UNREACHED, rows=()), [Note.NO_CHECK_MADE], id="no check at all"),
        pytest.param(ONLY_WATCHED, [Note.NO_CHECK_SENT], id="only answers of the load had one"),
        pytest.param(
            replace(ONLY_WATCHED, rows=(*ONLY_WATCHED.rows, *UNREACHED.rows)),
            [Note.ONLY_WATCHED],
            id="only answers of the load had one, and checks had none",
        ),
        pytest.param(Correctness(CheckLevel.OFF, why_off=ChecksOff.OPTION), [], id="switched off"),
    ],
)
def test_a_run_without_a_result_says_so(found: Correctness, expected: list[Note]) -> None:
    verdict = verdict_with(found)
    assert (verdict.outcome, codes(verdict.notes)) == (Outcome.PASS, expected)


def test_the_most_frequent_reasons_come_first() -> None:
    (note,) = verdict_with(UNREACHED).notes
    assert note.fields == {"why": f"HTTP 503, {BUDGET} and only one account"}
    assert details(note) == []
