"""Figures of a set of requests, against the sorted list of their times."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, replace

import pytest

from perfsuite.measurements.histogram import Histogram
from perfsuite.model import NOTHING_TOLD, Breakdown, FailureKind, Statistics
from perfsuite.model.summary import PERCENTILES, samples_needed
from perfsuite.summary.tally import (
    Due,
    Tally,
    breakdown,
    histogram_of_all,
    statistics,
    statistics_ok,
)
from perfsuite.summary.tally import tally_of as all_at_once
from tests.summary.made_records import Process


def tally_of(ok_ms: list[float], failed_ms: list[float]) -> Tally:
    tally = Tally()
    tally.add(Process().requests(0, ok_ms, failed_ms, ended=len(ok_ms) + len(failed_ms)))
    return tally


@pytest.mark.parametrize("seed", range(20))
def test_many_records_at_once_are_the_same_as_one_by_one(seed: int) -> None:
    dice, process = random.Random(seed), Process()

    def some(most: int = 40) -> list[float]:
        return [dice.choice((1.0, 2.0, dice.uniform(0.1, 900))) for _ in range(dice.randrange(most))]

    records: list[Due] = []
    for second in range(dice.randrange(6)):
        parts = {name: some() for name in ("service", "server", "connects", "tls")}
        kind = dice.choice((FailureKind.STATUS, FailureKind.TIMEOUT, FailureKind.CONNECTION_LOST))
        ended = {"ended": dice.randrange(5, 9), "ended_failed": dice.randrange(5)}
        records.append(process.requests(second, some(), some(3), kind=kind, **ended, **parts))
        if dice.random() < 0.3:
            records.append(process.not_started(second, some()))
    one_by_one = Tally()
    for record in records:
        one_by_one.add(record)

    halves = Tally()
    for half in (records[::2], records[1::2]):
        halves.merge(all_at_once(half))

    assert all_at_once(records) == one_by_one == halves
    without_parts = replace(one_by_one, service=Histogram(), server=Histogram(), connects=Histogram(), tls=Histogram())
    assert all_at_once(records, responses_only=True) == without_parts


def test_a_histogram_of_records_is_none_of_theirs() -> None:
    record = Process().requests(0, [1.0, 2.0])
    histogram_of_all([record.ok]).add(5_000)
    assert sum(record.ok.counts.values()) == 2


def test_figures_of_known_requests() -> None:
    figures = statistics(tally_of([float(n) for n in range(1, 39)], [100.0, 0.25]), period_s=8)

    assert asdict(figures) == {
        "requests": 40,
        "failures": 2,
        "failure_rate": 0.05,
        "rps": 5.0,
        "avg_ms": (741 + 100.25) / 40,
        "min_ms": 0.25,
        "max_ms": 100.0,
        "p50_ms": pytest.approx(19, rel=0.0005),
        "p75_ms": pytest.approx(29, rel=0.0005),
        "p90_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "p999_ms": None,
    }


def test_figures_without_answered_failures() -> None:
    """38 successes, two errors in no time, one timeout of 60 s and an action that never began, over 8 s."""
    one, tally = Process(), Tally()
    tally.add(one.requests(0, [float(n) for n in range(1, 39)], [0.25, 0.25], ended=41, ended_failed=3))
    tally.add(one.requests(1, (), [60_000.0], kind=FailureKind.TIMEOUT))
    tally.add(one.not_started(1, [5_000.0]))

    every, judged = statistics(tally, period_s=8), statistics_ok(tally, period_s=8)

    assert judged is not None
    assert (every.requests, every.failures, every.min_ms, every.rps) == (42, 4, 0.25, 41 / 8)
    assert (judged.requests, judged.failures, judged.min_ms, judged.rps) == (40, 2, 1.0, 38 / 8)
    assert (judged.avg_ms, judged.max_ms) == ((741 + 60_000 + 5_000) / 40, 60_000.0)
    assert (judged.p50_ms, judged.p75_ms) == (pytest.approx(20, rel=0.0005), pytest.approx(30, rel=0.0005))


def test_where_nothing_failed_the_judged_figures_are_those_of_all_requests() -> None:
    assert statistics_ok(tally_of([1.0, 2.0], []), period_s=8) is None


def test_no_request_leaves_everything_unknown_but_the_counts() -> None:
    assert statistics(Tally(), 10) == Statistics(0, 0, None, 0.0, *[None] * 9)


def test_a_period_without_length_has_no_rate() -> None:
    assert statistics(tally_of([1.0], []), 0).rps == 0.0


@pytest.mark.parametrize(
    ("name", "needed"),
    [("p50_ms", 20), ("p75_ms", 40), ("p90_ms", 100), ("p95_ms", 200), ("p99_ms", 1000), ("p999_ms", 10_000)],
)
def test_a_percentile_is_told_from_ten_samples_beyond_it(name: str, needed: int) -> None:
    assert samples_needed(PERCENTILES[name]) == needed
    assert getattr(statistics(tally_of([5.0] * (needed - 1), []), 1), name) is None
    assert getattr(statistics(tally_of([5.0] * (needed - 1), [5.0]), 1), name) == pytest.approx(5.0, rel=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_those_of_the_sorted_list(seed: int) -> None:
    dice = random.Random(seed)
    ok = [dice.lognormvariate(3, 1) for _ in range(dice.randrange(10_000, 12_000))]
    failed = [dice.lognormvariate(5, 0.5) for _ in range(dice.randrange(500))]
    figures = statistics(tally_of(ok, failed), 60)

    ordered = sorted(ok + failed)
    for name, fraction in PERCENTILES.items():
        truth_ms = ordered[math.ceil(round(fraction * len(ordered), 9)) - 1]
        # 0.05 % of the histogram, and half a microsecond of rounding to whole ones.
        assert getattr(figures, name) == pytest.approx(truth_ms, rel=0.0005, abs=0.0006)
    assert figures.failures == len(failed)
    assert figures.avg_ms == pytest.approx(sum(ordered) / len(ordered), abs=0.001)


def test_the_rate_is_that_of_what_ended_and_where_that_is_not_told_of_what_was_sent() -> None:
    tally = Tally()
    tally.add(Process().requests(0, [5.0] * 6, ended=4))
    tally.add(Process().not_started(0, [900.0, 1_000.0]))

    assert statistics(tally, 2).rps == 2.0
    assert statistics(tally, 2, ends_told=False).rps == 3.0


def test_what_never_began_is_a_failure_with_its_waiting_time() -> None:
    tally = tally_of([10.0, 20.0], [])
    tally.add(Process().not_started(0, [3_000.0]))
    figures = statistics(tally, 1)

    assert (figures.requests, figures.failures, figures.max_ms, figures.avg_ms) == (3, 1, 3_000.0, 1_010.0)
    assert (tally.requests, tally.sent) == (3, 2)
    assert breakdown(tally).not_started == 1


def test_where_the_time_went() -> None:
    tally = Tally()
    record = Process().requests(
        0, [110.0, 60.0, 40.0], [90.0], service=[50.0, 50.0, 40.0, 60.0], server=[20.0, 30.0, 30.0, 40.0],
        connects=[10.0], tls=[20.0], ended=4,
    )  # fmt: skip
    tally.add(record)
    tally.add(Process().not_started(0, [5_000.0]))

    assert breakdown(tally) == Breakdown(
        service_avg_ms=50.0,
        service_p50_ms=None,
        service_p95_ms=None,
        server_told=4,
        server_avg_ms=30.0,
        server_p95_ms=None,
        outside_avg_ms=20.0,
        waiting_avg_ms=(300.0 - 200.0 - 30.0) / 4,
        connections=1,
        connect_avg_ms=10.0,
        tls_avg_ms=20.0,
        not_started=1,
    )


@pytest.mark.parametrize(
    ("service", "server", "outside", "waiting"),
    [
        pytest.param(100, 100, 30.0, 50.0, id="told of every request"),
        pytest.param(100, 95, 30.0, 50.0, id="the server told its time of 95 %"),
        pytest.param(100, 94, None, 50.0, id="of fewer: the means are not of the same requests"),
        pytest.param(99, 99, 30.0, None, id="a request without a service time: waiting cannot be told"),
        pytest.param(0, 0, None, None, id="schema 1 tells none of it"),
    ],
)
def test_means_are_compared_over_the_same_requests_only(
    service: int, server: int, outside: float | None, waiting: float | None
) -> None:
    tally = Tally()
    tally.add(Process().requests(0, [100.0] * 100, service=[50.0] * service, server=[20.0] * server))
    told = breakdown(tally)
    assert (told.outside_avg_ms, told.waiting_avg_ms) == (outside, waiting)


def test_service_percentiles_need_their_samples_too() -> None:
    tally = Tally()
    tally.add(Process().requests(0, [5.0] * 200, service=[4.0] * 200, server=[3.0] * 199))
    told = breakdown(tally)
    assert (told.service_p50_ms, told.service_p95_ms, told.server_p95_ms) == (
        pytest.approx(4.0, rel=0.0005),
        pytest.approx(4.0, rel=0.0005),
        None,
    )


def test_merged_tallies_are_one() -> None:
    one, two, both = Tally(), Tally(), Tally()
    first = Process().requests(0, [5.0], service=[4.0], server=[3.0], connects=[1.0], tls=[1.0], ended=1)
    for tally in (one, both):
        tally.add(first)
    for tally in (two, both):
        tally.add(Process().not_started(0, [7.0]))
    one.merge(two)
    assert (statistics(one, 1), breakdown(one)) == (statistics(both, 1), breakdown(both))


def test_nothing_is_told_of_nothing() -> None:
    assert breakdown(Tally()) == NOTHING_TOLD
