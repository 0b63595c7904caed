"""The histogram: at most 0.05 % off at every percentile, exact sums, merging without loss."""

from __future__ import annotations

import math
import random
from itertools import accumulate, pairwise

import pytest

from perfsuite.measurements.histogram import (
    BOUNDARIES_MS,
    ClassicHistogram,
    Histogram,
    bucket_of,
    last_within,
    middle_of,
)

FRACTIONS = (0.0, 0.01, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


def nearest_rank(ordered: list[int], fraction: float) -> int:
    return ordered[max(math.ceil(round(fraction * len(ordered), 9)), 1) - 1]


@pytest.mark.parametrize("value", [0, 1, 999, 1_023, 1_024, 2_047])
def test_below_two_milliseconds_every_microsecond_is_kept(value: int) -> None:
    assert middle_of(bucket_of(value)) == value


@pytest.mark.parametrize("power", range(11, 43))
def test_a_value_is_off_by_a_two_thousandth_at_most(power: int) -> None:
    dice = random.Random(power)
    low, high = 1 << power, 1 << (power + 1)
    for value in [low - 1, low, low + 1, high - 1, *(dice.randrange(low, high) for _ in range(200))]:
        assert abs(middle_of(bucket_of(value)) - value) <= value / 2048


def test_buckets_follow_each_other_without_gap_or_overlap() -> None:
    numbers = [bucket_of(value) for value in range(70_000)]
    assert {after - before for before, after in pairwise(numbers)} == {0, 1}
    assert numbers[:2_048] == list(range(2_048))
    # Above 2,048 µs two microseconds share a bucket, above 4,096 four, and so on.
    assert [numbers.count(bucket_of(value)) for value in (2_047, 2_048, 4_096, 8_192, 32_768)] == [1, 2, 4, 8, 32]


@pytest.mark.parametrize("seed", range(4))
def test_percentiles_are_those_of_the_sorted_list(seed: int) -> None:
    dice = random.Random(seed)
    values = [int(dice.lognormvariate(10, 1.5)) for _ in range(dice.randrange(1, 5_000))]
    histogram = histogram_of(values)

    ordered = sorted(values)
    for fraction, found in zip(FRACTIONS, histogram.percentiles_us(FRACTIONS), strict=True):
        truth = nearest_rank(ordered, fraction)
        assert found is not None
        assert abs(found - truth) <= truth / 2048
        assert histogram.percentile_us(fraction) == found
    assert (histogram.count, histogram.sum_us) == (len(values), sum(values))
    assert (histogram.min_us, histogram.max_us) == (ordered[0], ordered[-1])
    assert histogram.mean_us() == sum(values) / len(values)


@pytest.mark.parametrize(
    ("fraction", "value"),
    [
        pytest.param(0.05, 15, id="the first of five"),
        pytest.param(0.30, 20, id="1.5 → the second"),
        pytest.param(0.40, 20, id="exactly 2 → the second"),
        pytest.param(0.50, 35, id="2.5 → the third"),
        pytest.param(1.00, 50, id="the last"),
    ],
)
def test_nearest_rank_known_answers(fraction: float, value: int) -> None:
    """The worked example of https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method."""
    assert histogram_of([15, 20, 35, 40, 50]).percentile_us(fraction) == value


def test_a_rank_that_is_whole_is_not_raised_by_the_arithmetic_of_floats() -> None:
    # 0.07 · 100 is 7.000000000000001 in floats.
    assert histogram_of(list(range(1, 101))).percentile_us(0.07) == 7


def test_percentiles_come_in_the_order_asked() -> None:
    assert histogram_of(list(range(1, 101))).percentiles_us((0.9, 0.1, 0.9, 0.5)) == [90, 10, 90, 50]


def test_empty() -> None:
    empty = Histogram()
    assert (empty.mean_us(), empty.percentile_us(0.5), empty.percentiles_us((0.5, 0.9))) == (None, None, [None, None])


def test_a_single_value_is_told_exactly_at_every_percentile() -> None:
    assert set(histogram_of([1_234_567]).percentiles_us(FRACTIONS)) == {1_234_567}


def test_a_clock_that_went_back_counts_as_zero() -> None:
    histogram = histogram_of([-5, 10])
    assert (histogram.min_us, histogram.max_us, histogram.sum_us, histogram.count) == (0, 10, 10, 2)


def test_zero_is_a_value_and_not_the_lack_of_one() -> None:
    histogram = histogram_of([0, 500])
    histogram.merge(histogram_of([700]))
    assert (histogram.min_us, histogram.percentile_us(0.0)) == (0, 0)


def merged(parts: list[Histogram]) -> Histogram:
    total = Histogram()
    for part in parts:
        total.merge(part)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_merging_is_exact_in_any_order_and_grouping(seed: int) -> None:
    dice = random.Random(seed)
    parts = [[int(dice.expovariate(1 / 50_000)) for _ in range(dice.randrange(200))] for _ in range(12)]
    whole = histogram_of([value for part in parts for value in part])
    histograms = [histogram_of(part) for part in parts]

    for _ in range(5):
        dice.shuffle(histograms)
        cut = dice.randrange(len(histograms))
        assert merged(histograms) == whole
        assert merged([merged(histograms[:cut]), merged(histograms[cut:])]) == whole


def test_merging_leaves_the_parts_alone() -> None:
    part = histogram_of([5])
    total = merged([part, histogram_of([6])])
    assert (part, total.count) == (histogram_of([5]), 2)


def test_merging_nothing_changes_nothing() -> None:
    histogram = histogram_of([5, 9])
    histogram.merge(Histogram())
    assert histogram == histogram_of([5, 9])
    assert merged([]) == Histogram()


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
    classic = ClassicHistogram()
    classic.add(histogram.counts, histogram.sum_us)

    up_to = list(accumulate(classic.counts))
    for boundary, count in zip(BOUNDARIES_MS, up_to, strict=False):
        cut = cut_at(boundary * 1000)
        assert count == sum(value <= cut for value in values), boundary
    assert (up_to[-1], classic.sum_us) == (len(values), sum(values))


def test_no_request_is_counted_as_faster_than_it_was() -> None:
    off = {boundary: boundary * 1000 - cut_at(boundary * 1000) for boundary in BOUNDARIES_MS}

    assert all(0 <= off_us <= boundary for boundary, off_us in off.items())  # 0.1 % of the boundary
    assert {boundary: off[boundary] for boundary in (1, 2, 500, 2000)} == {1: 0, 2: 0, 500: 33, 2000: 129}


def test_the_limits_of_the_standard_targets_are_boundaries() -> None:
    assert {500, 2000} <= set(BOUNDARIES_MS)


def test_classic_histograms_add_up() -> None:
    one, other, both = ClassicHistogram(), ClassicHistogram(), ClassicHistogram()
    for times, histogram in ((one, histogram_of([900, 40_000])), (other, histogram_of([70_000_000]))):
        times.add(histogram.counts, histogram.sum_us)
        both.add(histogram.counts, histogram.sum_us)
    one.merge(other)

    assert one == both
    assert (sum(both.counts), both.counts[-1], both.sum_us) == (3, 1, 70_040_900)
