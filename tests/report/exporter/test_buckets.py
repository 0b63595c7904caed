"""Counts at the boundaries are true, and how far a boundary may be off is told."""

from __future__ import annotations

import random

import pytest

from perfsuite.measurements.histogram import Histogram, bucket_of
from perfsuite.measurements.records import times_of
from perfsuite.report.exporter.buckets import BOUNDARIES_MS, Buckets, last_within


def cut_at(boundary_us: int) -> int:
    """The highest time that counts at or below a boundary, found by trying."""
    last = last_within(boundary_us)
    return next(value for value in range(boundary_us + 1, 0, -1) if bucket_of(value) <= last)


def test_counts_are_those_of_the_values_up_to_where_each_boundary_cuts() -> None:
    dice = random.Random(7)
    values = [round(dice.lognormvariate(10, 3)) for _ in range(20_000)]
    values += [boundary * 1000 + off for boundary in BOUNDARIES_MS for off in range(-3, 4)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    buckets = Buckets()
    buckets.add(times_of(histogram))

    told = dict(buckets.cumulative())

    assert list(told) == [*(str(boundary / 1000) for boundary in BOUNDARIES_MS), "+Inf"]
    for boundary in BOUNDARIES_MS:
        cut = cut_at(boundary * 1000)
        assert told[str(boundary / 1000)] == sum(value <= cut for value in values), boundary
    assert (told["+Inf"], buckets.count, buckets.sum_us) == (len(values), len(values), sum(values))


def test_no_request_is_told_as_faster_than_it_was() -> None:
    off = {boundary: boundary * 1000 - cut_at(boundary * 1000) for boundary in BOUNDARIES_MS}

    assert all(0 <= off_us <= boundary for boundary, off_us in off.items())  # 0.1 % of the boundary
    assert {boundary: off[boundary] for boundary in (1, 2, 500, 2000)} == {1: 0, 2: 0, 500: 33, 2000: 129}


@pytest.mark.parametrize("limit_s", ["0.5", "2.0"])
def test_the_limits_of_the_standard_targets_are_boundaries(limit_s: str) -> None:
    assert limit_s in dict(Buckets().cumulative())


def test_records_add_up() -> None:
    one, other = Histogram(), Histogram()
    for value in (900, 40_000):
        one.add(value)
    other.add(70_000_000)
    buckets = Buckets()
    for histogram in (one, other, Histogram()):
        buckets.add(times_of(histogram))

    told = dict(buckets.cumulative())
    assert [told[name] for name in ("0.001", "0.03", "0.05", "60.0", "+Inf")] == [1, 1, 2, 2, 3]
    assert buckets.sum_us == 70_040_900
