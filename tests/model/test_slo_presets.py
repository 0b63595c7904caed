"""Published limits beside a run: the Apdex formula on known answers, what each limit is held to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import Summary, Within
from perfsuite.model.slo_presets import (
    APDEX_RATINGS,
    SLO_PRESETS,
    apdex,
    apdex_threshold,
    compared,
    preset,
    rating,
    times_needed,
)
from tests.report import example_runs


@pytest.mark.parametrize(
    ("satisfied", "tolerating", "frustrated", "score"),
    [
        pytest.param(
            60, 30, 10, 0.75, id="60 within 3 s, 30 within 12 s, 10 beyond: the example in Wikipedia's article"
        ),
        pytest.param(40, 200, 48, 140 / 288, id="the example of site24x7: 40 satisfied, 200 tolerated of 288"),
        pytest.param(100, 0, 0, 1.0, id="all satisfied"),
        pytest.param(0, 0, 100, 0.0, id="all frustrated"),
    ],
)
def test_apdex(satisfied: int, tolerating: int, frustrated: int, score: float) -> None:
    requests = satisfied + tolerating + frustrated
    assert apdex(satisfied, satisfied + tolerating, requests) == pytest.approx(score)


def test_apdex_of_few_requests_is_not_told() -> None:
    assert apdex(99, 99, 99) is None
    assert apdex(100, 100, 100) == 1.0


@pytest.mark.parametrize(
    ("score", "word"),
    [
        pytest.param(0.94, "excellent", id="from 0.94"),
        pytest.param(0.936, "excellent", id="ratings are of two decimals"),
        pytest.param(0.93, "good", id="up to 0.93"),
        pytest.param(0.85, "good", id="from 0.85"),
        pytest.param(0.70, "fair", id="from 0.70"),
        pytest.param(0.5, "poor", id="from 0.50"),
        pytest.param(0.49, "unacceptable", id="below 0.50"),
        pytest.param(0.0, "unacceptable", id="nobody is satisfied"),
    ],
)
def test_ratings(score: float, word: str) -> None:
    assert rating(score) == word


@pytest.mark.parametrize(
    ("metric", "threshold_ms"),
    [
        pytest.param("apdex_500", 500.0, id="half a second"),
        pytest.param("apdex_0", None, id="no time"),
        pytest.param("apdex_1.5", None, id="no whole number"),
        pytest.param("p95_ms", None, id="another metric"),
    ],
)
def test_threshold_in_the_name(metric: str, threshold_ms: float | None) -> None:
    assert apdex_threshold(metric) == threshold_ms


def told(summary: Summary) -> dict[str, tuple[float | None, bool | None]]:
    return {f"{one.preset.name} {one.limit.metric}": (one.observed, one.holds) for one in compared(summary)}


def summary(**changes: object) -> Summary:
    made = example_runs.passed().summary
    totals = replace(made.totals, requests=1000, failures=10, avg_ms=600.0, p75_ms=799.0, p90_ms=401.0)
    totals = replace(totals, **({"p95_ms": 1500.0, "p99_ms": 849.0} | changes))  # type: ignore[arg-type]
    counts = {100.0: 500, 500.0: 800, 1000.0: 900, 2000.0: 950, 10000.0: 990}
    return replace(made, totals=totals, within=tuple(Within(limit, count) for limit, count in counts.items()))


def test_each_limit_beside_what_was_observed() -> None:
    assert told(summary()) == {
        "apdex apdex_500": (0.875, True),  # (800 + 950) / 2 of 1,000
        "nielsen within_100": (0.5, None),
        "nielsen within_1000": (0.9, None),
        "nielsen within_10000": (0.99, None),
        "nielsen p95_ms": (1500.0, False),
        "ttfb p75_ms": (799.0, True),
        "google-sre p90_ms": (401.0, False),
        "google-sre p99_ms": (849.0, True),
        "cdr p95_ms": (1500.0, False),  # a value equal to its limit misses it, as with all targets
        "open-finance-uae avg_ms": (600.0, False),
        "kubernetes p99_ms": (849.0, True),
    }


def test_times_are_those_that_targets_judge() -> None:
    summary = example_runs.passed().summary
    served = replace(summary.totals, avg_ms=700.0)
    observed = {one.limit.name: one.observed for one in compared(replace(summary, ok=served))}
    assert observed["average to the last byte"] == 700.0


def test_what_too_few_requests_tell_is_neither_held_nor_missed() -> None:
    few = told(summary(requests=29, p75_ms=None, p90_ms=None, p95_ms=None, p99_ms=None))
    assert set(few.values()) == {(None, None)}
    assert told(summary(requests=0)) == {}


def test_the_times_that_are_counted_are_those_that_are_needed() -> None:
    assert times_needed() == (100.0, 500.0, 1000.0, 2000.0, 10000.0)


def test_every_standard_has_a_source_and_can_be_chosen() -> None:
    for one in SLO_PRESETS:
        assert one.source.url.startswith("https://")
        assert one.source.year is None or 1990 <= one.source.year <= 2026
        assert preset(one.name), one.name
    assert preset("none") == ()
    assert len({one.name for one in SLO_PRESETS}) == len(SLO_PRESETS)
    assert [least for least, _ in APDEX_RATINGS] == sorted((least for least, _ in APDEX_RATINGS), reverse=True)
