"""Where a mean reaches its limit, from visits with a known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfsuite.capacity.fit import FEWEST_VISITS, Limit, VisitMean, crossing, root_of

LOADS = (180, 184, 188, 176, 172, 192, 184, 188, 180, 176)


def share_at(load: float) -> float:
    """Of requests over a limit: 5 % at 184, half at about 200."""
    return 1 / (1 + math.exp(-(-math.log(19) + (load - 184) * math.log(19) / 16)))


def mean_at(load: float) -> float:
    """Of response times, in ms: 200 at 184, with a pole at 200."""
    return 100 + 1600 / (200 - load)


def test_without_noise_the_crossing_of_a_share_is_exact() -> None:
    visits = [VisitMean(load, 8000, share_at(load)) for load in LOADS]

    found = crossing(visits, Limit(0.05, True, 0.0, 200.0))

    assert found is not None
    assert found.load == pytest.approx(184, rel=1e-3)
    assert found.low < 184 < found.high
    assert found.high - found.low < 0.02 * 184


@pytest.mark.parametrize("saturation", [200.0, None], ids=["known saturation", "no saturation"])
def test_the_crossing_of_an_average_is_near_without_noise(saturation: float | None) -> None:
    visits = [VisitMean(load, 8000, mean_at(load)) for load in LOADS]

    found = root_of(visits, Limit(200.0, False, 100.0, saturation))

    assert found == pytest.approx(184, rel=0.01)


def test_a_share_at_low_load_is_taken_off() -> None:
    visits = [VisitMean(load, 8000, 0.03 + 0.97 * share_at(load)) for load in LOADS]

    found = root_of(visits, Limit(0.03 + 0.97 * 0.05, True, 0.03, 200.0))

    assert found == pytest.approx(184, rel=1e-3)


def test_the_interval_covers_the_truth_under_skewed_noise() -> None:
    """Noise of each visit is gamma with a spread of a half: means are right, single visits seldom."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(100):
        noise = rng.gamma(4, 1 / 4, len(LOADS))
        visits = [VisitMean(load, 8000, share_at(load) * each) for load, each in zip(LOADS, noise, strict=True)]
        found = crossing(visits, Limit(0.05, True, 0.0, 200.0))
        covered += found is not None and found.low <= 184 <= found.high

    assert covered >= 90


def test_few_visits_say_nothing() -> None:
    visits = [VisitMean(load, 8000, share_at(load)) for load in LOADS[: FEWEST_VISITS - 1]]

    assert crossing(visits, Limit(0.05, True, 0.0, 200.0)) is None


def test_an_average_above_its_limit_without_load_has_no_crossing() -> None:
    visits = [VisitMean(load, 8000, mean_at(load)) for load in LOADS]

    assert crossing(visits, Limit(90.0, False, 100.0, 200.0)) is None
