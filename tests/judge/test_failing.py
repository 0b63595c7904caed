"""What a reason says of failed requests: their pattern, an operation that stands out, and how close it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge import judge_targets
from perfsuite.judge.failing import patterns_told, standing_out
from perfsuite.model import ALL, FailurePattern, Row, TargetFigures, TargetOutcome, TargetResult
from tests.judge.made_summaries import FAILURES, ROLES, figures, make_plan, make_summary, row

MET, MISSED, *_ = TargetOutcome
LIMITER = FailurePattern(
    "http status", "HTTP 500: pop from an empty deque", 40, tuple("abcdefgh"), ("reader", "writer"), 0, 80, 101,
    every_s=2.05, seen_before=(),
)  # fmt: skip
LIMITER_TOLD = (
    "HTTP 500: pop from an empty deque, 40 times, about every 101st request, every 2 s, across 8 operations: likely"
    " something in front of the operations; not seen before the load"
)
LATE = FailurePattern("timeout", "no answer in time", 5, ("policies.list",), ("reader",), 3, 9)
RARE = replace(LATE, message="rare", count=1)


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        pytest.param((), "", id="nothing failed"),
        pytest.param((LIMITER, RARE), LIMITER_TOLD, id="a rare one beside it is not named"),
        pytest.param(
            (replace(LATE, count=6), LATE, RARE),
            "timeout: no answer in time, 6 times, in policies.list as reader; timeout: no answer in time, 5 times, in"
            " policies.list as reader",
            id="two that share the failures",
        ),
    ],
)
def test_patterns_of_the_failures(patterns: tuple[FailurePattern, ...], told: str) -> None:
    assert patterns_told(patterns) == told


def rows(*counts: tuple[int, int]) -> list[Row]:
    return [row("reader", "browsing", f"operation {number}", figures(*of_row)) for number, of_row in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        pytest.param([], "", id="a scope of one row"),
        pytest.param([(900, 0), (900, 0)], "", id="nothing failed"),
        pytest.param([(8, 1), (900, 1), (900, 1)], "", id="one of eight requests proves nothing"),
        pytest.param([(8, 2), (900, 0)], "", id="nor do two"),
        pytest.param([(900, 10), (900, 9), (900, 9), (900, 9)], "", id="all fail alike"),
        pytest.param(
            [(900, 30), (900, 9), (900, 9), (900, 9)], "most: operation 0 as reader 30 of 900 requests",
            id="half of the failures",
        ),
        pytest.param(
            [(100, 20), (9_000, 19), (9_000, 19)], "most: operation 0 as reader 20 of 100 requests",
            id="far more often than the others",
        ),
    ],
)  # fmt: skip
def test_an_operation_is_named_where_it_stands_out(counts: list[tuple[int, int]], told: str) -> None:
    assert standing_out(rows(*counts)) == told


def failure_rate(requests: int, failures: int, *patterns: FailurePattern) -> TargetResult:
    plan = make_plan(FAILURES)
    (result,) = judge_targets(plan, make_summary(plan, figures(requests, failures), failure_patterns=patterns), ROLES)
    return result


@pytest.mark.parametrize(
    ("requests", "failures", "outcome", "close"),
    [
        pytest.param(4_000, 42, MISSED, "", id="three fewer are needed"),
        pytest.param(4_000, 41, MISSED, "2 failures fewer would meet it", id="two fewer would do"),
        pytest.param(4_000, 40, MISSED, "2 failures fewer would meet it", id="one fewer would do"),
        pytest.param(4_000, 39, MET, "2 failures more would miss it", id="met, and close"),
        pytest.param(4_000, 38, MET, "2 failures more would miss it", id="two more reach the limit"),
        pytest.param(4_000, 37, MET, "", id="met, and not close"),
        pytest.param(120, 0, MET, "", id="nothing failed, so nothing suggests that more could"),
        pytest.param(12, 1, MISSED, "", id="with fewer requests than are judged two fewer would not meet it"),
    ],
)
def test_two_failures_that_decide_are_too_close_to_call(
    requests: int, failures: int, outcome: TargetOutcome, close: str
) -> None:
    result = failure_rate(requests, failures)
    assert (result.outcome, result.too_close) == (outcome, bool(close))
    assert result.reason.endswith(f"; too close to call, {close}" if close else "limit 1 %")


def test_the_interval_and_the_two_failures_are_told_together() -> None:
    plan = make_plan(FAILURES)
    known = (TargetFigures("failure_rate", None, None, (0.007, 0.0135)),)
    (result,) = judge_targets(plan, make_summary(plan, figures(4_000, 40), target_figures=known), ROLES)
    assert result.reason == (
        "failure rate 1 %, limit 1 %; too close to call, 95 % sure is 0.70–1.35 %, 2 failures fewer would meet it"
    )


def test_a_missed_failure_rate_names_the_pattern() -> None:
    assert failure_rate(3_000, 40, LIMITER).reason == f"failure rate 1.33 %, limit 1 %; {LIMITER_TOLD}"


def test_where_more_failed_in_the_whole_run_than_was_judged_the_pattern_says_so() -> None:
    assert failure_rate(3_000, 35, LIMITER).reason.endswith(f"; in the whole run: {LIMITER_TOLD}")


def test_a_scope_is_not_blamed_for_the_pattern_of_the_whole() -> None:
    plan = make_plan(replace(FAILURES, role="reader"))
    total = row("reader", ALL, ALL, figures(900, 40))
    (result,) = judge_targets(plan, make_summary(plan, None, total, failure_patterns=(LIMITER,)), ROLES)
    assert (result.outcome, result.reason) == (MISSED, "failure rate as reader 4.44 %, limit 1 %")
