"""Counters become rates; what cannot be known is a gap."""

from __future__ import annotations

import pytest

from perfsuite.model.monitor import METRICS, Direction
from perfsuite.monitor.source import GroupRates, Rates, less_own, scrubbed, share_percent


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(10, 0.0)], [None], id="the first look has nothing to compare with"),
        pytest.param([(10, 0.0), (30, 2.0)], [None, 10.0], id="over the time measured, not over one second"),
        pytest.param([(10, 0.0), (10, 1.0)], [None, 0.0], id="standing still is zero, not a gap"),
        pytest.param([(10, 0.0), (4, 1.0), (6, 2.0)], [None, None, 2.0], id="a reset is a gap, then it goes on"),
        pytest.param([(10, 0.0), (None, 1.0), (40, 2.0)], [None, None, None], id="not known: a gap on both sides"),
        pytest.param([(10, 1.0), (20, 1.0)], [None, None], id="no time has passed"),
    ],
)
def test_rates(looks: list[tuple[float | None, float]], expected: list[float | None]) -> None:
    rates = Rates()
    assert [rates.per_s("counter", count, at_s) for count, at_s in looks] == expected


def test_forgetting_one_counter_keeps_the_others() -> None:
    rates = Rates()
    rates.per_s("a", 1, 0.0)
    rates.per_s("b", 1, 0.0)
    rates.forget("a")
    assert (rates.per_s("a", 2, 1.0), rates.per_s("b", 2, 1.0)) == (None, 1.0)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([{1: 5.0}, {1: 7.0}], [None, 2.0], id="one that stays"),
        pytest.param([{1: 5.0}, {1: 6.0, 2: 3.0}], [None, 4.0], id="one that comes counts from its beginning"),
        pytest.param([{1: 5.0, 2: 9.0}, {1: 6.0}], [None, 1.0], id="one that goes takes nothing away"),
        pytest.param([{1: 5.0, 2: 9.0}, {1: 6.0, 2: 1.0}], [None, 1.0], id="one that was reset is left out"),
        pytest.param([{1: 5.0}, {}], [None, None], id="nobody is there"),
    ],
)
def test_group_rates(looks: list[dict[object, float]], expected: list[float | None]) -> None:
    group = GroupRates()
    assert [group.total(counts, float(number)) for number, counts in enumerate(looks)] == expected


@pytest.mark.parametrize(
    ("part", "rest", "expected"),
    [(3, 1, 75.0), (0, 0, None), (None, 1, None), (1, None, None), (0, 5, 0.0)],
    ids=["a share", "nothing to have a share of", "part not known", "rest not known", "none"],
)
def test_share(part: float | None, rest: float | None, expected: float | None) -> None:
    assert share_percent(part, rest) == expected


def test_own_work_is_taken_off_and_never_goes_below_zero() -> None:
    assert (less_own(5.0, 2.0), less_own(1.0, 2.0), less_own(None, 2.0)) == (3.0, 0.0, None)


def test_a_message_from_outside_is_one_line_without_secrets() -> None:
    assert scrubbed("no s3cret here\nsecond line", "s3cret", None, "") == "no *** here"
    assert scrubbed("\n", None) == "no reason given"


def test_the_catalogue_is_sound() -> None:
    for metric in METRICS.values():
        assert metric.meaning
        assert metric.unit in {
            "percent", "count", "bytes", "per second", "bytes per second", "ms", "s", "ms per second",
        }, metric  # fmt: skip
        if metric.limit_metric is not None:
            assert METRICS[metric.limit_metric].unit == metric.unit
            assert metric.limit is None
        if metric.name.endswith("_percent"):
            assert metric.unit == "percent"
        if metric.name.endswith("_bytes"):
            assert metric.unit == "bytes"
    assert METRICS["postgres.cache_hit_percent"].direction is Direction.LOWER_IS_WORSE
    assert METRICS["pool.checked_out"].component == "pool"
