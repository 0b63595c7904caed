"""What two fills and a pause without writes show: shapes with a known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perfsuite.model.stability import GrowthCause, StabilityOutcome
from perfsuite.stability.refill import Fills, refill_trend
from perfsuite.stability.trend import Shape
from perfsuite.timeseries import Floats
from tests.accuracy.endurance import LEAKS, UNDER_A_LEAK
from tests.accuracy.refilling import LEAK_FREE, UNFINISHED, by_writes, called, over_time

LEAST = 3.0
TRACES = {10: 12, 60: 5}
WRITES_PER_S = 2.0
FIRST, PAUSE, SECOND = 900, 600, 600
LENGTH = FIRST + PAUSE + SECOND


def fills() -> Fills:
    writes = np.full(LENGTH, WRITES_PER_S)
    writes[FIRST : FIRST + PAUSE] = 0
    return Fills((0, FIRST), (FIRST + PAUSE, LENGTH), writes)


def ripple(values: Floats) -> Floats:
    """The values with noise that every test makes alike."""
    return np.asarray(values + np.random.default_rng(1).normal(0, 0.3, LENGTH))


def minutes() -> Floats:
    return np.arange(LENGTH) / 60


@pytest.mark.parametrize("length", LEAKS)
@pytest.mark.parametrize("name", LEAK_FREE)
def test_what_does_not_leak_is_not_called_growing(name: str, length: int) -> None:
    assert called(length, LEAK_FREE[name], TRACES[length], seed=201).growing() <= 1 / TRACES[length]


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_fill_that_was_unfinished_settles_with_a_second_one_and_is_unclear_without(name: str) -> None:
    assert called(10, UNFINISHED[name], TRACES[10], seed=202).stopped() >= 0.75
    assert called(10, UNFINISHED[name], TRACES[10], seed=202, refill=False).unknown() >= 0.9


@pytest.mark.parametrize("length", LEAKS)
@pytest.mark.parametrize("name", UNDER_A_LEAK)
def test_a_leak_grows_by_time(name: str, length: int) -> None:
    found = called(length, over_time(UNDER_A_LEAK[name], LEAKS[length]), TRACES[length], seed=203)

    assert found.growing(GrowthCause.TIME) >= 0.75
    assert found.growing(GrowthCause.WRITES) == 0


@pytest.mark.parametrize("length", LEAKS)
@pytest.mark.parametrize("name", UNDER_A_LEAK)
def test_growth_by_writes_is_told_from_a_leak_and_only_with_a_pause(name: str, length: int) -> None:
    shape = by_writes(UNDER_A_LEAK[name], LEAKS[length])
    found = called(length, shape, TRACES[length], seed=204, growth=LEAKS[length])

    assert found.growing(GrowthCause.WRITES) >= 0.75
    assert found.growing(GrowthCause.TIME) == 0
    assert found.covered >= 0.5 * TRACES[length]
    without = called(length, shape, TRACES[length], seed=204, refill=False)
    assert without.counts[StabilityOutcome.GROWS, GrowthCause.UNKNOWN] >= 0.75 * TRACES[length]


def test_growth_by_writes_is_per_write_and_per_second_of_the_fills() -> None:
    written = fills()
    found = refill_trend(ripple(100 + 0.01 * np.cumsum(written.writes)), written, LEAST)

    assert (found.trend.shape, found.cause) == (Shape.GROWS, GrowthCause.WRITES)
    assert found.per_1000_writes is not None
    assert found.per_1000_writes[0] == pytest.approx(10, rel=0.03)
    assert found.trend.slope_per_s == pytest.approx(0.01 * WRITES_PER_S, rel=0.03)
    assert found.trend.level == pytest.approx(100 + 0.01 * written.writes.sum(), abs=2)


def test_a_leak_may_take_less_memory_in_the_pause() -> None:
    lower = np.zeros(LENGTH)
    lower[FIRST : FIRST + PAUSE] = 15
    found = refill_trend(ripple(100 + 1.0 * minutes() - lower), fills(), LEAST)

    assert (found.trend.shape, found.cause) == (Shape.GROWS, GrowthCause.TIME)
    assert found.trend.slope_per_s * 60 == pytest.approx(1.0, rel=0.05)


def test_growth_of_both_kinds_grows_by_neither_alone() -> None:
    written = fills()
    both = 100 + 0.5 * minutes() + 0.5 * np.cumsum(written.writes) / WRITES_PER_S / 60
    found = refill_trend(ripple(both), written, LEAST)

    assert (found.trend.shape, found.cause, found.per_1000_writes) == (Shape.GROWS, GrowthCause.UNKNOWN, None)


def test_a_leak_shows_after_a_warm_up() -> None:
    found = refill_trend(ripple(100 + 40 * (1 - np.exp(-minutes() / 2)) + 1.0 * minutes()), fills(), LEAST)

    assert (found.trend.shape, found.cause) == (Shape.GROWS, GrowthCause.TIME)
    assert found.trend.slope_per_s * 60 == pytest.approx(1.0, rel=0.1)


def test_what_reaches_the_same_level_again_has_not_grown() -> None:
    at = np.arange(LENGTH)
    filled = np.where(at < FIRST, at, np.where(at < FIRST + PAUSE, 0, at - FIRST - PAUSE)) / 30
    found = refill_trend(ripple(100 + filled), fills(), LEAST)

    assert found.trend.shape is Shape.SETTLES
    assert found.trend.slope_per_s < 0


def test_a_fill_of_less_than_ten_minutes_is_too_short() -> None:
    short = replace(fills(), second=(LENGTH - 500, LENGTH))

    assert refill_trend(ripple(100 + minutes()), short, LEAST).trend.shape is Shape.TOO_SHORT


def test_readings_that_are_missing_in_a_fill_leave_it_too_short() -> None:
    values = ripple(100 + minutes())
    values[:FIRST] = np.nan

    assert refill_trend(values, fills(), LEAST).trend.shape is Shape.TOO_SHORT


def test_without_a_write_nothing_grows_by_writes() -> None:
    nothing = replace(fills(), writes=np.zeros(LENGTH))
    grown = np.minimum(np.arange(LENGTH), FIRST) + np.maximum(np.arange(LENGTH) - FIRST - PAUSE, 0)
    found = refill_trend(ripple(100 + grown / 60), nothing, LEAST)

    assert found.trend.shape is Shape.GROWS
    assert (found.cause, found.per_1000_writes) == (GrowthCause.UNKNOWN, None)


def test_with_hardly_a_write_nothing_grows_by_writes() -> None:
    few = replace(fills(), writes=np.zeros(LENGTH))
    few.writes[:10] = 1
    grown = np.minimum(np.arange(LENGTH), FIRST) + np.maximum(np.arange(LENGTH) - FIRST - PAUSE, 0)
    found = refill_trend(ripple(100 + grown / 60), few, LEAST)

    assert (found.trend.shape, found.cause, found.per_1000_writes) == (Shape.GROWS, GrowthCause.UNKNOWN, None)
