"""Gunther's Universal Scalability Law over the visits: throughput as a function of the concurrency in the target.

X(N) = λN / (1 + σ(N − 1) + κN(N − 1)); its peak is at √((1 − σ)/κ). Gunther 2007, *Guerrilla Capacity Planning*.
Concurrency is requests in the target (throughput × response time), not users, who also think.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perfsuite.capacity.levels import COUNTING, counted, is_saturated
from perfsuite.capacity.records import VisitResult
from perfsuite.model.capacity import UslFit

_FEWEST = 6
_BENT = 0.9
"""The curve has bent where the throughput per concurrency fell to this share of its value at the start."""
_REPRODUCED = 0.25
_FALLEN = 0.97

Floats = NDArray[np.float64]


def usl_fit(results: Sequence[VisitResult]) -> UslFit | None:
    """None where the curve has not bent, or where the law does not reproduce each visit within 25 %."""
    points = [_point(each) for each in results if _counts(each)]
    known = np.array([point for point in points if point[0] >= 1 and point[1] > 0])
    if len(known) < _FEWEST:
        return None
    concurrency, rps = known[:, 0], known[:, 1]
    each_rps = rps / concurrency
    if each_rps.min() > _BENT * each_rps[concurrency.argmin()]:
        return None
    return _fitted(concurrency, rps)


def _counts(result: VisitResult) -> bool:
    if result.visit.phase not in COUNTING or result.generator_limited or result.aborted:
        return False
    settled = not any(is_saturated(counted(result, place)) for place in range(len(result.samples)))
    return settled and result.seconds > result.visit.discard_s


def _point(result: VisitResult) -> tuple[float, float]:
    completed = result.completed[result.visit.discard_s :]
    return result.concurrency, sum(completed) / len(completed)


def _law(concurrency: Floats, per_request: float, contention: float, coherency: float) -> Floats:
    more = concurrency - 1
    law: Floats = np.log(concurrency * per_request / (1 + contention * more + coherency * concurrency * more))
    return law


def _falls(concurrency: Floats, rps: Floats, peak: float) -> bool:
    """Was less throughput seen beyond the peak than before it? The law sees one wherever throughput stops rising."""
    beyond = concurrency > peak
    return bool(beyond.sum() >= 2 and (~beyond).any() and rps[beyond].mean() < _FALLEN * rps[~beyond].max())


def _fitted(concurrency: Floats, rps: Floats) -> UslFit | None:
    from scipy import optimize, stats  # most of a second; only where capacity is searched

    start = (float((rps / concurrency).max()), 0.05, 1e-4)
    bounds = ([0.0, 0.0, 0.0], [np.inf, 1.0, 1.0])
    try:
        found, covariance = optimize.curve_fit(_law, concurrency, np.log(rps), p0=start, bounds=bounds)
    except RuntimeError:  # documented: it did not converge
        return None
    if np.abs(np.exp(_law(concurrency, *found) - np.log(rps)) - 1).max() > _REPRODUCED:
        return None
    per_request, contention, coherency = (float(each) for each in found)
    quantile = float(stats.t.ppf(0.975, len(rps) - 3))
    half = quantile * math.sqrt(max(float(covariance[2, 2]), 0.0))
    uncertain = coherency - half <= 0 or not math.isfinite(half) or contention >= 1
    if uncertain or not _falls(concurrency, rps, math.sqrt((1 - contention) / coherency)):
        return UslFit(per_request, contention, coherency)
    peak = math.sqrt((1 - contention) / coherency)
    # ln peak = (ln(1 − σ) − ln κ)/2; its variance by the delta method, from both and how they vary together.
    gradient = np.array([-1 / (1 - contention), -1 / coherency]) / 2
    spread = math.exp(quantile * math.sqrt(max(float(gradient @ covariance[1:, 1:] @ gradient), 0.0)))
    return UslFit(per_request, contention, coherency, peak, (peak / spread, peak * spread))
