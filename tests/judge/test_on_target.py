"""Targets on what monitors and fingerprint tell of the target: met, missed, and every reason for not judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from perfsuite.judge import OnTarget, judge, judge_targets, live_targets
from perfsuite.model import GeneratorHealth, LiveState, Outcome, Target, TargetOutcome, TargetResult
from perfsuite.model.fingerprint import Cost, DatabaseInfo, Fingerprint, Known, OperationCost, RequestCost
from perfsuite.model.monitor import METRICS, Reading
from tests.judge.made_summaries import AVERAGE, ROLES, figures, make_plan, make_summary

CPU = "server.cpu_percent"
START = 1_772_357_420
"""Where the steady state of made summaries begins; it lasts 60 s."""


def readings(
    values: Sequence[float | None], metric: str = CPU, first_s: int = START + 1, source: str = "server"
) -> list[Reading]:
    return [Reading(first_s + at, source, metric, value, METRICS[metric].unit) for at, value in enumerate(values)]


def judged(target: Target, known: OnTarget) -> TargetResult:
    plan = make_plan(target)
    (result,) = judge_targets(plan, make_summary(plan), ROLES, known)
    return result


def below(limit: float, statistic: str = "max", metric: str = CPU) -> Target:
    return Target("limit", f"{metric} {statistic}", limit, below=True)


@pytest.mark.parametrize(
    ("target", "values", "outcome", "reason"),
    [
        pytest.param(
            below(85), [40.0] * 59 + [84.9], TargetOutcome.MET, f"{CPU}: most 84.9 %, limit 85 %", id="most below"
        ),
        pytest.param(
            below(85), [40.0] * 59 + [85.0], TargetOutcome.MISSED, f"{CPU}: most 85 %, limit 85 %", id="equal misses"
        ),
        pytest.param(
            below(85, "p95"), [40.0] * 57 + [99.0] * 3, TargetOutcome.MET, f"{CPU}: 95th percentile 40 %, limit 85 %",
            id="three of sixty are a twentieth",
        ),
        pytest.param(
            below(85, "p95"), [40.0] * 56 + [99.0] * 4, TargetOutcome.MISSED,
            f"{CPU}: 95th percentile 99 %, limit 85 %", id="four of sixty are more",
        ),
        pytest.param(
            below(50, "avg"), [40.0, 50.0] * 30, TargetOutcome.MET, f"{CPU}: average 45 %, limit 50 %", id="average"
        ),
        pytest.param(
            Target("hits", "redis.hit_percent min", 70, below=False), [80.0] * 59 + [70.5], TargetOutcome.MET,
            "redis.hit_percent: least 70.5 %, more than 70 % needed", id="the least is above",
        ),
        pytest.param(
            Target("hits", "redis.hit_percent min", 70, below=False), [80.0] * 59 + [60.0], TargetOutcome.MISSED,
            "redis.hit_percent: least 60 %, more than 70 % needed", id="the least is not above",
        ),
        pytest.param(
            below(85), [40.0] * 12, TargetOutcome.NOT_JUDGED, "12 samples, 30 needed", id="too few samples"
        ),
        pytest.param(
            below(85), [40.0] * 11 + [90.0], TargetOutcome.MISSED, f"{CPU}: most 90 %, limit 85 %",
            id="more samples cannot mend a maximum",
        ),
        pytest.param(
            below(85, "min"), [90.0] * 12, TargetOutcome.NOT_JUDGED, "12 samples, 30 needed",
            id="more samples can mend a minimum that should be lower",
        ),
        pytest.param(
            below(85, "p95"), [90.0] * 12, TargetOutcome.NOT_JUDGED, "12 samples, 30 needed",
            id="more samples can mend a percentile",
        ),
        pytest.param(
            below(85), [40.0] * 50 + [None] * 10, TargetOutcome.NOT_JUDGED, "10 of 60 readings are gaps",
            id="nobody knows what happened in the gaps",
        ),
        pytest.param(below(85), [40.0] * 55 + [None] * 5, TargetOutcome.MET, f"{CPU}: most 40 %, limit 85 %",
                     id="a few gaps are let pass"),
    ],
)  # fmt: skip
def test_the_samples_of_the_steady_state_are_held_against_the_limit(
    target: Target, values: Sequence[float | None], outcome: TargetOutcome, reason: str
) -> None:
    result = judged(target, OnTarget(readings(values, target.metric.split()[0])))

    assert (result.outcome, result.reason) == (outcome, reason)


def test_the_result_tells_metric_unit_and_what_was_observed() -> None:
    result = judged(below(85), OnTarget(readings([40.0] * 60)))

    assert (result.metric, result.unit, result.observed, result.limit, result.scope) == (
        "server.cpu_percent max",
        "percent",
        40.0,
        85,
        "target",
    )


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (OnTarget(), "no monitor of PostgreSQL in this run"),
        (OnTarget(readings([1.0] * 60)), "no monitor of PostgreSQL in this run"),
        (
            OnTarget(readings([1.0] * 60, "postgres.connections")),
            "the monitor of PostgreSQL did not read postgres.connections_used_percent in the steady state",
        ),
        (
            OnTarget(readings([1.0] * 60, "postgres.connections_used_percent", first_s=START + 61)),
            "the monitor of PostgreSQL did not read postgres.connections_used_percent in the steady state",
        ),
        (
            OnTarget(readings([None] * 60, "postgres.connections_used_percent")),
            "the monitor of PostgreSQL never answered",
        ),
        (
            OnTarget(
                [*readings([None] * 60, "postgres.connections_used_percent"), *readings([1.0], "postgres.connections")]
            ),
            "the monitor of PostgreSQL gave no value of postgres.connections_used_percent in the steady state",
        ),
    ],
    ids=["nothing watched", "only the server", "not this metric", "only after the end", "only gaps", "others not"],
)
def test_what_was_not_read_is_not_judged(known: OnTarget, reason: str) -> None:
    result = judged(below(80, metric="postgres.connections_used_percent"), known)

    assert (result.outcome, result.reason) == (TargetOutcome.NOT_JUDGED, reason)


def test_ramp_up_and_parts_do_not_count() -> None:
    known = [
        *readings([99.0] * 10, first_s=START - 9),  # the last of them tells of the second before the steady state
        *readings([40.0] * 60),
        *readings([95.0] * 60, "server.process_cpu_percent", source="server/pid 7"),
    ]

    assert judged(below(85), OnTarget(known)).observed == 40.0
    assert judged(below(85, metric="server.process_cpu_percent"), OnTarget(known)).observed == 95.0


def test_without_a_steady_state_nothing_is_judged() -> None:
    plan = make_plan(below(85))
    summary = make_summary(plan, steady_s=0.0, steady_start=None, steady_end=None)
    (result,) = judge_targets(plan, summary, ROLES, OnTarget(readings([40.0] * 60)))

    assert (result.outcome, result.reason) == (TargetOutcome.NOT_JUDGED, "there was no steady state")


def test_as_information_it_does_not_gate() -> None:
    target = replace(below(85), information_in=("acceptance",))
    result = judged(target, OnTarget(readings([90.0] * 60)))

    assert result.outcome is TargetOutcome.INFORMATION
    assert result.reason == (
        "information only in scenario acceptance, would be missed: server.cpu_percent: most 90 %, limit 85 %"
    )


def cost(operation: str, queries: int | None, role: str = "reader") -> OperationCost:
    blank = OperationCost(role, operation, "GET", f"/{operation}", False, Known.UNKNOWN, "cached")
    if queries is None:
        return blank
    return replace(blank, known=Known.YES, reason="", requests=(RequestCost(1, Cost(queries), True, "x", 1, 3.0),))


def fingerprint(*costs: OperationCost) -> OnTarget:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    return OnTarget(fingerprint=Fingerprint("r", "h", "2026-03-01T09:30:00Z", 5, database, costs))


QUERIES = Target("queries", "max_queries_per_request", 20, below=True)
OF_LIST = replace(QUERIES, operation="policies.list")


@pytest.mark.parametrize(
    ("target", "known", "outcome", "reason"),
    [
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("b", 9)), TargetOutcome.MET,
            "b as reader makes 9 queries per request, limit 20", id="the worst operation counts",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("policies.list", 21)), TargetOutcome.MISSED,
            "policies.list as reader makes 21 queries per request, limit 20", id="one is enough to miss",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("a", 30), cost("policies.list", 2)), TargetOutcome.MET,
            "policies.list as reader makes 2 queries per request, limit 20", id="others do not count",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("policies.list", None)), TargetOutcome.NOT_JUDGED,
            "the cost of policies.list as reader is not known: cached", id="cost not known",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 30), cost("b", None)), TargetOutcome.MISSED,
            "a as reader makes 30 queries per request (the cost of b as reader is not known: cached), limit 20",
            id="missed whatever the unknown one costs",
        ),
        pytest.param(
            QUERIES, fingerprint(cost("a", 3), cost("b", None)), TargetOutcome.NOT_JUDGED,
            "the cost of b as reader is not known: cached", id="half of them not known",
        ),
        pytest.param(
            QUERIES, fingerprint(*(cost(f"a{n}", 3) for n in range(9)), cost("b", None)), TargetOutcome.MET,
            "a0 as reader makes 3 queries per request (the cost of b as reader is not known: cached), limit 20",
            id="one of ten not known is let pass and told",
        ),
        pytest.param(
            OF_LIST, fingerprint(cost("a", 3)), TargetOutcome.NOT_JUDGED,
            "the fingerprint has no such operation, or could not measure it", id="operation not there",
        ),
        pytest.param(
            QUERIES, OnTarget(), TargetOutcome.NOT_JUDGED, "no fingerprint was taken in this run", id="no fingerprint"
        ),
    ],
)  # fmt: skip
def test_queries_per_request_are_held_against_the_limit(
    target: Target, known: OnTarget, outcome: TargetOutcome, reason: str
) -> None:
    result = judged(target, known)

    assert (result.outcome, result.reason) == (outcome, reason)


def test_a_missed_one_fails_the_run_even_when_the_generator_was_not_fit() -> None:
    plan = make_plan(AVERAGE, below(85))
    saturated = GeneratorHealth(1, 99.0, 200.0, 0, cpu_percent_mean=97.0)
    verdict = judge(plan, make_summary(plan, generator=saturated), ROLES, OnTarget(readings([90.0] * 60)))

    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons[0] == "server.cpu_percent: most 90 %, limit 85 %"


def test_notes_on_failures_pass_over_them() -> None:
    plan = make_plan(below(85))
    verdict = judge(plan, make_summary(plan, figures(failures=3)), ROLES, OnTarget(readings([40.0] * 60)))

    assert verdict.outcome is Outcome.PASS


def test_while_the_run_goes_they_are_left_out() -> None:
    live = LiveState("steady", 30.0, 60.0, {"reader": 150}, 240, 100.0, 50.0, figures(), True, 3000, 0, 0)

    assert [result.name for result in live_targets(make_plan(below(85), AVERAGE), live, ROLES)] == [AVERAGE.name]
