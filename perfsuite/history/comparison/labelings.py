"""All ways in which the runs of two sides could have been dealt out: what chance alone would have made of them."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

MOST_LABELINGS = 20_000
"""Beyond these (8 + 8 runs have 12,870), a random part of them stands for all."""
FEWEST_LABELINGS = 2_000
_MOST_CELLS = 2_000_000
"""Labelings × runs that are held at once: hundreds of runs a side are dealt out less often."""
_SEED = 20_140_601

Labelings = NDArray[np.bool_]
"""Labelings × runs; True where a run is called one of B. The first row is the true one: A's runs, then B's."""


@cache
def labelings(runs_a: int, runs_b: int) -> Labelings:
    """Every way to call `runs_b` of all runs B: all of them, or 20,000 by chance (the same ones each time).

    The true one is the first row and counts in either case, so that no p-value is ever 0 (Phipson & Smyth 2010,
    doi 10.2202/1544-6115.1585).
    """
    runs = runs_a + runs_b
    if math.comb(runs, runs_b) <= MOST_LABELINGS:
        chosen = list(itertools.combinations(range(runs - 1, -1, -1), runs_b))
        dealt = np.zeros((len(chosen), runs), dtype=bool)
        np.put_along_axis(dealt, np.array(chosen), True, axis=1)
        return dealt
    true = np.arange(runs) >= runs_a
    dealt_out = max(FEWEST_LABELINGS, min(MOST_LABELINGS, _MOST_CELLS // runs))
    shuffled = np.random.default_rng(_SEED).permuted(np.tile(true, (dealt_out - 1, 1)), axis=1)
    return np.vstack([true, shuffled])


@cache
def dealt_out(runs_a: int, runs_b: int) -> NDArray[np.float64]:
    """The labelings as numbers, 1 for a run of B: a product with values gives the sum of B's in every labeling."""
    return labelings(runs_a, runs_b).astype(np.float64)
