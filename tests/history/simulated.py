"""Many whole comparisons with a known truth: how often they cry wolf, and what they find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perfsuite.history.compare import compare
from perfsuite.model import ALL
from perfsuite.model.history import Change
from tests.history.made_runs import OPERATIONS, groups, noisy_run

CHANGED = OPERATIONS[7]


@dataclass(frozen=True, slots=True)
class Found:
    """Of so many comparisons: with any alarm, with the change found, and with an alarm at another operation."""

    comparisons: int
    alarms: int
    found: int
    elsewhere: int


def simulate(shift_rate: float, *, comparisons: int, seed: int, runs: int = 5) -> Found:
    """Compare systems of 30 operations of which one became slower by that much."""
    rng = np.random.default_rng(seed)
    regressions = [_regressions(rng, shift_rate, runs) for _ in range(comparisons)]
    return Found(
        comparisons,
        alarms=sum(bool(one) for one in regressions),
        found=sum(any(_is_the_change(change) for change in one) for one in regressions),
        # Totals and roles contain the operation that changed.
        elsewhere=sum(any(change.operation not in (ALL, CHANGED) for change in one) for one in regressions),
    )


def _is_the_change(change: Change) -> bool:
    return (change.role, change.operation, change.metric) == (ALL, CHANGED, "avg_ms")


def _regressions(rng: np.random.Generator, shift_rate: float, runs: int) -> tuple[Change, ...]:
    a = [noisy_run(rng, f"a{number}") for number in range(runs)]
    b = [noisy_run(rng, f"b{number}", {CHANGED: shift_rate}) for number in range(runs)]
    return compare(*groups(a, b)).regressions
