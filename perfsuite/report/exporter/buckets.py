"""The classic buckets of Prometheus, made from the recorded histograms.

A recorded bucket counts at or below a boundary where all of it lies there. One that a boundary cuts counts above
it: a request is never told as faster than it was. So the counts are exact for a boundary that lies at most 0.1 % lower
than the one told (33 µs at 0.5 s, 129 µs at 2 s), and below 2.048 ms for the boundary itself.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from perfsuite.measurements.histogram import bucket_of
from perfsuite.measurements.records import Times

BOUNDARIES_MS = (
    *(1, 2, 3, 5, 7),
    *(10, 20, 30, 50, 70),
    *(100, 200, 300, 500, 700),
    *(1_000, 2_000, 3_000, 5_000, 7_000),
    *(10_000, 20_000, 30_000, 60_000),
)
"""The limits of the standard targets, 500 ms and 2 s, are among them."""


def last_within(boundary_us: int) -> int:
    """The highest recorded bucket that lies wholly at or below a boundary."""
    bucket = bucket_of(boundary_us)
    return bucket if bucket_of(boundary_us + 1) > bucket else bucket - 1


_LAST = tuple(last_within(boundary * 1000) for boundary in BOUNDARIES_MS)
_NAMES = (*(str(boundary / 1000) for boundary in BOUNDARIES_MS), "+Inf")


class Buckets:
    """Times added up between the boundaries, with their exact number and sum."""

    def __init__(self) -> None:
        self.sum_us = 0
        self._counts = [0] * len(_NAMES)

    def add(self, times: Times) -> None:
        """Count the times of a record in."""
        for bucket, count in times.counts.items():
            self._counts[bisect_left(_LAST, bucket)] += count
        self.sum_us += times.sum_us

    @property
    def count(self) -> int:
        """How many times there are."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Boundary in seconds, as Prometheus writes it → times at or below it; the last one, "+Inf", has all."""
        return list(zip(_NAMES, accumulate(self._counts), strict=True))
