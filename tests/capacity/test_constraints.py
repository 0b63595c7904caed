"""Targets as means over requests, and what so many requests say about them."""

from __future__ import annotations

import pytest

from perfsuite.capacity.constraints import (
    BEYOND_WINDOW_S,
    Constraint,
    LevelOutcome,
    SecondSample,
    constraint_of,
    constraints_of,
    sum_of,
)
from perfsuite.measurements.histogram import Histogram
from perfsuite.model import Target


def constraint(metric: str, limit: float, *, below: bool = True) -> Constraint:
    found = constraint_of(Target(metric, metric, limit, below=below))
    assert found is not None
    return found


def times(*milliseconds: int) -> Histogram:
    histogram = Histogram()
    for each in milliseconds:
        histogram.add(each * 1000)
    return histogram


@pytest.mark.parametrize(
    ("metric", "over", "needed"),
    [
        pytest.param("p95_ms", 0, 90, id="MLPerf's table: p95, none over the limit"),
        pytest.param("p95_ms", 1, 130, id="p95, one"),
        pytest.param("p95_ms", 5, 259, id="p95, five"),
        pytest.param("p95_ms", 10, 398, id="p95, ten"),
        pytest.param("p99_ms", 0, 459, id="p99, none"),
        pytest.param("p99_ms", 1, 662, id="p99, one"),
        pytest.param("p99_ms", 10, 2010, id="p99, ten"),
    ],
)
def test_a_pass_needs_as_many_requests_as_mlperf_asks_for(metric: str, over: int, needed: int) -> None:
    limited = constraint(metric, 500)

    assert limited.outcome(SecondSample(needed, over, over)) is LevelOutcome.PASS
    assert limited.outcome(SecondSample(needed - 1, over, over)) is LevelOutcome.UNDECIDED


def test_many_requests_over_the_limit_fail() -> None:
    assert constraint("p95_ms", 500).outcome(SecondSample(100, 12, 12)) is LevelOutcome.FAIL
    assert constraint("p95_ms", 500).outcome(SecondSample(100, 6, 6)) is LevelOutcome.UNDECIDED
    assert constraint("p95_ms", 500).outcome(SecondSample()) is LevelOutcome.UNDECIDED


def test_an_average_is_judged_by_its_spread_and_from_thirty_requests_on() -> None:
    limited = constraint("avg_ms", 200)

    assert limited.outcome(SecondSample(100, 18_000, 18_000 * 180 + 100 * 50**2)) is LevelOutcome.PASS
    assert limited.outcome(SecondSample(100, 19_500, 19_500 * 195 + 100 * 50**2)) is LevelOutcome.UNDECIDED
    assert limited.outcome(SecondSample(100, 22_000, 22_000 * 220 + 100 * 50**2)) is LevelOutcome.FAIL
    assert limited.outcome(SecondSample(29, 29 * 100, 29 * 100**2)) is LevelOutcome.UNDECIDED


def test_a_second_becomes_what_the_target_limits() -> None:
    second = times(100, 300, 600, 2500)

    assert constraint("p95_ms", 500).sample(second, 1, 6) == SecondSample(4, 2, 2, 1, 5, 6)
    assert constraint("failure_rate", 0.01).sample(second, 1, 6) == SecondSample(5, 1, 1, 1, 5, 6)
    assert constraint("apdex_500", 0.85, below=False).sample(second, 1, 6).total == pytest.approx(5 - (2 + 3) / 2)
    average = constraint("avg_ms", 500).sample(second, 1, 6)
    assert (average.requests, average.mean) == (4, 875)
    assert average.squares == pytest.approx(100**2 + 300**2 + 600**2 + 2500**2, rel=1e-3)


def test_a_load_is_given_up_far_beyond_the_limit_only() -> None:
    limited = constraint("p95_ms", 500)
    slow, far = SecondSample(10, 10, 10, 0), SecondSample(10, 10, 10, 1)

    assert not limited.is_beyond([slow] * BEYOND_WINDOW_S)
    assert limited.is_beyond([far] * BEYOND_WINDOW_S)
    assert not limited.is_beyond([far] * (BEYOND_WINDOW_S - 1))
    assert not limited.is_beyond([SecondSample(0)] * 9 + [SecondSample(9, 9, 9, 9)])


def test_samples_add_up() -> None:
    assert sum_of([SecondSample(1, 2, 3, 4, 5, 6), SecondSample(10, 20, 30, 40, 50, 60)]) == SecondSample(
        11, 22, 33, 44, 55, 66
    )


def test_targets_that_do_not_get_worse_with_the_load_have_no_part() -> None:
    targets = [
        Target("throughput", "rps", 100, below=False),
        Target("users", "concurrent_users", 200, below=False),
        Target("longest", "max_ms", 5000, below=True),
        Target("memory", "server.memory_bytes", 1e9, below=True),
        Target("p95", "p95_ms", 500, below=True, role="policyholder", operation="policies.list"),
    ]

    found, left_out = constraints_of(targets)

    assert [each.target.name for each in found] == ["p95"]
    assert [each.name for each in left_out] == ["throughput", "users", "longest", "memory"]
