"""The 95 % confidence interval of a figure of one run, by bootstrap over blocks of consecutive seconds.

Requests that are near in time are correlated, so resampling them one by one gives intervals that are too narrow. Blocks
keep neighbours together (Künsch 1989, doi 10.1214/aos/1176347265; without overlap: Carlstein 1986, doi
10.1214/aos/1176350057). With few blocks the percentiles of the resamples are expanded as Student's t would (Hesterberg
2015, doi 10.1080/00031305.2015.1089789).

If response times are correlated over longer than a block, the interval is still too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfsuite.measurements.histogram import middle_of
from perfsuite.measurements.totals import RequestTotals
from perfsuite.model.periods import MINUTE_S
from perfsuite.model.summary import PERCENTILES

Interval = tuple[float, float]
_Floats = NDArray[np.float64]

MOST_BLOCKS = 12
"""Longer blocks keep more of the correlation, more blocks estimate the spread better. Coverage in simulations of
averages over 5 min with correlation times of 1.5 s and 4.5 s, 95 % wanted: 95 % and 94 % with 12 blocks, 97 % and 88 %
with 20, 89 % and 84 % with blocks of 5 s."""
FEWEST_BLOCKS = 8
SHORTEST_BLOCK_S = 5
"""Shorter ones only where the steady state has no room for FEWEST_BLOCKS of these."""
SHORTEST_BLOCK_EVER_S = 2
RESAMPLES = 1000
_CONFIDENCE = 0.95


@dataclass(slots=True)
class Block:
    """What was due in some consecutive seconds."""

    seconds: int
    totals: RequestTotals = field(default_factory=RequestTotals)


def block_count(steady_s: int) -> int:
    """Number of blocks of a steady state; 0 where it is too short (< 16 s) for an interval."""
    if steady_s < FEWEST_BLOCKS * SHORTEST_BLOCK_EVER_S:
        return 0
    return min(max(steady_s // SHORTEST_BLOCK_S, FEWEST_BLOCKS), MOST_BLOCKS)


def block_of(second: int, steady_s: int, blocks: int) -> int:
    """The block of a second counted from the start of the steady state; blocks differ by a second at most."""
    return second * blocks // steady_s


def block_numbers(seconds: Sequence[int], minutes: Set[int] = frozenset()) -> list[int]:
    """The block of each of these seconds; all in one where they are too few for blocks.

    `minutes`: first seconds of those that are one; they lie in one block.
    """
    count, found, until = max(block_count(len(seconds)), 1), list[int](), 0
    for place, second in enumerate(seconds):
        if second < until:
            found.append(found[-1])
            continue
        found.append(block_of(place, len(seconds), count))
        until = second + MINUTE_S if second in minutes else 0
    return found


def empty_blocks(numbers: Sequence[int]) -> list[Block]:
    """Blocks without requests, by the block of each second; [] where there are too few seconds for an interval."""
    return [Block(numbers.count(number)) for number in range(block_count(len(numbers)))]


def interval(blocks: Sequence[Block], metric: str, seed: int) -> Interval | None:
    """The 95 % CI of a metric over all blocks: low, high, in its unit. The same for the same seed.

    Times and throughput as targets judge them. None for fewer than 8 blocks, for a metric that is no average,
    percentile or rate, and without requests. For the failure rate, never narrower than Wilson's interval: no failure
    seen does not mean that none is possible.
    """
    resampled = _METRICS.get(metric) or (_percentile(PERCENTILES[metric]) if metric in PERCENTILES else None)
    requests = sum(block.totals.requests for block in blocks)
    if resampled is None or len(blocks) < FEWEST_BLOCKS or not requests:
        return None
    if metric.endswith("_ms") and not any(block.totals.judged.count for block in blocks):
        return None
    count = len(blocks)
    weights = np.random.default_rng(seed).multinomial(count, [1 / count] * count, size=RESAMPLES)
    values = resampled(blocks, weights.astype(np.float64))
    low, high = (float(value) for value in np.nanquantile(values, _levels(count)))
    if metric == "failure_rate":
        lowest, highest = wilson(sum(block.totals.failures for block in blocks), requests)
        return min(low, lowest), max(high, highest)
    return low, high


def wilson(failures: int, requests: int) -> Interval:
    """The 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953); `requests` > 0."""
    z = NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2)
    share, weight = failures / requests, z * z / requests
    middle = (share + weight / 2) / (1 + weight)
    reach = z * math.sqrt(share * (1 - share) / requests + weight / (4 * requests)) / (1 + weight)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _levels(count: int) -> Interval:
    """The two quantiles of the resamples that make the interval for so many blocks."""
    beyond = NormalDist().cdf(-math.sqrt(count / (count - 1)) * _student(count - 1))
    return beyond, 1 - beyond


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to 0.001 from 7 degrees of freedom on (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


_Resampled = Callable[[Sequence[Block], _Floats], _Floats]


def _ratio(above: Callable[[Block], float], below: Callable[[Block], float], scale: float = 1.0) -> _Resampled:
    """Resamples of Σ above ÷ Σ below; NaN where a resample has nothing below."""

    def resampled(blocks: Sequence[Block], weights: _Floats) -> _Floats:
        over = weights @ np.array([above(block) for block in blocks], dtype=np.float64)
        under = weights @ np.array([below(block) for block in blocks], dtype=np.float64)
        return np.divide(over, under * scale, out=np.full_like(over, np.nan), where=under > 0)

    return resampled


_METRICS = {
    "avg_ms": _ratio(lambda block: block.totals.judged.sum_us, lambda block: block.totals.judged.count, 1000.0),
    "failure_rate": _ratio(lambda block: block.totals.failures, lambda block: block.totals.requests),
    "rps": _ratio(lambda block: block.totals.ended - block.totals.ended_failed, lambda block: block.seconds),
}


def _percentile(fraction: float) -> _Resampled:
    """Resamples of the nearest-rank percentile, in ms."""

    def resampled(blocks: Sequence[Block], weights: _Floats) -> _Floats:
        buckets = sorted({bucket for block in blocks for bucket in block.totals.judged.counts})
        place = {bucket: number for number, bucket in enumerate(buckets)}
        counts = np.zeros((len(blocks), len(buckets)))
        for row, block in zip(counts, blocks, strict=True):
            for bucket, number in block.totals.judged.counts.items():
                row[place[bucket]] = number
        values = np.array([middle_of(bucket) / 1000 for bucket in buckets])
        return _at_rank(counts.cumsum(axis=1), weights, fraction, values)

    return resampled


def _at_rank(seen: _Floats, weights: _Floats, fraction: float, values: _Floats) -> _Floats:
    """For each resample, the value at the percentile's rank; NaN for one without requests.

    `seen`: blocks × values, the requests up to each value. Each resample halves its part of the values until one is
    left, so that it adds up the blocks at a few values only.
    """
    total = weights @ seen[:, -1]
    rank = np.maximum(np.ceil(np.round(fraction * total, 9)), 1.0)
    low, high = np.zeros(len(weights), dtype=int), np.full(len(weights), len(values) - 1)
    for _ in range(len(values).bit_length()):
        middle = (low + high) // 2
        enough = np.einsum("ij,ji->i", weights, seen[:, middle]) >= rank
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    return np.where(total > 0, values[low], np.nan)
