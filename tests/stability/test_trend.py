"""What a series is called: shapes with a known truth, and the limits of what a short one can show."""

from __future__ import annotations

import numpy as np
import pytest

from perfsuite.model.stability import StabilityOutcome
from perfsuite.stability.trend import FEWEST_WINDOWS, WINDOW_S, Shape, trend_of
from perfsuite.timeseries import Floats
from tests.accuracy.endurance import (
    LEAKS,
    TIMES_GROWTH,
    UNDER_A_LEAK,
    WITHOUT_LEAK,
    judged_response_times,
    judged_series,
)

LEAST = 3.0
TRACES = 30


def minutes(count: float) -> Floats:
    return np.arange(round(count * 60)) / 60


def ripple(at: Floats) -> Floats:
    """Noise that every test makes alike."""
    return np.random.default_rng(1).normal(0, 0.3, at.size)


@pytest.mark.parametrize("length", LEAKS)
@pytest.mark.parametrize("name", WITHOUT_LEAK)
def test_what_does_not_leak_is_not_called_growing(name: str, length: int) -> None:
    found = judged_series(length, WITHOUT_LEAK[name], TRACES, seed=101)

    assert found.counts[StabilityOutcome.GROWS] <= 1


@pytest.mark.parametrize("length", LEAKS)
@pytest.mark.parametrize("name", UNDER_A_LEAK)
def test_a_leak_is_found_and_so_is_the_time_left(name: str, length: int) -> None:
    found = judged_series(length, UNDER_A_LEAK[name], TRACES, seed=102, leak=LEAKS[length])

    assert found.share(StabilityOutcome.GROWS) >= 0.9
    assert found.covered >= 0.75 * found.counts[StabilityOutcome.GROWS]


def test_noise_of_response_times_hides_no_large_growth_and_is_none() -> None:
    grown, flat = (judged_response_times(TRACES, seed=103, growth=growth) for growth in (TIMES_GROWTH, 0.0))

    assert grown[Shape.GROWS] >= 0.9 * TRACES
    assert grown[Shape.STEADY] == flat[Shape.GROWS] == 0


def test_what_rises_by_less_than_counts_is_steady_however_evenly() -> None:
    """Connections that a pool opens when they are first needed, each with two descriptors."""
    at = minutes(9.75)
    opened = 23.0 + 2 * (at > 3.5) + 2 * (at > 6.5)

    assert trend_of(opened, 5.0).shape is Shape.STEADY
    assert trend_of(opened + 0.5 * at, 5.0).shape is Shape.GROWS


def test_rates_are_per_second() -> None:
    at = minutes(20)
    found = trend_of(100 + 2 * at + ripple(at), LEAST)

    assert found.shape is Shape.GROWS
    assert found.slope_per_s * 60 == pytest.approx(2.0, abs=0.05)
    assert found.low_per_s < 2.0 / 60 < found.high_per_s
    assert found.level == pytest.approx(140, abs=2.5)


def test_a_constant_series_is_steady_without_an_interval_of_noise() -> None:
    found = trend_of(np.full(1_200, 42.0), LEAST)

    assert (found.shape, found.slope_per_s, found.low_per_s, found.high_per_s) == (Shape.STEADY, 0.0, 0.0, 0.0)


def test_one_step_is_no_growth() -> None:
    at = minutes(30)

    assert trend_of(100 + 40.0 * (at > 16) + ripple(at), LEAST).shape is Shape.STEADY


def test_what_has_filled_up_settles() -> None:
    at = minutes(30)
    found = trend_of(100 + np.minimum(at / 8, 1) * 60 + ripple(at), LEAST)

    assert found.shape is Shape.SETTLES
    assert abs(found.slope_per_s * 60) < 0.05


def test_what_still_bends_after_ten_minutes_may_settle_or_not() -> None:
    at = minutes(9.75)

    assert trend_of(100 + 80 * (1 - np.exp(-at / 4)) + ripple(at), LEAST).shape is Shape.STILL_SETTLING


def test_a_leak_shows_after_a_warm_up_that_half_an_hour_leaves_behind() -> None:
    at = minutes(60)
    found = trend_of(100 + 50 * (1 - np.exp(-at / 3)) + 0.3 * at + ripple(at), LEAST)

    assert found.shape is Shape.GROWS
    assert found.slope_per_s * 60 == pytest.approx(0.3, abs=0.05)


def test_a_series_of_too_few_windows_is_too_short() -> None:
    at = minutes(FEWEST_WINDOWS * WINDOW_S / 60)

    assert trend_of(100 + 5 * at, LEAST).shape is Shape.TOO_SHORT
    assert trend_of(np.full(1_200, np.nan), LEAST).shape is Shape.TOO_SHORT


def test_gaps_leave_out_their_windows_only() -> None:
    at = minutes(20)
    values = 100 + 2 * at + ripple(at)
    values[400:700] = np.nan
    values[::3] = np.nan
    found = trend_of(values, LEAST)

    assert found.shape is Shape.GROWS
    assert found.slope_per_s * 60 == pytest.approx(2.0, abs=0.1)


def test_eight_hours_have_no_more_windows_than_one() -> None:
    at = minutes(480)
    found = trend_of(100 + 0.05 * at + ripple(at), LEAST)

    assert found.shape is Shape.GROWS
    assert found.slope_per_s * 60 == pytest.approx(0.05, abs=0.005)
