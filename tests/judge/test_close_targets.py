"""Targets whose limit is too close to call, and targets of the open model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge import judge_targets, live_targets
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Arrival, ArrivalFigures, LiveState, Statistics, Target, TargetFigures, TargetOutcome
from tests.judge.codes import at_least, at_most, samples
from tests.judge.made_summaries import FAILURES, P95, ROLES, THROUGHPUT, figures, make_plan, make_summary, row

MET, MISSED, NOT_JUDGED, _ = TargetOutcome


def close(interval: str) -> Message:
    return Detail.TOO_CLOSE().also(Detail.INTERVAL(interval=interval), separator=", ")


@pytest.mark.parametrize(
    ("target", "totals", "interval", "outcome", "close", "reason"),
    [
        pytest.param(
            P95, figures(p95_ms=1_950.0), (1_890.4, 1_999.9), MET, False,
            at_most("95th percentile", "1,950 ms", "2,000 ms"), id="met, and surely so",
        ),
        pytest.param(
            P95, figures(p95_ms=1_950.0), (1_890.4, 2_110.0), MET, True,
            at_most("95th percentile", "1,950 ms", "2,000 ms").also(close("1,890–2,110 ms")),
            id="met, but the limit is within the interval",
        ),
        pytest.param(
            P95, figures(p95_ms=2_050.0), (1_890.4, 2_110.0), MISSED, True,
            at_most("95th percentile", "2,050 ms", "2,000 ms").also(close("1,890–2,110 ms")),
            id="missed, but another run might meet it",
        ),
        pytest.param(
            P95, figures(p95_ms=2_050.0), (2_000.1, 2_110.0), MISSED, False,
            at_most("95th percentile", "2,050 ms", "2,000 ms"), id="missed for certain",
        ),
        pytest.param(
            FAILURES, figures(200), (0.0, 0.0188), MET, True,
            at_most("failure rate", "0 %", "1 %").also(close("0–1.88 %")),
            id="no failure in 200 does not show less than 1 %",
        ),
        pytest.param(
            THROUGHPUT, figures(6_060), (99.5, 102.2), MET, True,
            at_least("throughput", "101 requests/s", "100 requests/s").also(close("99.5–102 requests/s")),
            id="a rate",
        ),
        pytest.param(
            P95, figures(100, p95_ms=None), (1_890.4, 2_110.0), NOT_JUDGED, False,
            samples(100, 200, "p95"), id="what is not judged is not close",
        ),
    ],
)  # fmt: skip
def test_too_close_to_call(
    target: Target,
    totals: Statistics,
    interval: tuple[float, float],
    outcome: TargetOutcome,
    close: bool,
    reason: Message,
) -> None:
    plan = make_plan(target)
    known = TargetFigures(target.metric, None, None, interval)
    (result,) = judge_targets(plan, make_summary(plan, totals, target_figures=(known,)), ROLES)

    assert (result.outcome, result.too_close, result.reason) == (outcome, close, reason)
    assert result.interval == (None if outcome is NOT_JUDGED else interval)


def test_the_interval_is_that_of_the_targets_scope() -> None:
    plan = make_plan(P95, replace(P95, role="reader"))
    known = (TargetFigures("p95_ms", None, None, (110.0, 130.0)), TargetFigures("p95_ms", "reader", None, (1.0, 2.0)))
    reader_row = row("reader", "all", "all", figures(900, p95_ms=2_600.0))
    everything, reader = judge_targets(plan, make_summary(plan, None, reader_row, target_figures=known), ROLES)

    assert everything.interval == (110.0, 130.0)
    assert reader.interval == (1.0, 2_600.0)  # resamples of few blocks may miss what was observed: it is within


ARRIVALS = ArrivalFigures(110.0, 110.0, 6_600, 6_600, 0, 0, 0.4, 2.0, 9.0, 3)


@pytest.mark.parametrize(
    ("asked", "outcome", "reason"),
    [
        pytest.param(
            110.0, MET, at_least("throughput", "110 requests/s", "100 requests/s"),
            id="what arrives is offered, however slow the answers",
        ),
        pytest.param(
            100.0, NOT_JUDGED,
            Reason.RATE_OFFERS_TOO_LITTLE(rate="100", offered="100 requests/s", limit="100 requests/s"),
            id="no more than the limit arrives",
        ),
        pytest.param(
            130.0, MISSED,
            at_least("throughput", "90 requests/s", "100 requests/s").also(
                Detail.OFFERED_BY_RATE(rate="130", offered="130 requests/s")
            ),
            id="more arrives than is done",
        ),
    ],
)  # fmt: skip
def test_throughput_of_the_open_model(asked: float, outcome: TargetOutcome, reason: Message) -> None:
    plan = make_plan(THROUGHPUT)
    plan = replace(plan, scenario=replace(plan.scenario, arrival=Arrival(asked)))
    totals = figures(6_600, rps=90.0 if outcome is MISSED else asked)
    summary = make_summary(plan, totals, arrivals=replace(ARRIVALS, asked_per_s=asked))
    (result,) = judge_targets(plan, summary, ROLES)

    assert (result.outcome, result.reason) == (outcome, reason)


def test_live_throughput_of_the_open_model() -> None:
    plan = make_plan(THROUGHPUT)
    plan = replace(plan, scenario=replace(plan.scenario, arrival=Arrival(90.0)))
    users = {"reader": 150, "writer": 90}
    live = LiveState("plateau", 40.0, 300.0, users, 240, 90.0, 110.0, figures(), True, 12_000, 0, 0)
    (result,) = live_targets(plan, live, ROLES)
    assert result.reason == Reason.RATE_OFFERS_TOO_LITTLE(rate="90", offered="90 requests/s", limit="100 requests/s")
