"""Leaving a band, by known series; trends, by published and by reckoned examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfsuite.findings.band import RiseRule, deviation, noise, rises
from perfsuite.timeseries import growth_p, runs_of, theil_sen

RULE = RiseRule(window=5, shift=0.4, sigmas=6.0)


def flat(length: int = 60, deviation: float = 0.1) -> np.ndarray:
    return np.random.default_rng(7).normal(0.0, deviation, length)


def test_a_step_is_found_where_it_begins_and_ends() -> None:
    values = flat()
    values[30:45] += 2.0
    (rise,) = rises(values, RULE)

    assert (rise.start, rise.stop) == (30, 45)
    assert (rise.before, rise.after) == pytest.approx((0.0, 2.0), abs=0.1)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(flat(), id="noise alone"),
        pytest.param(flat(12) + np.r_[np.zeros(8), np.full(4, 3.0)], id="too short a series"),
        pytest.param(flat() + (np.arange(60) == 30) * 5.0, id="a single second"),
        pytest.param(flat() + (np.arange(60) >= 30) * 0.3, id="smaller than what matters"),
        pytest.param(flat(60, 1.0) + (np.arange(60) >= 30) * 0.5, id="noise can make it"),
        pytest.param(flat() - (np.arange(60) >= 30) * 2.0, id="a fall"),
        pytest.param(np.zeros(60), id="always the same"),
        pytest.param(np.empty(0), id="nothing"),
    ],
)
def test_what_stays_in_its_band(values: np.ndarray) -> None:
    assert rises(values, RULE) == []


def test_each_return_to_the_band_ends_a_rise() -> None:
    values = flat(100)
    values[30:40] += 2.0
    values[60:70] += 2.0

    assert [(rise.start, rise.stop) for rise in rises(values, RULE)] == [(30, 40), (60, 70)]


def test_a_slow_rise_does_not_become_the_band() -> None:
    assert rises(flat(600) + np.linspace(0, 3, 600), RULE) != []


def test_noise_does_not_grow_with_changes_of_level() -> None:
    values = flat(400)
    values[200:] += 5.0

    assert noise(values) == pytest.approx(0.1, rel=0.2)
    assert deviation(values) > 1.0


def test_runs_have_a_least_length() -> None:
    flags = np.array([True, False, True, True, True, False, True, True])

    assert runs_of(flags, 2) == [(2, 5), (6, 8)]
    assert runs_of(np.ones(3, dtype=np.bool_), 4) == []


def test_mann_kendall_by_hand() -> None:
    # Ten rising values: S = 45, variance = 10 · 9 · 25 / 18 = 125, z = 44 / √125.
    expected = 0.5 * math.erfc(44 / math.sqrt(125) / math.sqrt(2))

    assert growth_p(np.arange(10.0)) == pytest.approx(expected)
    assert growth_p(np.arange(10.0)[::-1]) == 1.0
    assert growth_p(np.ones(10)) == 1.0
    assert growth_p(np.arange(7.0)) == 1.0  # too few to say


def test_theil_sen_is_not_moved_by_an_outlier() -> None:
    values = 3.0 * np.arange(20.0) + 1.0
    values[5] = 1000.0

    assert theil_sen(np.arange(20.0), values)[0] == pytest.approx(3.0)
