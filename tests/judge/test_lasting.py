"""The target on how long the target lasts: met, missed, and every reason for not judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge import MonitoringData, judge_targets
from perfsuite.messages import Code
from perfsuite.messages.stability import LastingReason, StabilityMessage
from perfsuite.model import Target, TargetOutcome, TargetResult
from perfsuite.model.plan import LASTS_AT_LEAST
from perfsuite.model.stability import RESPONSE_TIMES, Stability, StabilityOutcome
from tests.judge.made_summaries import ROLES, make_plan, make_summary

HOUR_S = 3_600.0
DAY = Target("lasts a day", LASTS_AT_LEAST, 24 * HOUR_S, below=False)
WHY = StabilityMessage.TOO_SHORT(needed=8)


def resource(
    per_minute: float, spread: float, limit: float | None = 1_000e6, metric: str = "server.memory_bytes"
) -> Stability:
    """At 200 MB; it grows where its interval is above 0."""
    low, high = per_minute - spread, per_minute + spread
    outcome = StabilityOutcome.GROWS if low > 0 else StabilityOutcome.STEADY
    return Stability(metric, metric, "bytes", outcome, WHY, per_minute, (low, high), 200e6, limit)


def unread(metric: str = "server.memory_bytes") -> Stability:
    return Stability(metric, metric, "bytes", StabilityOutcome.CANNOT_TELL, WHY)


def judged(*found: Stability, duration_s: float = 900.0) -> TargetResult:
    plan = make_plan(DAY)
    summary = replace(make_summary(plan), duration_s=duration_s)
    (result,) = judge_targets(plan, summary, ROLES, MonitoringData(stability=found))
    return result


@pytest.mark.parametrize(
    ("found", "outcome", "code"),
    [
        pytest.param([resource(1e6, 0.1e6)], TargetOutcome.MISSED, LastingReason.REACHED, id="800 MB last 13 h"),
        pytest.param([resource(0.3e6, 0.1e6)], TargetOutcome.MET, LastingReason.REACHED, id="they last 44 h"),
        pytest.param([resource(0, 0.1e6)], TargetOutcome.MET, LastingReason.NO_GROWTH, id="nothing grows"),
        pytest.param(
            [resource(0, 1e6)], TargetOutcome.NOT_JUDGED, LastingReason.NOT_EXCLUDED, id="growth is not excluded"
        ),
        pytest.param(
            [resource(0.3e6, 0.1e6, None)], TargetOutcome.NOT_JUDGED, LastingReason.NO_LIMIT, id="no limit of growth"
        ),
        pytest.param(
            [resource(0, 0.1e6, None)], TargetOutcome.NOT_JUDGED, LastingReason.NO_LIMIT_KNOWN, id="no limit of memory"
        ),
        pytest.param([unread()], TargetOutcome.NOT_JUDGED, LastingReason.UNKNOWN, id="too few readings"),
        pytest.param(
            [resource(0, 0, metric="server.threads")], TargetOutcome.NOT_JUDGED, LastingReason.NO_MEMORY, id="no memory"
        ),
        pytest.param(
            [resource(1e6, 0.1e6, metric="redis.memory_bytes"), unread()], TargetOutcome.MISSED, LastingReason.REACHED,
            id="what is missed is missed, whatever is not known",
        ),
        pytest.param(
            [resource(0.01e6, 0.001e6), resource(1e6, 0.5e6, None, RESPONSE_TIMES)], TargetOutcome.MET,
            LastingReason.REACHED, id="response times have no limit",
        ),
    ],
)  # fmt: skip
def test_outcomes(found: list[Stability], outcome: TargetOutcome, code: Code) -> None:
    result = judged(*found)

    assert (result.outcome, result.reason.code) == (outcome, code)


def test_the_time_left_is_observed() -> None:
    result = judged(resource(1e6, 0.1e6))

    assert (result.limit, result.unit, result.too_close) == (24 * HOUR_S, "s", False)
    assert result.observed == pytest.approx(800 * 60)


def test_a_limit_within_the_interval_is_too_close() -> None:
    assert judged(resource(0.5e6, 0.2e6)).too_close


def test_a_run_of_a_minute_is_too_short() -> None:
    assert judged(duration_s=60.0).reason.code is LastingReason.TOO_SHORT
