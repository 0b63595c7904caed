"""A target for Apdex is judged like the others: met, missed, or not judged with the reason."""

from __future__ import annotations

import pytest

from perfsuite.judge.targets import judge_targets
from perfsuite.messages import Message
from perfsuite.model import Statistics, Target, TargetFigures, TargetOutcome, TargetResult
from tests.judge.codes import at_least, samples
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary

APDEX = Target("satisfaction", "apdex_500", 0.85, below=False)


def judged(totals: Statistics, value: float | None) -> TargetResult:
    plan = make_plan(APDEX)
    known = (TargetFigures("apdex_500", None, None, None, value=value),)
    return judge_targets(plan, make_summary(plan, totals, target_figures=known), ROLES)[0]


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        pytest.param(0.91, TargetOutcome.MET, at_least("Apdex at 500 ms", "0.91", "0.85"), id="above"),
        pytest.param(0.8, TargetOutcome.MISSED, at_least("Apdex at 500 ms", "0.80", "0.85"), id="below"),
        pytest.param(0.85, TargetOutcome.MISSED, at_least("Apdex at 500 ms", "0.85", "0.85"), id="equal"),
        pytest.param(None, TargetOutcome.NOT_JUDGED, samples(1_000, 100, "the Apdex at 500 ms"), id="not told"),
    ],
)
def test_apdex_is_judged(value: float | None, outcome: TargetOutcome, reason: Message) -> None:
    result = judged(figures(1000), value)
    assert (result.outcome, result.reason, result.observed) == (outcome, reason, value)


def test_a_hundred_requests_are_needed() -> None:
    result = judged(figures(99), 0.95)
    assert (result.outcome, result.reason) == (
        TargetOutcome.NOT_JUDGED,
        samples(99, 100, "the Apdex at 500 ms"),
    )
