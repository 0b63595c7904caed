"""Published series with known change points, and R's random numbers, from which some of them are made."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from perfsuite.history.change_points import Split, best_split

NILE_FROM = 1871
NILE = (
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
)  # fmt: skip
"""Flow of the Nile at Aswan by year (R's data set Nile). Cobb 1978, doi 10.1093/biomet/65.2.243: it fell in 1899."""

OTAVA = (
    1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96, 0.50, 0.51, 0.48, 0.48, 0.55, 0.50, 0.49, 0.51, 0.50,
    0.49,
)  # fmt: skip
"""Example of Apache Otava's tests: changes at index 10, by its windows as by the original algorithm."""

OTAVA_STEPS = (0.3, 2.4, 1.5, -0.9, -0.5, 99.7, 98.3, 99.1, 149.0, 149.7, 149.5, 149.1, 148.8, 150.0)
"""Another one: at 5 and 8."""


def splits(values: ArrayLike, least: int, count: int) -> list[int]:
    """The `count` best splits of a series in the order in which bisection finds them, whatever their significance."""
    known = np.asarray(values, dtype=np.float64)
    found: list[Split] = []
    for _ in range(count):
        edges = [0, *sorted(split.at for split in found), known.size]
        parts = [(start, best_split(known[start:end], least)) for start, end in itertools.pairwise(edges)]
        start, best = max(parts, key=lambda part: part[1].statistic)
        found.append(Split(start + best.at, best.statistic))
    return [split.at for split in found]


def ecp_example() -> list[float]:
    """Section 3.1.1 of the article on ecp (doi 10.18637/jss.v062.i07): set.seed(250), four times rnorm(100, …)."""
    normal = r_normal(250)
    return [mean + deviation * normal() for mean, deviation in ((0, 1), (0, 3), (2, 1), (2, 4)) for _ in range(100)]


def r_normal(seed: int) -> Callable[[], float]:
    """R's rnorm after set.seed(seed): Mersenne Twister and inversion of two of its numbers."""
    state = seed
    scrambled = []
    for turn in range(50 + 625):
        state = (69069 * state + 1) & 0xFFFFFFFF
        if turn >= 51:
            scrambled.append(state)
    twister = np.random.MT19937()
    content = twister.state
    content["state"] = {"key": np.array(scrambled, dtype=np.uint32), "pos": 624}
    twister.state = content
    big = 1 << 27

    def uniform() -> float:
        return int(twister.random_raw()) * 2.3283064365386963e-10

    def normal() -> float:
        return NormalDist().inv_cdf((int(big * uniform()) + uniform()) / big)

    return normal
