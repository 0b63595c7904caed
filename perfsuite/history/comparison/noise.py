"""How much runs of the same thing differ: what chance alone makes of a comparison, and what can be found beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfsuite.history.comparison.compare import FEWEST
from perfsuite.history.comparison.figures import FAILURES, Line, lines
from perfsuite.history.comparison.labelings import labelings
from perfsuite.model.history import MetricNoise, Noise, PastRun

FEWEST_RUNS = 6
"""3 + 3 is the least that can be dealt out in more than a handful of ways."""
_MOST_HALVES = 400
_SURE = 0.95
_POWER = 0.9
PRIMARY_DEVIATIONS, OTHER_DEVIATIONS = 3.1, 3.6
"""A shift of so many standard deviations between runs is found by 5 + 5 of them in 9 of 10 comparisons of 30
operations: simulated (`bench/accuracy.py --only compared`), for averages and for all other figures."""


def measure(runs: Sequence[PastRun]) -> Noise:
    """The noise between runs of the same load against the same target.

    Every way to halve them is one comparison of the thing with itself; shifts are scaled to 5 + 5 runs. Failures
    have no floor of this kind: where there are none, there is no noise either. Raises ValueError below 6 runs.
    """
    if len(runs) < FEWEST_RUNS:
        raise ValueError(f"{FEWEST_RUNS} runs are needed")
    found = [line for line in lines(runs, runs) if line.whole and line.figure is not FAILURES]
    return Noise(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        conditions=runs[-1].conditions,
        run_ids=tuple(run.run_id for run in runs),
        metrics=tuple(_metric_noise(line) for line in found if min(line.a) > 0),
    )


def _metric_noise(line: Line) -> MetricNoise:
    values = np.array(line.a)
    level = float(np.median(values))
    chance = float(np.quantile(np.abs(_shifts(values)), _SURE)) / level * math.sqrt(len(values) // 2 / FEWEST)
    spread = float(np.log(values).std(ddof=1))
    # The estimate must lie above the bound nine times of ten, and be told from chance as often.
    estimate_varies = spread * math.sqrt(2 / FEWEST * math.pi / 3)
    above = line.figure.bound(level, chance) / level + NormalDist().inv_cdf(_POWER) * estimate_varies
    told = math.expm1((PRIMARY_DEVIATIONS if line.is_primary else OTHER_DEVIATIONS) * spread)
    return MetricNoise(line.role, line.operation, line.figure.metric, level, chance, max(above, told))


def _shifts(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hodges–Lehmann shift between the halves, for every way to halve the runs or an even part of the ways."""
    half = len(values) // 2
    dealt = labelings(len(values) - half, half)
    dealt = dealt[:: max(1, len(dealt) // _MOST_HALVES)]
    a = np.array([values[~is_b] for is_b in dealt])
    b = np.array([values[is_b] for is_b in dealt])
    pairs = b[:, :, None] - a[:, None, :]
    shifts: NDArray[np.float64] = np.median(pairs.reshape(len(dealt), -1), axis=1)
    return shifts
