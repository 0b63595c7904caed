"""Runs held against runs: the figures, and exactly what their operations cost the database."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.comparison.compare import compare
from perfsuite.model.history import Comparison, PastRun, Side
from perfsuite.model.noise import Noise


def hold(
    a: Side, a_runs: Sequence[PastRun], b: Side, b_runs: Sequence[PastRun], noise: Noise | None = None
) -> Comparison:
    """`compare`, and the differences between the fingerprints where both sides have one.

    Raises ValueError where a side has no run.
    """
    return compare(a, a_runs, b, b_runs, noise)
