"""What the answer of a search makes of its verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS
from perfsuite.judge import judge_search
from perfsuite.messages import Code
from perfsuite.messages.capacity import CapacityReason
from perfsuite.messages.reasons import Reason
from perfsuite.model import (
    INTERRUPTED,
    CapacityAnswer,
    CapacityKind,
    CapacityPlan,
    CapacityReport,
    Level,
    LostWorker,
    NotAnswered,
    SearchBy,
    Verdict,
    WholeRun,
)
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary

INTERVAL = CapacityAnswer(CapacityKind.INTERVAL, 240, 256)
CLIFF = CapacityAnswer(CapacityKind.CLIFF, 240, 245)
GENERATOR = CapacityAnswer(CapacityKind.AT_LEAST, 150, not_answered={"search": NotAnswered.GENERATOR})
MOST = CapacityAnswer(CapacityKind.AT_LEAST, 1000, not_answered={"search": NotAnswered.MOST_LOAD})
TOO_SHORT = CapacityAnswer(CapacityKind.AT_LEAST, 150, not_answered={"search": NotAnswered.DURATION})
OPEN = CapacityAnswer(CapacityKind.NONE, not_answered={"search": NotAnswered.DURATION})
LOWEST = Level(7, 10, 100, False, True, False, False, False, ())
NOTHING = CapacityAnswer(
    CapacityKind.NONE, first_fail=7, levels=(LOWEST,), not_answered={"search": NotAnswered.FIRST_LOAD_FAILS}
)


def verdict(answer: CapacityAnswer, at_least: float | None = None, **changed: Any) -> Verdict:
    plan = make_plan(capacity=CapacityPlan(SearchBy.USERS, 28, 1000, 900, at_least))
    return judge_search(plan, make_summary(plan, **changed), ROLES, CapacityReport(answer, (), ()))


@pytest.mark.parametrize(
    ("answer", "exit_code", "reason"),
    [
        pytest.param(INTERVAL, EXIT_PASS, CapacityReason.FOUND, id="an interval is an answer"),
        pytest.param(CLIFF, EXIT_PASS, CapacityReason.FOUND, id="so is a cliff"),
        pytest.param(MOST, EXIT_PASS, CapacityReason.MOST_REACHED, id="all that was allowed, with all targets met"),
        pytest.param(GENERATOR, EXIT_INCONCLUSIVE, CapacityReason.NOT_FOUND, id="the generator was the limit"),
        pytest.param(TOO_SHORT, EXIT_INCONCLUSIVE, CapacityReason.NOT_FOUND, id="the time was too short"),
        pytest.param(OPEN, EXIT_INCONCLUSIVE, CapacityReason.NOT_FOUND, id="nothing is certain"),
        pytest.param(NOTHING, EXIT_INCONCLUSIVE, CapacityReason.NOT_FOUND, id="already the first load is too much"),
    ],
)
def test_a_search_without_a_gate_passes_with_an_answer(answer: CapacityAnswer, exit_code: int, reason: Code) -> None:
    found = verdict(answer)
    assert (found.exit_code, [each.code for each in found.reasons]) == (exit_code, [reason])


@pytest.mark.parametrize(
    ("answer", "at_least", "exit_code", "reason"),
    [
        pytest.param(INTERVAL, 240, EXIT_PASS, CapacityReason.GATE_MET, id="below the interval"),
        pytest.param(INTERVAL, 250, EXIT_INCONCLUSIVE, CapacityReason.GATE_OPEN, id="within the interval"),
        pytest.param(INTERVAL, 257, EXIT_FAIL, CapacityReason.GATE_MISSED, id="above the interval"),
        pytest.param(CLIFF, 240, EXIT_PASS, CapacityReason.GATE_MET, id="the last load before the cliff"),
        pytest.param(CLIFF, 300, EXIT_FAIL, CapacityReason.GATE_MISSED, id="beyond the cliff"),
        pytest.param(GENERATOR, 150, EXIT_PASS, CapacityReason.GATE_MET, id="at least that much"),
        pytest.param(GENERATOR, 200, EXIT_INCONCLUSIVE, CapacityReason.GATE_OPEN, id="the generator made no more"),
        pytest.param(NOTHING, 200, EXIT_FAIL, CapacityReason.GATE_MISSED, id="less was too much"),
        pytest.param(OPEN, 200, EXIT_INCONCLUSIVE, CapacityReason.GATE_OPEN, id="nothing is certain"),
    ],
)
def test_a_gate_passes_fails_or_cannot_tell(
    answer: CapacityAnswer, at_least: float, exit_code: int, reason: Code
) -> None:
    found = verdict(answer, at_least)
    assert (found.exit_code, [each.code for each in found.reasons]) == (exit_code, [reason])


def test_wrong_answers_fail_a_search_that_has_an_answer() -> None:
    found = verdict(INTERVAL, whole_run=WholeRun(10_000, 3, wrong_answers=3))
    assert (found.exit_code, found.reasons[0].code) == (EXIT_FAIL, Reason.WRONG_ANSWERS)


def test_failed_requests_of_an_overload_fail_nothing() -> None:
    assert verdict(INTERVAL, totals=figures(failures=4000)).exit_code == EXIT_PASS


def test_an_interrupted_search_keeps_its_answer_among_the_notes() -> None:
    found = verdict(INTERVAL, ended=INTERRUPTED)
    assert (found.exit_code, found.reasons[0].code) == (EXIT_INTERRUPTED, Reason.INTERRUPTED)
    assert CapacityReason.FOUND in {each.code for each in found.notes}


@pytest.mark.parametrize(
    ("placed", "exit_code"),
    [
        pytest.param(20, EXIT_PASS, id="the others took its users"),
        pytest.param(0, EXIT_INCONCLUSIVE, id="its users are gone"),
    ],
)
def test_a_lost_process_matters_where_its_users_are_gone(placed: int, exit_code: int) -> None:
    lost = LostWorker("worker-2", 1_772_357_430.0, 20, "killed by SIGKILL", placed)
    assert verdict(INTERVAL, lost_workers=(lost,)).exit_code == exit_code


def test_a_missed_gate_is_inconclusive_in_a_run_that_is_not_valid() -> None:
    lost = LostWorker("worker-2", 1_772_357_430.0, 20, "killed by SIGKILL", 0)
    assert replace(verdict(INTERVAL, 300, lost_workers=(lost,))).exit_code == EXIT_INCONCLUSIVE
