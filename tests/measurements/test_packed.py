"""Packed histograms hold the same values, few or many, and the merger counts what it gets of each worker."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count

import pytest

from perfsuite.measurements.cells import Cells
from perfsuite.measurements.histogram import Histogram, bucket_of
from perfsuite.measurements.merge import Merger
from perfsuite.measurements.merged_requests import TimesSum
from perfsuite.measurements.packed import MANY_VALUES, pack, pack_times, unpack, unpack_times
from perfsuite.measurements.records import Record, Times, times_of
from tests.measurements.samples import failed, sample

_SECOND = 1_772_357_400
_LONGEST_US = 2**63 - 1


def histogram_of(values_us: list[int]) -> Times:
    histogram = Histogram()
    for value_us in values_us:
        histogram.add(value_us)
    return times_of(histogram)


@pytest.mark.parametrize(
    "values_us",
    [
        pytest.param([], id="none"),
        pytest.param([0], id="zero"),
        pytest.param([7, 7, 7, 9], id="several in one bucket"),
        pytest.param([_LONGEST_US], id="the longest time there is has a bucket of two bytes"),
        pytest.param([*range(1, MANY_VALUES + 1), 5, 5], id="many"),
    ],
)
def test_a_packed_histogram_is_the_same(values_us: list[int]) -> None:
    times = histogram_of(values_us)

    assert unpack_times(pack_times(times)) == times


def test_the_highest_bucket_fits_into_two_bytes() -> None:
    assert bucket_of(_LONGEST_US) < 2**16


@pytest.mark.parametrize("values", [3, 300, MANY_VALUES])
def test_the_sum_of_packed_histograms_is_the_histogram_of_all_values(values: int) -> None:
    rng = random.Random(values)
    parts = [[round(rng.lognormvariate(9, 2)) for _value in range(rng.randint(0, values))] for _part in range(9)]
    sums = TimesSum()

    for part in parts:
        sums.add(pack_times(histogram_of(part)))

    assert sums.times() == histogram_of([value for part in parts for value in part])


def a_batch() -> list[Record]:
    cells = Cells()
    place = (_SECOND, "reader", "browsing", "policies.list")
    for elapsed_us in (500, 600, 600):
        cells.request(sample(place, elapsed_us))
    cells.failure(failed(place, 700, "HTTP 500"), ("http status", "HTTP 500"))
    cells.expired(sample(place, 100, expired=True))
    cells.action((_SECOND, "reader", "browsing"), 900, succeeded=True)
    return list(cells.take("worker-1", count(1)))


def test_a_batch_comes_out_as_it_went_in() -> None:
    assert unpack(pack(a_batch())) == a_batch()


def test_packed_or_not_the_same_is_counted_of_a_worker() -> None:
    whole, packed = Merger(), Merger()
    for merger in (whole, packed):
        merger.add("worker-2", a_batch())  # so that there are two
    whole.add("worker-1", a_batch())
    packed.add_packed("worker-1", pack(a_batch()))

    counts = packed.counts["worker-1"]

    assert counts == whole.counts["worker-1"]
    assert (counts.requests, counts.records, counts.first, counts.last) == (5, 2, _SECOND, _SECOND)


def test_what_was_sent_is_no_bigger_than_the_values_need() -> None:
    assert Counter(len(pack_times(histogram_of([value] * 3)).values) for value in (5, 5_000, 5_000_000)) == {6: 3}
