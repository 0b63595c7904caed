"""Figures of a set of requests, against the sorted list of their times."""

from __future__ import annotations

import math
import random
from dataclasses import asdict

import pytest

from perfsuite.model import Statistics
from perfsuite.summary.tally import PERCENTILES, Tally, samples_needed, statistics
from tests.summary.made_records import Process


def tally_of(ok_ms: list[float], failed_ms: list[float]) -> Tally:
    tally = Tally()
    tally.add(Process().requests(0, ok_ms, failed_ms))
    return tally


def test_figures_of_known_requests() -> None:
    figures = statistics(tally_of([float(n) for n in range(1, 39)], [100.0, 0.25]), period_s=8)

    assert asdict(figures) == {
        "requests": 40,
        "failures": 2,
        "failure_rate": 0.05,
        "rps": 5.0,
        "avg_ms": (741 + 100.25) / 40,
        "min_ms": 0.25,
        "max_ms": 100.0,
        "p50_ms": pytest.approx(19, rel=0.0005),
        "p75_ms": pytest.approx(29, rel=0.0005),
        "p90_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "p999_ms": None,
    }


def test_no_request_leaves_everything_unknown_but_the_counts() -> None:
    assert statistics(Tally(), 10) == Statistics(0, 0, None, 0.0, *[None] * 9)


def test_a_period_without_length_has_no_rate() -> None:
    assert statistics(tally_of([1.0], []), 0).rps == 0.0


@pytest.mark.parametrize(
    ("name", "needed"),
    [("p50_ms", 20), ("p75_ms", 40), ("p90_ms", 100), ("p95_ms", 200), ("p99_ms", 1000), ("p999_ms", 10_000)],
)
def test_a_percentile_is_told_from_ten_samples_beyond_it(name: str, needed: int) -> None:
    assert samples_needed(PERCENTILES[name]) == needed
    assert getattr(statistics(tally_of([5.0] * (needed - 1), []), 1), name) is None
    assert getattr(statistics(tally_of([5.0] * (needed - 1), [5.0]), 1), name) == pytest.approx(5.0, rel=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_those_of_the_sorted_list(seed: int) -> None:
    dice = random.Random(seed)
    ok = [dice.lognormvariate(3, 1) for _ in range(dice.randrange(10_000, 12_000))]
    failed = [dice.lognormvariate(5, 0.5) for _ in range(dice.randrange(500))]
    figures = statistics(tally_of(ok, failed), 60)

    ordered = sorted(ok + failed)
    for name, fraction in PERCENTILES.items():
        truth_ms = ordered[math.ceil(round(fraction * len(ordered), 9)) - 1]
        # 0.05 % of the histogram, and half a microsecond of rounding to whole ones.
        assert getattr(figures, name) == pytest.approx(truth_ms, rel=0.0005, abs=0.0006)
    assert figures.failures == len(failed)
    assert figures.avg_ms == pytest.approx(sum(ordered) / len(ordered), abs=0.001)
