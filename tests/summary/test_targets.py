"""What targets need beyond the rows: intervals by scope, drift, and users accounted for."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Arrival, Drift, FailureKind, LostWorker, Occupancy, Plan, Target, TargetFigures
from perfsuite.summary import build
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

AVERAGE = Target("average", "avg_ms", 500, True)
P95 = Target("p95", "p95_ms", 2000, True)
RATE = Target("throughput", "rps", 100, False)
WRITING = ("writer", "creating", "policies.create")


def run_of(record: Callable[[int, Process], list[Record]], steady_s: int = 18) -> list[Record]:
    """A run with `record(second, process)` in each of its steady seconds, which begin at 4."""
    one = Process()
    stop = 4 + steady_s
    plateau = max((4 - 0.1 * stop) / 0.9, -1.0) - 0.01  # the settling time ends just before second 4
    made = [made for second in range(4, stop) for made in record(second, one)]
    return steady_run(one, made, plateau=plateau, down=float(stop))


def figures_of(plan: Plan, records: list[Record]) -> tuple[TargetFigures, ...]:
    return build(plan, Aggregate.of(records), preflight=None, roles=ROLES).target_figures


def test_each_scope_has_its_own_interval_made_without_answered_failures() -> None:
    targets = (
        AVERAGE,
        replace(AVERAGE, role="writer"),
        replace(AVERAGE, operation="policies.list"),
        replace(AVERAGE, role="writer", operation="policies.create"),
        AVERAGE,
        Target("users", "concurrent_users", 5, False),
        RATE,
    )
    records = run_of(
        lambda second, one: [
            one.requests(second, [10.0], [4.0], ended=2),
            one.requests(second, [40.0], where=WRITING, ended=1),
        ]
    )
    assert figures_of(make_plan(targets=targets), records) == (
        TargetFigures("avg_ms", None, None, (25.0, 25.0)),
        TargetFigures("avg_ms", "writer", None, (40.0, 40.0)),
        TargetFigures("avg_ms", None, "policies.list", (10.0, 10.0)),
        TargetFigures("avg_ms", "writer", "policies.create", (40.0, 40.0)),
        TargetFigures("rps", None, None, (2.0, 2.0)),
    )


def test_where_only_errors_were_answered_no_time_has_an_interval() -> None:
    records = run_of(lambda second, one: [one.requests(second, (), [5.0] * 20, ended=20)])
    failures = Target("failures", "failure_rate", 0.01, True)
    average, p95, rate, failed = figures_of(make_plan(targets=(AVERAGE, P95, RATE, failures)), records)
    assert (average.interval, p95.interval, rate.interval) == (None, None, (0.0, 0.0))
    assert failed.interval == (pytest.approx(0.989, abs=0.001), 1.0)


def test_a_short_steady_state_has_no_interval() -> None:
    records = run_of(lambda second, one: [one.requests(second, [10.0] * 20)], steady_s=12)
    assert figures_of(make_plan(targets=(AVERAGE,)), records) == (TargetFigures("avg_ms", None, None, None),)


def test_without_a_steady_state_nothing_is_known() -> None:
    assert figures_of(make_plan(targets=(AVERAGE, RATE)), []) == (
        TargetFigures("avg_ms", None, None, None),
        TargetFigures("rps", None, None, None),
    )


def growing(share: float, level_ms: float = 50.0, requests: int = 50) -> list[Record]:
    """100 s in which the times grow by `share` from beginning to end, with noise of 30 % a request."""
    dice = random.Random(2)

    def record(second: int, one: Process) -> list[Record]:
        level = level_ms * (1 + share * (second - 4) / 100)
        made = [level * math.exp(dice.gauss(0, 0.3)) for _ in range(requests)]
        return [one.requests(second, made, ended=requests)]

    return run_of(record, steady_s=100)


def drifts_of(records: list[Record], arrival: Arrival | None = None) -> tuple[Drift, ...]:
    return build(make_plan(arrival=arrival), Aggregate.of(records), preflight=None, roles=ROLES).drifts


def test_a_response_time_that_grows_by_a_third_is_told() -> None:
    median, p95 = drifts_of(growing(0.33))

    assert (median.figure, p95.figure) == ("p50_ms", "p95_ms")
    assert (median.start, median.end) == (pytest.approx(50, rel=0.04), pytest.approx(66.5, rel=0.04))
    assert median.p_value < 0.001


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(growing(0.0), id="no trend"),
        pytest.param(growing(0.03), id="3 % is nothing that anybody feels"),
        pytest.param(growing(0.3, level_ms=4.0), id="nor is 1.2 ms"),
        pytest.param(growing(0.33, requests=1), id="blocks of 8 requests tell no median"),
    ],
)
def test_no_drift(records: list[Record]) -> None:
    assert drifts_of(records) == ()


def test_a_throughput_that_fades_is_told() -> None:
    records = run_of(lambda second, one: [one.requests(second, [20.0] * 30, ended=30 - second // 10)], steady_s=100)
    (rate,) = drifts_of(records)
    assert (rate.figure, rate.start, rate.end) == ("rps", pytest.approx(30, abs=0.5), pytest.approx(20, abs=0.5))


def test_a_trend_is_told_by_levels_that_were_there() -> None:
    """Times that fall steeply and then stay: the line through them would go on below 0."""
    records = run_of(lambda second, one: [one.requests(second, [30.0 + 2_000.0 / second] * 30, ended=30)], steady_s=100)
    median, p95 = drifts_of(records)

    assert (median.figure, p95.figure) == ("p50_ms", "p95_ms")
    assert 46 <= median.end <= 55
    assert 115 <= median.start <= 540  # what the first quarter of the blocks showed


def test_a_block_without_a_request_has_no_trend() -> None:
    def record(second: int, one: Process) -> list[Record]:
        return [one.requests(second, [20.0] * 30, ended=30 - second // 10)] if second < 90 else []

    assert drifts_of(run_of(record, steady_s=100)) == ()


def test_arrivals_that_are_meant_to_change_do_not_drift() -> None:
    assert drifts_of(growing(0.33), Arrival(10.0, rate_end=40.0)) == ()
    assert len(drifts_of(growing(0.33), Arrival(10.0))) == 2


def test_a_minute_is_long_enough_for_a_trend_and_half_of_it_is_not() -> None:
    def record(second: int, one: Process) -> list[Record]:
        return [one.requests(second, [20.0 + second] * 50, ended=50)]

    assert [drift.figure for drift in drifts_of(run_of(record, steady_s=53))] == ["p50_ms", "p95_ms"]
    assert drifts_of(run_of(record, steady_s=35)) == ()


def test_users_are_accounted_for_by_what_they_did() -> None:
    """Two readers, each acting for 0.5 s and pausing for 1.5 s; one of them logs in once, for 0.9 s."""
    login = ("reader", "login", "login")
    records = run_of(
        lambda second, one: [
            one.acts(second, [500.0], [1_500.0]),
            one.users(second, reader=2, writer=1),
            *([one.requests(second, [900.0], where=login)] if second == 9 else []),
        ]
    )
    (reader,) = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES).occupancy

    assert reader == Occupancy("reader", users=2.0, actions=18, accounted=2.0, in_login=0.9 / 18, cycle_s=2.0)


@pytest.mark.parametrize(
    ("pauses", "accounted"),
    [
        pytest.param([1_500.0] * 17, 2.0, id="a pause that the end cut off is not recorded"),
        pytest.param([1_500.0] * 20, (18 * 0.5 + 20 * 1.5) / 18, id="actions without a request are followed by pauses"),
    ],
)
def test_pauses_that_do_not_match_the_actions(pauses: list[float], accounted: float) -> None:
    records = run_of(lambda second, one: [one.acts(second, [500.0], pauses if second == 5 else [])])
    (reader,) = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES).occupancy
    assert reader.accounted == pytest.approx(accounted)


def test_a_slow_login_is_the_longest_cycle() -> None:
    login = ("reader", "login", "login")
    records = run_of(lambda second, one: [one.acts(second, [500.0], [1_500.0])])
    records.append(Process("2").requests(0, [8_000.0], where=login))
    (reader,) = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES).occupancy
    assert (reader.cycle_s, reader.in_login) == (8.0, 0.0)


@pytest.mark.parametrize(
    ("late_ms", "accounted"),
    [
        pytest.param([48_500.0] * 2, 1.99, id="answers that come 29 s after the end count up to the end only"),
        pytest.param([], 1.6, id="of requests that were cut no action is known"),
    ],
)
def test_a_target_that_stands_still_at_the_end(late_ms: list[float], accounted: float) -> None:
    """Two readers, acting for 0.5 s and pausing for 1.5 s until the target answers no more, 20 s before the end."""

    def record(second: int, one: Process) -> list[Record]:
        if second - 4 < 80:
            return [one.acts(second, [500.0], [1_500.0]), one.users(second, reader=2)]
        hangs = [one.acts(second, late_ms, []), one.requests(second, (), [50_000.0] * 2, kind=FailureKind.UNFINISHED)]
        return [*(hangs if second - 4 == 80 else []), one.users(second, reader=2)]

    (reader,) = build(make_plan(), Aggregate.of(run_of(record, steady_s=100)), preflight=None, roles=ROLES).occupancy
    pauses_s = len(late_ms) * 1.5
    assert (reader.cut, reader.accounted) == (2, pytest.approx(accounted + pauses_s / 100, abs=0.001))


def test_what_began_before_the_steady_state_counts_from_its_beginning() -> None:
    """Of 10 s from the middle of a second on, 8.5 s lie in it."""
    records = run_of(lambda second, one: [one.acts(second, [500.0], [1_500.0])])
    before = Process("2").acts(2, [10_000.0], [])
    (reader,) = build(make_plan(), Aggregate.of([*records, before]), preflight=None, roles=ROLES).occupancy
    assert reader.accounted == pytest.approx(2.0 + 8.5 / 18, abs=0.001)


@pytest.mark.parametrize(
    ("arrival", "pauses"),
    [
        pytest.param(None, [], id="files of schema 1 tell no pauses"),
        pytest.param(Arrival(10.0), [1_500.0], id="sessions of the open model wait for work"),
    ],
)
def test_users_that_cannot_be_accounted_for(arrival: Arrival | None, pauses: list[float]) -> None:
    records = run_of(lambda second, one: [one.acts(second, [500.0], pauses)])
    assert build(make_plan(arrival=arrival), Aggregate.of(records), preflight=None, roles=ROLES).occupancy == ()


def test_lost_processes_come_in_the_order_of_time() -> None:
    one = Process("coordinator")
    records: list[Record] = [one.lost(9.5, "2", 5, "killed"), one.lost(3.25, "1", 0, "silent")]
    summary = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES)
    assert summary.lost_workers == (
        LostWorker("1", START + 3.25, 0, "silent"),
        LostWorker("2", START + 9.5, 5, "killed"),
    )
    assert summary.generator.processes == 0


def test_apdex_counts_what_failed_as_frustrated() -> None:
    # 18 s: 6 within 300 ms, 3 within 1,200 ms, 1 later, and 2 quick failures a second
    times = [100.0] * 6 + [900.0] * 3 + [1500.0]
    records = run_of(lambda second, one: [one.requests(second, times, [5.0, 5.0], ended=12)])
    (known,) = figures_of(make_plan(targets=(Target("apdex", "apdex_300", 0.85, False),)), records)
    assert (known.value, known.interval) == (pytest.approx((6 + 3 / 2) / 12), None)


def test_requests_are_counted_within_the_times_of_the_published_limits() -> None:
    records = run_of(lambda second, one: [one.requests(second, [50.0, 100.0, 700.0, 9000.0], [5.0], ended=5)])
    summary = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES)
    counts = {one.limit_ms: one.succeeded for one in summary.within}
    assert counts == {100.0: 36, 500.0: 36, 1000.0: 54, 2000.0: 54, 10000.0: 72}
    assert build(make_plan(), Aggregate.of([]), preflight=None, roles=ROLES).within == ()
