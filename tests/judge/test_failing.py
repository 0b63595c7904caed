"""What a reason says of failed requests: their pattern, an operation that stands out, and how close it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge import judge_targets
from perfsuite.judge.targets import frequent_patterns, standing_out
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail
from perfsuite.model import ALL, FailurePattern, Row, TargetFigures, TargetOutcome, TargetResult
from tests.judge.codes import at_most
from tests.judge.made_summaries import FAILURES, ROLES, figures, make_plan, make_summary, row

MET, MISSED, *_ = TargetOutcome
LIMITER = FailurePattern(
    "http status", "HTTP 500: pop from an empty deque", 40, tuple("abcdefgh"), ("reader", "writer"), 0, 80, 101,
    every_s=2.05, seen_before=(),
)  # fmt: skip
LATE = FailurePattern("timeout", "no answer in time", 5, ("policies.list",), ("reader",), 3, 9)
RARE = replace(LATE, message="rare", count=1)
MORE, FEWER = Detail.FAILURES_MORE, Detail.FAILURES_FEWER


SHARING = replace(LATE, count=6)


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        pytest.param((), (), id="nothing failed"),
        pytest.param((LIMITER, RARE), (LIMITER,), id="a rare one beside it is not named"),
        pytest.param((SHARING, LATE, RARE), (SHARING, LATE), id="two that share the failures"),
    ],
)
def test_patterns_of_the_failures(patterns: tuple[FailurePattern, ...], named: tuple[FailurePattern, ...]) -> None:
    assert frequent_patterns(patterns) == "; ".join(pattern.sentence for pattern in named)


def rows(*counts: tuple[int, int]) -> list[Row]:
    return [row("reader", "browsing", f"operation {number}", figures(*of_row)) for number, of_row in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        pytest.param([], None, id="a scope of one row"),
        pytest.param([(900, 0), (900, 0)], None, id="nothing failed"),
        pytest.param([(8, 1), (900, 1), (900, 1)], None, id="one of eight requests proves nothing"),
        pytest.param([(8, 2), (900, 0)], None, id="nor do two"),
        pytest.param([(900, 10), (900, 9), (900, 9), (900, 9)], None, id="all fail alike"),
        pytest.param(
            [(900, 30), (900, 9), (900, 9), (900, 9)], (30, 900),
            id="half of the failures",
        ),
        pytest.param(
            [(100, 20), (9_000, 19), (9_000, 19)], (20, 100),
            id="far more often than the others",
        ),
    ],
)  # fmt: skip
def test_an_operation_is_named_where_it_stands_out(
    counts: list[tuple[int, int]], named: tuple[int, int] | None
) -> None:
    found = standing_out(rows(*counts))

    assert (found and (found.fields["operation"], found.fields["failures"], found.fields["requests"])) == (
        named and ("operation 0", *named)
    )


def failure_rate(requests: int, failures: int, *patterns: FailurePattern) -> TargetResult:
    plan = make_plan(FAILURES)
    (result,) = judge_targets(plan, make_summary(plan, figures(requests, failures), failure_patterns=patterns), ROLES)
    return result


@pytest.mark.parametrize(
    ("requests", "failures", "outcome", "close"),
    [
        pytest.param(4_000, 42, MISSED, None, id="three fewer are needed"),
        pytest.param(4_000, 41, MISSED, FEWER(failures=2), id="two fewer would do"),
        pytest.param(4_000, 40, MISSED, FEWER(failures=1), id="one fewer would do"),
        pytest.param(4_000, 39, MET, MORE(failures=1), id="one more reaches the limit"),
        pytest.param(4_000, 38, MET, MORE(failures=2), id="two more reach the limit"),
        pytest.param(4_000, 37, MET, None, id="met, and not close"),
        pytest.param(120, 0, MET, None, id="nothing failed, so nothing suggests that more could"),
        pytest.param(12, 1, MISSED, None, id="with fewer requests than are judged two fewer would not meet it"),
    ],
)
def test_two_failures_that_decide_are_too_close_to_call(
    requests: int, failures: int, outcome: TargetOutcome, close: Message | None
) -> None:
    result = failure_rate(requests, failures)
    assert (result.outcome, result.too_close) == (outcome, bool(close))
    assert [detail.details for detail in result.reason.details] == ([(close,)] if close else [])


def test_the_interval_and_the_failures_that_decide_stand_together() -> None:
    plan = make_plan(FAILURES)
    known = (TargetFigures("failure_rate", None, None, (0.007, 0.0135)),)
    (result,) = judge_targets(plan, make_summary(plan, figures(4_000, 40), target_figures=known), ROLES)
    (close,) = result.reason.details
    assert close.details == (Detail.INTERVAL(interval="0.70–1.35 %"), FEWER(failures=1))


def test_a_missed_failure_rate_names_the_pattern() -> None:
    reason = failure_rate(3_000, 40, LIMITER).reason
    assert reason == at_most("failure rate", "1.33 %", "1 %").also(Detail.PATTERNS(patterns=LIMITER.sentence))


def test_where_more_failed_in_the_whole_run_than_was_judged_the_pattern_says_so() -> None:
    reason = failure_rate(3_000, 35, LIMITER).reason
    assert reason.details[-1] == Detail.PATTERNS_OF_RUN(patterns=LIMITER.sentence)


def test_a_scope_is_not_blamed_for_the_pattern_of_the_whole() -> None:
    plan = make_plan(replace(FAILURES, role="reader"))
    total = row("reader", ALL, ALL, figures(900, 40))
    (result,) = judge_targets(plan, make_summary(plan, None, total, failure_patterns=(LIMITER,)), ROLES)
    assert (result.outcome, result.reason) == (MISSED, at_most("failure rate as reader", "4.44 %", "1 %"))
