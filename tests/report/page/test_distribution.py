"""Distribution of response times: bars, markers, and shares within round times."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from perfsuite.measurements.histogram import Histogram
from perfsuite.model import Statistics, Summary, TimeBin
from perfsuite.report.page.distribution import Distribution, distribution_of
from perfsuite.report.page.load_charts import TimeLimit
from perfsuite.summary.rows import bins_of
from tests.report import example_runs


def times(*values_ms: float) -> Histogram:
    made = Histogram()
    for value in values_ms:
        made.add(round(value * 1000))
    return made


def summary(bins: tuple[TimeBin, ...], **totals: float | None) -> Summary:
    whole = example_runs.passed().summary
    none = dict.fromkeys(("avg_ms", "p50_ms", "p95_ms", "p99_ms"))
    statistics: Statistics = replace(whole.totals, **{**none, **totals})  # type: ignore[arg-type]
    return replace(whole, distribution=bins, totals=statistics)


def distribution(bins: tuple[TimeBin, ...], *limits: TimeLimit, **totals: float | None) -> Distribution:
    found = distribution_of(summary(bins, **totals), limits)
    assert found is not None
    return found


def rows(found: Distribution) -> list[list[str]]:
    return [[cell.text for cell in row] for row in found.table.rows]


def test_shares_within_round_times_and_the_failed_among_them() -> None:
    found = distribution(bins_of(times(*[3.0] * 6, 15.0, 40.0), times(1.5, 700.0)))
    assert rows(found) == [
        ["2 ms", "1", "10 %", "1"],
        ["5 ms", "7", "70 %", "1"],
        ["10 ms", "7", "70 %", "1"],
        ["20 ms", "8", "80 %", "1"],
        ["50 ms", "9", "90 %", "1"],
        ["100 ms", "9", "90 %", "1"],
        ["200 ms", "9", "90 %", "1"],
        ["500 ms", "9", "90 %", "1"],
        ["710 ms", "10", "100 %", "2"],
    ]


def test_failed_requests_stand_on_top_of_the_others() -> None:
    found = distribution(bins_of(times(*[10.0] * 3), times(10.0)))
    first = len(re.findall("M", found.ok)), len(re.findall("M", found.failed))
    assert first == (1, 1)
    # Three quarters of the scale to 100 % are of those that succeeded; the rest stands above them.
    assert re.fullmatch(r"M\d+ 100V25H\d+V100Z", found.ok)
    assert re.fullmatch(r"M\d+ 25\.00V0\.00h1V25\.00Z", found.failed)


def test_the_axis_is_logarithmic_and_holds_at_least_a_decade() -> None:
    found = distribution(bins_of(times(100.0), Histogram()))
    at = {tick.text: tick.at for tick in found.columns}
    assert found.width == 20
    assert at["200"] - at["100 ms"] == pytest.approx(at["100 ms"] - at["50 ms"], abs=0.01)
    assert at["100 ms"] == pytest.approx(45.0)


def test_names_of_percentiles_and_limits_do_not_overlap() -> None:
    bins = bins_of(times(10.0, 12.0, 900.0), Histogram())
    limits = (TimeLimit("avg", "limit: average", 500.0), TimeLimit("p95", "limit: p95", 2_000.0))
    found = distribution(bins, *limits, avg_ms=11.0, p50_ms=12.0)
    assert [(marker.text, marker.kind, marker.level) for marker in found.markers] == [
        ("average", "avg", 0),
        ("p50", "p50", 1),
        ("limit: average", "limit", 0),
    ]
    assert [marker.right for marker in found.markers] == [False, False, True]
    assert found.levels == 2


def test_nothing_is_drawn_without_a_request() -> None:
    assert distribution_of(summary(())) is None


def test_description_for_screen_readers() -> None:
    bins = bins_of(times(2.0, 40.0), Histogram())
    assert distribution(bins, p50_ms=2.0).description == "2 requests took from 2 ms to 45 ms: half within 2 ms."
    assert distribution(bins).description == "2 requests took from 2 ms to 45 ms."
