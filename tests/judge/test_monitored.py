"""Targets on what monitors and fingerprint show of the target: met, missed, and every reason for not judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge import MonitoringData, judge, judge_targets, live_targets
from perfsuite.messages import Message
from perfsuite.messages.reasons import Reason
from perfsuite.model import GeneratorHealth, LiveState, Outcome, Remedy, Target, TargetOutcome, TargetResult
from perfsuite.model.fingerprint import Cost, CostState, DatabaseInfo, Fingerprint, OperationCost, RequestCost
from perfsuite.model.monitor import METRICS, Reading
from tests.judge.codes import at_least, at_most
from tests.judge.made_summaries import AVERAGE, ROLES, figures, make_plan, make_summary

CPU = "server.cpu_percent"
START = 1_772_357_420
"""Where the steady state of made summaries begins; it lasts 60 s."""
FEW = Reason.TOO_FEW_READINGS(samples=12, needed=30)


def readings(
    values: Sequence[float | None], metric: str = CPU, first_s: int = START + 1, source: str = "server"
) -> list[Reading]:
    return [Reading(first_s + at, source, metric, value, METRICS[metric].unit) for at, value in enumerate(values)]


def judged(target: Target, monitored: MonitoringData, **changed: Any) -> TargetResult:
    plan = make_plan(target)
    (result,) = judge_targets(plan, make_summary(plan, **changed), ROLES, monitored)
    return result


def below(limit: float, statistic: str = "max", metric: str = CPU) -> Target:
    return Target("limit", f"{metric} {statistic}", limit, below=True)


@pytest.mark.parametrize(
    ("target", "values", "outcome", "reason"),
    [
        pytest.param(
            below(85), [40.0] * 59 + [84.9], TargetOutcome.MET, at_most(f"{CPU}: most", "84.9 %", "85 %"),
            id="most below"
        ),
        pytest.param(
            below(85), [40.0] * 59 + [85.0], TargetOutcome.MISSED, at_most(f"{CPU}: most", "85 %", "85 %"),
            id="equal misses"
        ),
        pytest.param(
            below(85, "p95"), [40.0] * 57 + [99.0] * 3, TargetOutcome.MET,
            at_most(f"{CPU}: 95th percentile", "40 %", "85 %"),
            id="three of sixty are a twentieth",
        ),
        pytest.param(
            below(85, "p95"), [40.0] * 56 + [99.0] * 4, TargetOutcome.MISSED,
            at_most(f"{CPU}: 95th percentile", "99 %", "85 %"), id="four of sixty are more",
        ),
        pytest.param(
            below(50, "avg"), [40.0, 50.0] * 30, TargetOutcome.MET, at_most(f"{CPU}: average", "45 %", "50 %"),
            id="average"
        ),
        pytest.param(
            Target("hits", "redis.hit_percent min", 70, below=False), [80.0] * 59 + [70.5], TargetOutcome.MET,
            at_least("redis.hit_percent: least", "70.5 %", "70 %"), id="the least is above",
        ),
        pytest.param(
            Target("hits", "redis.hit_percent min", 70, below=False), [80.0] * 59 + [60.0], TargetOutcome.MISSED,
            at_least("redis.hit_percent: least", "60 %", "70 %"), id="the least is not above",
        ),
        pytest.param(
            below(85), [40.0] * 12, TargetOutcome.NOT_JUDGED, FEW, id="too few samples"
        ),
        pytest.param(
            below(85), [40.0] * 11 + [90.0], TargetOutcome.MISSED, at_most(f"{CPU}: most", "90 %", "85 %"),
            id="more samples cannot improve a maximum",
        ),
        pytest.param(
            below(85, "min"), [90.0] * 12, TargetOutcome.NOT_JUDGED, FEW,
            id="more samples can improve a minimum that should be lower",
        ),
        pytest.param(
            below(85, "p95"), [90.0] * 12, TargetOutcome.NOT_JUDGED, FEW,
            id="more samples can improve a percentile",
        ),
        pytest.param(
            below(85), [40.0] * 50 + [None] * 10, TargetOutcome.NOT_JUDGED, Reason.TOO_MANY_GAPS(gaps=10, readings=60),
            id="nobody knows what happened in the gaps",
        ),
        pytest.param(below(85), [40.0] * 55 + [None] * 5, TargetOutcome.MET, at_most(f"{CPU}: most", "40 %", "85 %"),
                     id="a few gaps are let pass"),
    ],
)  # fmt: skip
def test_the_samples_of_the_steady_state_are_compared_with_the_limit(
    target: Target, values: Sequence[float | None], outcome: TargetOutcome, reason: Message
) -> None:
    result = judged(target, MonitoringData(readings(values, target.metric.split()[0])))

    assert (result.outcome, result.reason) == (outcome, reason)


def test_the_result_has_metric_unit_and_what_was_observed() -> None:
    result = judged(below(85), MonitoringData(readings([40.0] * 60)))

    assert (result.metric, result.unit, result.observed, result.limit, result.scope) == (
        "server.cpu_percent max",
        "percent",
        40.0,
        85,
        "target",
    )


@pytest.mark.parametrize(
    ("monitored", "reason"),
    [
        (MonitoringData(), Reason.NO_MONITOR(what="PostgreSQL")),
        (MonitoringData(readings([1.0] * 60)), Reason.NO_MONITOR(what="PostgreSQL")),
        (
            MonitoringData(readings([1.0] * 60, "postgres.connections")),
            Reason.NOT_READ(what="PostgreSQL", metric="postgres.connections_used_percent"),
        ),
        (
            MonitoringData(readings([1.0] * 60, "postgres.connections_used_percent", first_s=START + 61)),
            Reason.NOT_READ(what="PostgreSQL", metric="postgres.connections_used_percent"),
        ),
        (
            MonitoringData(readings([None] * 60, "postgres.connections_used_percent")),
            Reason.NEVER_ANSWERED(what="PostgreSQL"),
        ),
        (
            MonitoringData(
                [*readings([None] * 60, "postgres.connections_used_percent"), *readings([1.0], "postgres.connections")]
            ),
            Reason.NO_VALUE(what="PostgreSQL", metric="postgres.connections_used_percent"),
        ),
    ],
    ids=["nothing watched", "only the server", "not this metric", "only after the end", "only gaps", "others not"],
)
def test_what_was_not_read_is_not_judged(monitored: MonitoringData, reason: Message) -> None:
    result = judged(below(80, metric="postgres.connections_used_percent"), monitored)

    assert (result.outcome, result.reason) == (TargetOutcome.NOT_JUDGED, reason)


def test_ramp_up_and_parts_do_not_count() -> None:
    known = [
        *readings([99.0] * 10, first_s=START - 9),  # the last of them covers the second before the steady state
        *readings([40.0] * 60),
        *readings([95.0] * 60, "server.process_cpu_percent", source="server/pid 7"),
    ]

    assert judged(below(85), MonitoringData(known)).observed == 40.0
    assert judged(below(85, metric="server.process_cpu_percent"), MonitoringData(known)).observed == 95.0


def test_without_a_steady_state_nothing_is_judged() -> None:
    plan = make_plan(below(85))
    summary = make_summary(plan, steady_s=0.0, steady_start=None, steady_end=None)
    (result,) = judge_targets(plan, summary, ROLES, MonitoringData(readings([40.0] * 60)))

    assert (result.outcome, result.reason) == (TargetOutcome.NOT_JUDGED, Reason.NO_STEADY_STATE())


def test_as_information_it_does_not_gate() -> None:
    target = replace(below(85), information_in=("acceptance",))
    result = judged(target, MonitoringData(readings([90.0] * 60)))

    assert result.outcome is TargetOutcome.INFORMATION
    assert result.reason.fields["reason"] == at_most("server.cpu_percent: most", "90 %", "85 %")


def cost(operation: str, queries: int | None, role: str = "reader") -> OperationCost:
    blank = OperationCost(role, operation, "GET", f"/{operation}", False, CostState.UNKNOWN, "cached")
    if queries is None:
        return blank
    return replace(blank, known=CostState.YES, reason="", requests=(RequestCost(1, Cost(queries), True, "x", 1, 3.0),))


def fingerprint(*costs: OperationCost) -> MonitoringData:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    return MonitoringData(fingerprint=Fingerprint("r", "h", "2026-03-01T09:30:00Z", 5, database, costs))


def makes(operation: str, queries: int, besides: str = "") -> Message:
    also = f" ({besides})" if besides else ""
    return at_most(f"{operation} as reader makes", f"{queries} queries per request{also}", "20")


def unknown(operation: str) -> Message:
    return Reason.COST_UNKNOWN(operation=operation, role="reader", more="", why="cached")


QUERIES = Target("queries", "max_queries_per_request", 20, below=True)
OF_LIST = replace(QUERIES, operation="policies.list")


@pytest.mark.parametrize(
    ("target", "monitored", "outcome", "reason"),
    [
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("b", 9)), TargetOutcome.MET,
            makes("b", 9), id="the worst operation counts",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("policies.list", 21)), TargetOutcome.MISSED,
            makes("policies.list", 21), id="one is enough to miss",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("a", 30), cost("policies.list", 2)), TargetOutcome.MET,
            makes("policies.list", 2), id="others do not count",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("policies.list", None)), TargetOutcome.NOT_JUDGED,
            unknown("policies.list"), id="cost not known",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 30), cost("b", None)), TargetOutcome.MISSED,
            makes("a", 30, besides=unknown("b")),
            id="missed whatever the unknown one costs",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("b", None)), TargetOutcome.NOT_JUDGED,
            unknown("b"), id="half of them not known",
        ),
        pytest.param(
            QUERIES, fingerprint(*(cost(f"a{n}", 3) for n in range(9)), cost("b", None)), TargetOutcome.MET,
            makes("a0", 3, besides=unknown("b")),
            id="one of ten not known is passed over and named",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("a", 3)), TargetOutcome.NOT_JUDGED,
            Reason.NOT_IN_FINGERPRINT(), id="operation not there",
        ),
        pytest.param(
            QUERIES, MonitoringData(), TargetOutcome.NOT_JUDGED, Reason.NO_FINGERPRINT(), id="no fingerprint"
        ),
    ],
)  # fmt: skip
def test_queries_per_request_are_compared_with_the_limit(
    target: Target, monitored: MonitoringData, outcome: TargetOutcome, reason: Message
) -> None:
    result = judged(target, monitored)

    assert (result.outcome, result.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("queries", "outcome"),
    [
        pytest.param(3, TargetOutcome.NOT_JUDGED, id="the fingerprint alone does not pass a run"),
        pytest.param(30, TargetOutcome.MISSED, id="but too many queries are too many"),
    ],
)
def test_without_a_steady_state_a_fingerprint_can_only_miss_a_target(queries: int, outcome: TargetOutcome) -> None:
    nothing = {"totals": figures(0), "steady_s": 0.0, "steady_start": None, "steady_end": None}
    result = judged(QUERIES, fingerprint(cost("a", queries)), **nothing)

    assert result.outcome is outcome
    assert outcome is TargetOutcome.MISSED or (result.reason, result.remedies) == (
        Reason.NO_STEADY_STATE(),
        (Remedy.LONGER,),
    )


def test_a_missed_one_fails_the_run_even_when_the_generator_was_not_fit() -> None:
    plan = make_plan(AVERAGE, below(85))
    saturated = GeneratorHealth(1, 99.0, 200.0, 0, cpu_percent_mean=97.0)
    verdict = judge(plan, make_summary(plan, generator=saturated), ROLES, MonitoringData(readings([90.0] * 60)))

    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons[0] == at_most("server.cpu_percent: most", "90 %", "85 %")


def test_notes_on_failures_pass_over_them() -> None:
    plan = make_plan(below(85))
    verdict = judge(plan, make_summary(plan, figures(failures=3)), ROLES, MonitoringData(readings([40.0] * 60)))

    assert verdict.outcome is Outcome.PASS


def test_while_the_run_goes_they_are_left_out() -> None:
    live = LiveState("steady", 30.0, 60.0, {"reader": 150}, 240, 100.0, 50.0, figures(), True, 3000, 0, 0)

    assert [result.name for result in live_targets(make_plan(below(85), AVERAGE), live, ROLES)] == [AVERAGE.name]
