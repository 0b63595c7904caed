"""At which load does a mean reach its limit? An estimate with its interval, from visits near it.

Shares: low-load value + a logistic in the load, since the share of requests that wait longer than a limit rises
exponentially with the load (in M/M/c exactly). Averages: low-load value + exp(α + β·load)/(pole − load), the hyperbola
of every queue. Both are fitted by quasi-scores that are linear in the means (Wedderburn 1974, doi
10.1093/biomet/61.3.439), so that the skewed noise of short visits does not bias them; and visits near saturation count
less, since requests there are correlated for longer (Whitt 1989, doi 10.1287/mnsc.35.11.1341: the variance of a mean
grows with 1/(1 − utilisation)²).

The interval is a leave-one-visit-out jackknife (Quenouille 1956, Tukey 1958), corrected for bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDER = 1.5
"""Visits in a row are a little correlated, and the loads follow the estimate: without it 95 % cover about 88 %."""
EXTEND, EXTEND_MOST = 0.2, 0.015
"""The lower end is lower by so much of the distance to saturation, up to so much of the load: the noise is skewed."""
FEWEST_VISITS, FEWEST_ROOT = 5, 3
CONFIDENCE = 0.95
_ITERATIONS = 30
_NEAREST = 0.03
"""Visits nearer to saturation than this share of it weigh the same: saturation is not known better."""
_RIDGE = 0.5
"""The slope that the distance to saturation suggests is known to about so much of itself (standard deviation)."""
_VISIT_NOISE = 0.5
"""… if each visit knows the logit to about this."""
_MEAN_NOISE = 0.3
"""Likewise, the logarithm of a waiting time."""
WAITING_RISES = 5.0
"""More requests wait at all: by about e^5 from idle to saturated, for some ten servers (Halfin & Whitt 1981, doi
10.1287/opre.29.3.567)."""


@dataclass(frozen=True, slots=True)
class VisitMean:
    """One visit: its load, its requests, and the mean over them."""

    load: float
    requests: int
    mean: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What the mean has to stay below. `low_load`: the mean where nothing waits. `saturation`: the most load that the
    target can serve, where it is known."""

    value: float
    is_share: bool
    low_load: float
    saturation: float | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """The load at which the limit is reached, with its 95 % CI."""

    load: float
    low: float
    high: float


def crossing(visits: Sequence[VisitMean], limit: Limit) -> Crossing | None:
    """None for fewer than five visits, or where the mean does not rise with the load."""
    if len(visits) < FEWEST_VISITS:
        return None
    estimate = root_of(visits, limit)
    without = [root_of([*visits[:place], *visits[place + 1 :]], limit) for place in range(len(visits))]
    known = np.array([root for root in without if root is not None])
    if estimate is None or known.size < len(visits):
        return None
    from scipy import stats  # most of a second; only where capacity is searched

    count = known.size
    middle = count * estimate - (count - 1) * float(known.mean())
    deviation = math.sqrt((count - 1) / count * float(((known - known.mean()) ** 2).sum()))
    half = WIDER * deviation * float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 2))
    middle = min(max(middle, estimate - half / 2), estimate + half / 2)  # one visit may carry it all
    beyond = max(limit.saturation - middle, 0.0) if limit.saturation else math.inf
    more = min(EXTEND * beyond, EXTEND_MOST * middle, half)
    return Crossing(middle, max(middle - half - more, 0.0), middle + half)


def root_of(visits: Sequence[VisitMean], limit: Limit) -> float | None:
    """The load at which the fitted mean reaches the limit; None where it does not rise."""
    loads = np.array([each.load for each in visits])
    means = np.array([each.mean for each in visits])
    weights = np.array([float(each.requests) for each in visits])
    pole = limit.saturation if limit.saturation and limit.saturation > loads.min() else None
    if pole is not None:
        weights = weights * np.maximum(pole - loads, _NEAREST * pole) ** 2
    weights = weights / weights.mean()
    if limit.is_share:
        return _share_root(loads, means, weights, limit)
    return _average_root(loads, means, weights, limit)


def _share_root(loads: Floats, means: Floats, weights: Floats, limit: Limit) -> float | None:
    """Newton's steps on the score of a logistic regression, in units in which the loads spread by about 1."""
    centre, scale = float(np.average(loads, weights=weights)), max(float(loads.max()) * 0.03, 1e-9)
    at = (loads - centre) / scale
    base = min(limit.low_load, 0.9 * limit.value) if limit.low_load > 0 else 0.0
    aim, means = _logit((limit.value - base) / (1 - base)), (means - base) / (1 - base)
    prior = _slope_before(limit, centre, aim) * scale
    mean = min(max(float(np.average(means, weights=weights)), 1e-4), 0.98)
    level, slope = _logit(mean), prior
    for _ in range(_ITERATIONS):
        fitted = 1 / (1 + np.exp(-np.clip(level + slope * at, -30, 30)))
        rest, spread = weights * (means - fitted), weights * fitted * (1 - fitted)
        stiffness = float(spread.mean()) * (_VISIT_NOISE / (_RIDGE * prior)) ** 2
        score = np.array([rest.sum(), (rest * at).sum() - stiffness * (slope - prior)])
        cross = (spread * at).sum()
        curvature = np.array([[spread.sum(), cross], [cross, (spread * at * at).sum() + stiffness]])
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), score)
        step = np.clip(step, -1.0, 1.0)
        level, slope = level + float(step[0]), max(slope + float(step[1]), 0.1 * prior)
        if np.abs(step).max() < 1e-7:
            break
    return centre + scale * (aim - level) / slope


def _slope_before(limit: Limit, centre: float, aim: float) -> float:
    """Of the logit, per load: from the limit up to 1/2 at saturation; without it, e-fold in 7 %."""
    distance = limit.saturation - centre if limit.saturation else 0.0
    if distance <= 0.005 * centre:
        return 15.0 / centre
    return min(max(-aim, 1.0) / distance, 100.0 / centre)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _average_root(loads: Floats, means: Floats, weights: Floats, limit: Limit) -> float | None:
    """mean = low-load value + exp(level + slope·load)/(pole − load); without a pole, without the divisor. A quasi-score
    with the variance of the mean's square."""
    rise, pole = limit.value - limit.low_load, limit.saturation
    if pole is not None and pole > loads.min():
        below = loads < 0.99 * pole
        loads, means, weights = loads[below], means[below], weights[below]
    else:
        pole = None
    if rise <= 0 or loads.size < FEWEST_ROOT:
        return None
    centre, scale = float(np.average(loads, weights=weights)), float(loads.max()) * 0.03
    at, free = (loads - centre) / scale, (pole - loads) if pole is not None else np.ones(loads.size)
    above = (means - limit.low_load) * free
    mean = float(np.average(above, weights=weights))
    if mean <= 0:
        return None
    prior, ridge = (WAITING_RISES * scale / pole, 1.0) if pole is not None else (0.6, 1.0)
    level, slope = math.log(mean), prior
    stiffness = float(weights.mean()) * (_MEAN_NOISE / (ridge * prior)) ** 2
    for _ in range(_ITERATIONS):
        ratio = above / np.exp(np.clip(level + slope * at, -30, 30))
        rest = weights * (ratio - 1)
        score = np.array([rest.sum(), (rest * at).sum() - stiffness * (slope - prior)])
        information = weights * np.maximum(ratio, 0.1)
        cross = (information * at).sum()
        curvature = np.array([[information.sum(), cross], [cross, (information * at * at).sum() + stiffness]])
        step = np.clip(np.linalg.solve(curvature + 1e-9 * np.eye(2), score), -0.5, 0.5)
        level, slope = level + float(step[0]), max(slope + float(step[1]), 0.0)
        if np.abs(step).max() < 1e-7:
            break
    if pole is None:
        return centre + scale * (math.log(rise) - level) / slope if slope > 0.01 else None
    return _before_pole(level, slope / scale, centre, (pole, rise))


def _before_pole(level: float, slope: float, centre: float, aim: tuple[float, float]) -> float:
    """Where exp(level + slope·(x − centre))/(pole − x) reaches the rise, by halving."""
    pole, rise = aim
    low, high = 0.0, pole
    for _ in range(50):
        middle = (low + high) / 2
        if math.exp(min(level + slope * (middle - centre), 50.0)) < rise * (pole - middle):
            low = middle
        else:
            high = middle
    return low
