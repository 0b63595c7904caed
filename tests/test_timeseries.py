"""Series per second against small examples; trend tests against answers that can be worked out by hand."""

from __future__ import annotations

import math
import random
from itertools import combinations, permutations

import numpy as np
import pytest

from perfsuite.model.monitor import Reading
from perfsuite.timeseries import (
    MOST_POINTS,
    Point,
    bin_width,
    extremes,
    mann_kendall,
    per_request,
    runs_of,
    theil_sen,
    thinned,
    tracks_of,
)
from tests.report.made_load import START
from tests.report.made_readings import part, read

GAP = math.nan


def test_a_reading_belongs_to_the_second_that_ends_with_it() -> None:
    readings = [
        Reading(START, "redis", "redis.cpu_percent", 9.0, "percent"),  # of the second before the load
        *read("redis.cpu_percent", [1.0, None, 3.0]),
        Reading(START + 3.4, "redis", "redis.cpu_percent", 4.0, "percent"),
        Reading(START + 99.0, "redis", "redis.memory_bytes", 4.0, "bytes"),
        *part("machine.core_cpu_percent", "core 1", [5.0]),
    ]
    cpu, core = tracks_of(readings, START, 5)
    assert (cpu.metric, cpu.unit, cpu.is_part) == ("redis.cpu_percent", "percent", False)
    assert cpu.values.tolist() == pytest.approx([1.0, GAP, 3.0, 4.0, GAP], nan_ok=True)
    assert (cpu.known.tolist(), cpu.varies) == ([1.0, 3.0, 4.0], True)
    assert cpu.between(START + 1, START + 4).tolist() == [3.0, 4.0]
    assert cpu.seconds.tolist() == [START, START + 2, START + 3]
    assert (core.source, core.is_part, core.varies) == ("machine/core 1", True, False)


def test_infinity_and_nan_are_gaps() -> None:
    (track,) = tracks_of(read("redis.cpu_percent", [math.nan, math.inf, None, 2.0]), START, 4)
    assert track.known.tolist() == [2.0]


def test_work_per_request_is_the_quotient_of_sums_over_some_seconds() -> None:
    asked = [10.0, None, 30.0, 40.0, 50.0, 60.0, 0.0, 0.0, 8.0]
    requests = np.array([5.0, 9, 10, 0, 10, 10, 0, 0, GAP])
    (track,) = per_request(tracks_of(read("redis.lookups_per_s", asked), START, 9), requests)
    assert (track.metric, track.source, track.unit) == ("redis.lookups_per_request", "redis", "")
    expected = [2.0, GAP, 40 / 15, 80 / 15, 130 / 25, 180 / 30, 180 / 30, 150 / 20, GAP]
    assert track.values.tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)
    (unused,) = per_request(tracks_of(read("redis.lookups_per_s", [1.0]), START, 1), np.zeros(1))
    assert unused.known.size == 0


def test_runs_of_shorter_than_asked_are_left_out() -> None:
    assert runs_of(np.array([True, False, True, True, True]), 2) == [(2, 5)]


@pytest.mark.parametrize(("length_s", "width"), [(60, 1), (400, 1), (401, 3), (1800, 9), (14_400, 72)])
def test_bins(length_s: int, width: int) -> None:
    assert bin_width(length_s) == width


def test_a_spike_of_one_second_stays_where_it_was_in_a_run_of_half_an_hour() -> None:
    values = np.array([10.0 + at % 7 for at in range(1800)])
    values[1234], values[777] = 900.0, 0.0
    points = thinned(values, bin_width(1800))
    assert len(points) <= MOST_POINTS + 2
    assert points == sorted(points)
    assert (1234.5, 900.0) in points
    assert (777.5, 0.0) in points
    lows, highs = extremes(values, bin_width(1800))
    assert (lows[1234 // 9], highs[1234 // 9]) == (10.0, 900.0)


@pytest.mark.parametrize(
    ("values", "width", "points"),
    [
        pytest.param([1, GAP, 2], 1, [(0.5, 1), (1.5, None), (2.5, 2)], id="each second of a short run counts"),
        pytest.param([1] * 6 + [GAP] + [1] * 6, 6, [(0.5, 1), (12.5, 1)], id="a second that no screen would show"),
        pytest.param(
            [1] * 6 + [GAP] * 3 + [1] * 6, 6, [(0.5, 1), (5.5, 1), (8.5, None), (9.5, 1), (14.5, 1)],
            id="half a bin breaks the line, and the line ends where the gap begins",
        ),
        pytest.param([GAP, GAP], 1, [], id="only gaps"),
    ],
)  # fmt: skip
def test_gaps(values: list[float], width: int, points: list[Point]) -> None:
    found = thinned(np.array(values, dtype=np.float64), width)
    assert [point for point in found if point[1] is None] == [point for point in points if point[1] is None]
    assert [points[0], points[-1]] == [found[0], found[-1]] if points else found == []


def test_bins_of_gaps_stay_unknown() -> None:
    lows, highs = extremes(np.array([1, 5, GAP, GAP, GAP, 2]), 2)
    assert lows.tolist() == pytest.approx([1, GAP, 2], nan_ok=True)
    assert highs.tolist() == pytest.approx([5, GAP, 2], nan_ok=True)


@pytest.mark.parametrize(
    ("values", "p"),
    [
        # S = 28 of 28, variance 8·7·21/18 = 65.33: z = 27 / 8.083 = 3.340
        pytest.param([1.0, 2, 3, 4, 5, 6, 7, 8], 0.000836, id="rising all the way"),
        pytest.param([8.0, 7, 6, 5, 4, 3, 2, 1], 0.000836, id="falling all the way"),
        pytest.param([10.0, 15, 14, 20, 18, 25], 1.0, id="6 values are too few"),
        pytest.param([5.0] * 10, 1.0, id="all equal"),
        # S = 18, five tied values: variance (8·7·21 − 5·4·15) / 18 = 48.67, z = 17 / 6.976 = 2.437
        pytest.param([1.0, 1, 1, 1, 1, 2, 3, 4], 0.014797, id="ties lower the variance"),
        pytest.param([3.0, 1, 4, 1, 5, 9, 2, 6], 0.214, id="digits of pi"),
    ],
)
def test_mann_kendall(values: list[float], p: float) -> None:
    assert mann_kendall(values) == pytest.approx(p, rel=0.01)


def test_the_normal_approximation_is_close_to_the_exact_distribution_at_the_level_that_is_used() -> None:
    """Over all 8! orders: how many have p < 0.01 by the approximation."""
    orders = list(permutations(range(8)))
    scores = [sum(1 if later > earlier else -1 for earlier, later in combinations(order, 2)) for order in orders[::7]]
    significant = {score: mann_kendall(order) < 0.01 for order, score in zip(orders[::7], scores, strict=True)}
    rate = sum(significant[score] for score in scores) / len(scores)
    assert 0.004 < rate <= 0.01


@pytest.mark.parametrize(
    ("at", "values", "line"),
    [
        pytest.param([0.0, 1, 2, 3], [1.0, 3, 5, 7], (2.0, 1.0), id="a line"),
        pytest.param([0.0, 1, 2, 3, 4], [1.0, 3, 5, 7, 999], (2.0, 1.0), id="a line and an outlier"),
        pytest.param([0.0, 10, 20], [4.0, 4, 4], (0.0, 4.0), id="flat"),
    ],
)
def test_theil_sen(at: list[float], values: list[float], line: tuple[float, float]) -> None:
    assert theil_sen(at, values) == line


def test_noise_looks_like_a_trend_as_rarely_as_the_level_says() -> None:
    dice = random.Random(4)
    alarms = sum(mann_kendall([dice.gauss(0, 1) for _ in range(12)]) < 0.01 for _ in range(4_000))
    assert alarms / 4_000 < 0.012
