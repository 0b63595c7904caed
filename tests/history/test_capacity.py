"""Capacities of two searches: by their intervals, with open ends, and over pairs of simulated searches."""

from __future__ import annotations

import math

import pytest

from perfsuite.history.capacity import compare_capacities
from perfsuite.model import CapacityKind, SearchBy
from perfsuite.model.history import CapacityOutcome, PastCapacity
from tests.capacity.table import one_search, systems

LOWER, HIGHER, SAME, OPEN = (
    CapacityOutcome.LOWER,
    CapacityOutcome.HIGHER,
    CapacityOutcome.SAME,
    CapacityOutcome.CANNOT_TELL,
)
PAIRS, FIRST_SEED = 5, 410_000


def interval(low: float, high: float) -> PastCapacity:
    return PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, low, high, math.sqrt(low * high))


def cliff(low: float, high: float) -> PastCapacity:
    return PastCapacity(SearchBy.USERS, CapacityKind.CLIFF, low, high, low)


def at_least(low: float) -> PastCapacity:
    return PastCapacity(SearchBy.USERS, CapacityKind.AT_LEAST, low)


def below(high: float) -> PastCapacity:
    return PastCapacity(SearchBy.USERS, CapacityKind.NONE, None, high)


NOTHING = PastCapacity(SearchBy.USERS, CapacityKind.NONE)


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        pytest.param(interval(240, 256), interval(180, 190), LOWER, id="all of it below"),
        pytest.param(interval(180, 190), interval(240, 256), HIGHER, id="all of it above"),
        pytest.param(interval(240, 256), interval(222, 241), OPEN, id="they overlap, and 10 % is not excluded"),
        pytest.param(interval(240, 256), interval(242, 258), SAME, id="they overlap, and 10 % is excluded"),
        pytest.param(interval(250, 251), interval(244, 245), SAME, id="apart, and not felt: below 5 %"),
        pytest.param(interval(200, 300), interval(190, 310), OPEN, id="wide"),
        pytest.param(cliff(95, 97), cliff(88, 90), LOWER, id="a cliff that came nearer"),
        pytest.param(cliff(95, 97), interval(94, 98), SAME, id="a cliff and an interval"),
        pytest.param(interval(240, 256), at_least(300), HIGHER, id="at least more than all of A"),
        pytest.param(interval(240, 256), at_least(250), OPEN, id="at least what A may be"),
        pytest.param(at_least(300), interval(240, 256), LOWER, id="less than A at least takes"),
        pytest.param(at_least(300), interval(350, 380), OPEN, id="A may be as high"),
        pytest.param(at_least(200), at_least(200), OPEN, id="both open"),
        pytest.param(interval(240, 256), below(7), LOWER, id="even the lowest load fails in B"),
        pytest.param(below(7), interval(240, 256), HIGHER, id="even the lowest load failed in A"),
        pytest.param(interval(240, 256), NOTHING, OPEN, id="nothing found in B"),
        pytest.param(NOTHING, NOTHING, OPEN, id="nothing found"),
    ],
)
def test_outcomes(a: PastCapacity, b: PastCapacity, outcome: CapacityOutcome) -> None:
    assert compare_capacities(a, b).outcome is outcome


def test_the_change_is_the_interval_of_the_ratio() -> None:
    """On a logarithmic scale both are 0.2 wide either way: √(0.2² + 0.2²)."""
    a, b = (interval(middle * math.exp(-0.2), middle * math.exp(0.2)) for middle in (100.0, 80.0))
    change = compare_capacities(a, b).change

    half = math.sqrt(2) * 0.2
    assert change == pytest.approx((0.8 * math.exp(-half) - 1, 0.8 * math.exp(half) - 1))


def test_an_open_end_leaves_the_change_open() -> None:
    assert compare_capacities(interval(200, 250), at_least(300)).change == (pytest.approx(0.2), None)
    assert compare_capacities(at_least(300), interval(200, 240)).change == (None, pytest.approx(-0.2))
    assert compare_capacities(NOTHING, interval(200, 240)).change == (None, None)


@pytest.mark.parametrize(
    ("factor", "wrong"),
    [
        pytest.param(1.0, {LOWER, HIGHER}, id="the same target"),
        pytest.param(0.75, {HIGHER, SAME, OPEN}, id="a quarter less is found"),
    ],
)
def test_pairs_of_simulated_searches(factor: float, wrong: set[CapacityOutcome]) -> None:
    """Of 100 pairs of the same M/M/20, 63 are called the same and none another; 94 of 100 find a fifth less."""
    system = next(each for each in systems() if each.name == "M/M/20")
    found = []
    for number in range(2 * PAIRS):
        answer = one_search(system, FIRST_SEED + number).answer()
        scale = factor if number % 2 else 1.0
        assert answer.low is not None and answer.high is not None and answer.estimate is not None
        ends = (answer.low * scale, answer.high * scale, answer.estimate * scale)
        found.append(PastCapacity(SearchBy.ARRIVAL_RATE, answer.kind, *ends))
    outcomes = {compare_capacities(a, b).outcome for a, b in zip(found[::2], found[1::2], strict=True)}

    assert outcomes & wrong == set()
