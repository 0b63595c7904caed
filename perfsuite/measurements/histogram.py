"""A mergeable histogram of times with log-linear buckets of whole microseconds.

Below 2,048 µs every microsecond has its own bucket; above, each power of two is cut into 1,024 equal
buckets. A value is shown as the middle of its bucket, so it is off by at most 1/2048 (0.05 %).
Minimum, maximum and sum are kept exactly. The layout is that of HdrHistogram (Gil Tene) with a
sub-bucket count of 2,048.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

_SUB_BITS = 10


def bucket_of(value_us: int) -> int:
    """The number of the bucket that holds `value_us` (≥ 0)."""
    shift = value_us.bit_length() - _SUB_BITS - 1
    if shift <= 0:
        return value_us
    return (shift << _SUB_BITS) + (value_us >> shift)


def middle_of(bucket: int) -> float:
    """The middle of a bucket in µs; the exact value where a bucket is one µs wide."""
    shift = (bucket >> _SUB_BITS) - 1
    if shift <= 0:
        return float(bucket)
    low = (bucket - (shift << _SUB_BITS)) << shift
    return low + ((1 << shift) - 1) / 2


@dataclass(slots=True)
class Histogram:
    """Counts by bucket, with the exact sum, minimum and maximum. All times in µs."""

    counts: dict[int, int] = field(default_factory=dict)
    count: int = 0
    sum_us: int = 0
    min_us: int = 0
    max_us: int = 0

    def add(self, value_us: int) -> None:
        """Record one value; a negative one (clock fault) counts as 0."""
        if value_us < 0:
            value_us = 0
        # For each request: without the calls that would say it more shortly.
        shift = value_us.bit_length() - _SUB_BITS - 1
        bucket = value_us if shift <= 0 else (shift << _SUB_BITS) + (value_us >> shift)
        counts = self.counts
        counts[bucket] = counts[bucket] + 1 if bucket in counts else 1
        if value_us > self.max_us:
            self.max_us = value_us
        if value_us < self.min_us or not self.count:
            self.min_us = value_us
        self.count += 1
        self.sum_us += value_us

    def merge(self, other: Histogram) -> None:
        """Add all of `other`'s values. Exact: order and grouping do not matter."""
        if other.count == 0:
            return
        if self.count == 0:
            self.counts, self.min_us = other.counts.copy(), other.min_us
        else:
            for bucket, count in other.counts.items():
                self.counts[bucket] = self.counts.get(bucket, 0) + count
            self.min_us = min(self.min_us, other.min_us)
        self.max_us = max(self.max_us, other.max_us)
        self.count += other.count
        self.sum_us += other.sum_us

    def copy(self) -> Histogram:
        """The same values in a histogram of its own."""
        return Histogram(self.counts.copy(), self.count, self.sum_us, self.min_us, self.max_us)

    def mean_us(self) -> float | None:
        """The exact mean; None when empty."""
        return self.sum_us / self.count if self.count else None

    def count_within(self, limit_us: float) -> int:
        """How many values are at most `limit_us`; a bucket counts whole, by its middle."""
        if self.max_us <= limit_us:
            return self.count
        return sum(count for bucket, count in self.counts.items() if middle_of(bucket) <= limit_us)

    def percentile_us(self, fraction: float) -> float | None:
        """The nearest-rank percentile (the ⌈fraction·n⌉-th smallest value); None when empty.

        Never outside the exact minimum and maximum.
        """
        found = self.percentiles_us((fraction,))
        return found[0]

    def percentiles_us(self, fractions: Iterable[float]) -> list[float | None]:
        """Several percentiles in one pass over the buckets, in the order asked."""
        wanted = list(fractions)
        if not self.count:
            return [None] * len(wanted)
        # Kept in order: a live view asks again every second, and what is sorted but for its end is sorted quickly.
        self.counts = {bucket: self.counts[bucket] for bucket in sorted(self.counts)}
        buckets, seen = list(self.counts), list(accumulate(self.counts.values()))
        found = (buckets[bisect_left(seen, _rank(fraction, self.count))] for fraction in wanted)
        return [min(max(middle_of(bucket), self.min_us), self.max_us) for bucket in found]


def _rank(fraction: float, count: int) -> int:
    # Rounding guards against 0.95 · 100 = 95.00000000000001 becoming rank 96.
    exact = round(fraction * count, 9)
    whole = int(exact)
    return min(max(whole + (exact > whole), 1), count)


BOUNDARIES_MS = (
    *(1, 2, 3, 5, 7),
    *(10, 20, 30, 50, 70),
    *(100, 200, 300, 500, 700),
    *(1_000, 2_000, 3_000, 5_000, 7_000),
    *(10_000, 20_000, 30_000, 60_000),
)
"""Of a classic histogram. The limits of the standard targets, 500 ms and 2 s, are among them."""


def last_within(boundary_us: int) -> int:
    """The highest bucket that lies wholly at or below a boundary."""
    bucket = bucket_of(boundary_us)
    return bucket if bucket_of(boundary_us + 1) > bucket else bucket - 1


_LAST = tuple(last_within(boundary * 1000) for boundary in BOUNDARIES_MS)


class _Places(dict[int, int]):
    def __missing__(self, bucket: int) -> int:
        place = self[bucket] = bisect_left(_LAST, bucket)
        return place


_PLACES = _Places()
"""Bucket → place of the first boundary at or above it; kept, since a run uses the same ones over and over."""


@dataclass(slots=True)
class ClassicHistogram:
    """Times counted between few boundaries, as Prometheus' classic histograms have them, with their exact sum.

    A bucket that a boundary cuts counts above it: a request is never shown as faster than it was. So the counts are
    exact for a boundary that lies at most 0.1 % lower than the one shown (33 µs at 0.5 s, 129 µs at 2 s), and below
    2.048 ms for the boundary itself.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDARIES_MS) + 1))
    """The last one counts what is beyond all boundaries."""
    sum_us: int = 0

    def add(self, counts: Mapping[int, int], sum_us: int) -> None:
        """Add times: bucket → how many, and their sum."""
        own, places = self.counts, _PLACES
        for bucket, count in counts.items():
            own[places[bucket]] += count
        self.sum_us += sum_us

    def merge(self, other: ClassicHistogram) -> None:
        """Add all times of `other`."""
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.sum_us += other.sum_us
