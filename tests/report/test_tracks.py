"""Readings on the seconds of the load: gaps, spikes, and what is not of the load at all."""

from __future__ import annotations

import math

import pytest

from perfsuite.findings import series
from perfsuite.model.monitor import Reading
from perfsuite.report.page.charts import Point
from perfsuite.report.page.tracks import (
    MOST_POINTS,
    PER_REQUEST,
    SMOOTH_S,
    bin_width,
    extremes,
    per_request,
    thinned,
    tracks_of,
)
from tests.report.made_load import START
from tests.report.made_readings import part, read


def test_a_reading_tells_of_the_second_that_ends_with_it() -> None:
    readings = [
        Reading(START, "redis", "redis.cpu_percent", 9.0, "percent"),  # of the second before the load
        *read("redis.cpu_percent", [1.0, None, 3.0]),
        Reading(START + 3.4, "redis", "redis.cpu_percent", 4.0, "percent"),
        Reading(START + 99.0, "redis", "redis.memory_bytes", 4.0, "bytes"),
        *part("machine.core_cpu_percent", "core 1", [5.0]),
    ]
    cpu, core = tracks_of(readings, START, 5)
    assert (cpu.metric, cpu.unit, cpu.part, cpu.values) == (
        "redis.cpu_percent",
        "percent",
        False,
        [1.0, None, 3.0, 4.0, None],
    )
    assert (cpu.known, cpu.moved) == ([1.0, 3.0, 4.0], True)
    assert (core.source, core.part, core.moved) == ("machine/core 1", True, False)


def test_what_is_no_number_is_a_gap() -> None:
    (track,) = tracks_of(read("redis.cpu_percent", [math.nan, math.inf, None, 2.0]), START, 4)
    assert track.known == [2.0]


@pytest.mark.parametrize(("length_s", "width"), [(60, 1), (400, 1), (401, 3), (1800, 9), (14_400, 72)])
def test_bins(length_s: int, width: int) -> None:
    assert bin_width(length_s) == width


def test_a_spike_of_one_second_stays_where_it_was_in_a_run_of_half_an_hour() -> None:
    values: list[float | None] = [10.0 + at % 7 for at in range(1800)]
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
        pytest.param([1, None, 2], 1, [(0.5, 1), (1.5, None), (2.5, 2)], id="each second of a short run counts"),
        pytest.param([1] * 6 + [None] + [1] * 6, 6, [(0.5, 1), (12.5, 1)], id="a second that no screen would show"),
        pytest.param(
            [1] * 6 + [None] * 3 + [1] * 6, 6, [(0.5, 1), (5.5, 1), (8.5, None), (9.5, 1), (14.5, 1)],
            id="half a bin breaks the line, and the line ends where the gap begins",
        ),
        pytest.param([None, None], 1, [], id="only gaps"),
    ],
)  # fmt: skip
def test_gaps(values: list[float | None], width: int, points: list[Point]) -> None:
    found = thinned(values, width)
    assert [point for point in found if point[1] is None] == [point for point in points if point[1] is None]
    assert [points[0], points[-1]] == [found[0], found[-1]] if points else found == []


def test_bins_of_gaps_stay_unknown() -> None:
    assert extremes([1, 5, None, None, None, 2], 2) == ([1, None, 2], [5, None, 2])


def test_what_requests_ask_for_is_told_by_request_over_some_seconds_as_findings_do() -> None:
    asked = [10.0, None, 30.0, 40.0, 50.0, 60.0, 0.0, 0.0]
    requests = [5, 9, 10, 0, 10, 10, 0, 0]
    (told,) = per_request(tracks_of(read("redis.lookups_per_s", asked), START, 8), dict(enumerate(requests)))
    assert (told.metric, told.source, told.unit) == ("redis.lookups_per_request", "redis", "")
    assert told.values == [2.0, None, 40 / 15, 80 / 15, 130 / 25, 180 / 30, 180 / 30, 150 / 20]
    (alone,) = per_request(tracks_of(read("redis.lookups_per_s", [1.0]), START, 1), {})
    assert alone.values == [None]
    sources = {name: metric for name, (metric, _) in PER_REQUEST.items()}
    assert (series._PER_REQUEST.items() - sources.items(), series.SMOOTH_S) == (set(), SMOOTH_S)
