"""Figures of a set of requests, against the sorted list of their times."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, replace

import pytest

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.totals import Due, RequestTotals, totals_of
from perfsuite.model import NO_BREAKDOWN, Breakdown, FailureKind, Statistics
from perfsuite.model.summary import PERCENTILES, samples_needed
from perfsuite.summary.figures import breakdown, statistics, statistics_ok
from tests.summary.made_records import Process


def requests(ok_ms: list[float], failed_ms: list[float]) -> Due:
    return Process().requests(0, ok_ms, failed_ms, ended=len(ok_ms) + len(failed_ms))


def totals(ok_ms: list[float], failed_ms: list[float]) -> RequestTotals:
    return totals_of([requests(ok_ms, failed_ms)])


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
    one_by_one = RequestTotals()
    for record in records:
        one_by_one.merge(totals_of([record]))

    halves = RequestTotals()
    for half in (records[::2], records[1::2]):
        halves.merge(totals_of(half))

    assert totals_of(records) == one_by_one == halves
    without_parts = replace(one_by_one, service=Histogram(), server=Histogram(), connects=Histogram(), tls=Histogram())
    assert totals_of(records, responses_only=True) == without_parts


def test_figures_of_known_requests() -> None:
    figures = statistics(totals([float(n) for n in range(1, 39)], [100.0, 0.25]), period_s=8)

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
    one = Process()
    all_of_them = totals_of(
        [
            one.requests(0, [float(n) for n in range(1, 39)], [0.25, 0.25], ended=41, ended_failed=3),
            one.requests(1, (), [60_000.0], kind=FailureKind.TIMEOUT),
            one.not_started(1, [5_000.0]),
        ]
    )

    every, judged = statistics(all_of_them, period_s=8), statistics_ok(all_of_them, period_s=8)

    assert judged is not None
    assert (every.requests, every.failures, every.min_ms, every.rps) == (42, 4, 0.25, 41 / 8)
    assert (judged.requests, judged.failures, judged.min_ms, judged.rps) == (40, 2, 1.0, 38 / 8)
    assert (judged.avg_ms, judged.max_ms) == ((741 + 60_000 + 5_000) / 40, 60_000.0)
    assert (judged.p50_ms, judged.p75_ms) == (pytest.approx(20, rel=0.0005), pytest.approx(30, rel=0.0005))


def test_where_nothing_failed_the_judged_figures_are_those_of_all_requests() -> None:
    assert statistics_ok(totals([1.0, 2.0], []), period_s=8) is None


def test_no_request_leaves_everything_unknown_but_the_counts() -> None:
    assert statistics(RequestTotals(), 10) == Statistics(0, 0, None, 0.0, *[None] * 9)


def test_a_period_without_length_has_no_rate() -> None:
    assert statistics(totals([1.0], []), 0).rps == 0.0


@pytest.mark.parametrize(
    ("name", "needed"),
    [("p50_ms", 20), ("p75_ms", 40), ("p90_ms", 100), ("p95_ms", 200), ("p99_ms", 1000), ("p999_ms", 10_000)],
)
def test_a_percentile_is_given_from_ten_samples_beyond_it(name: str, needed: int) -> None:
    assert samples_needed(PERCENTILES[name]) == needed
    assert getattr(statistics(totals([5.0] * (needed - 1), []), 1), name) is None
    assert getattr(statistics(totals([5.0] * (needed - 1), [5.0]), 1), name) == pytest.approx(5.0, rel=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_those_of_the_sorted_list(seed: int) -> None:
    dice = random.Random(seed)
    ok = [dice.lognormvariate(3, 1) for _ in range(dice.randrange(10_000, 12_000))]
    failed = [dice.lognormvariate(5, 0.5) for _ in range(dice.randrange(500))]
    figures = statistics(totals(ok, failed), 60)

    ordered = sorted(ok + failed)
    for name, fraction in PERCENTILES.items():
        truth_ms = ordered[math.ceil(round(fraction * len(ordered), 9)) - 1]
        # 0.05 % of the histogram, and half a microsecond of rounding to whole ones.
        assert getattr(figures, name) == pytest.approx(truth_ms, rel=0.0005, abs=0.0006)
    assert figures.failures == len(failed)
    assert figures.avg_ms == pytest.approx(sum(ordered) / len(ordered), abs=0.001)


def test_the_rate_is_that_of_what_ended_and_where_that_is_unknown_of_what_was_sent() -> None:
    some = totals_of([Process().requests(0, [5.0] * 6, ended=4), Process().not_started(0, [900.0, 1_000.0])])

    assert statistics(some, 2).rps == 2.0
    assert statistics(some, 2, ends_known=False).rps == 3.0


def test_what_never_began_is_a_failure_with_its_waiting_time() -> None:
    some = totals_of([requests([10.0, 20.0], []), Process().not_started(0, [3_000.0])])
    figures = statistics(some, 1)

    assert (figures.requests, figures.failures, figures.max_ms, figures.avg_ms) == (3, 1, 3_000.0, 1_010.0)
    assert (some.requests, some.sent) == (3, 2)
    assert breakdown(some).not_started == 1


def test_where_the_time_went() -> None:
    record = Process().requests(
        0, [110.0, 60.0, 40.0], [90.0], service=[50.0, 50.0, 40.0, 60.0], server=[20.0, 30.0, 30.0, 40.0],
        connects=[10.0], tls=[20.0], ended=4,
    )  # fmt: skip

    assert breakdown(totals_of([record, Process().not_started(0, [5_000.0])])) == Breakdown(
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
        pytest.param(100, 100, 30.0, 50.0, id="known of every request"),
        pytest.param(100, 95, 30.0, 50.0, id="the server reported its time for 95 %"),
        pytest.param(100, 94, None, 50.0, id="of fewer: the means are not of the same requests"),
        pytest.param(99, 99, 30.0, None, id="a request without a service time: waiting is unknown"),
        pytest.param(0, 0, None, None, id="schema 1 records none of it"),
    ],
)
def test_means_are_compared_over_the_same_requests_only(
    service: int, server: int, outside: float | None, waiting: float | None
) -> None:
    record = Process().requests(0, [100.0] * 100, service=[50.0] * service, server=[20.0] * server)
    parts = breakdown(totals_of([record]))
    assert (parts.outside_avg_ms, parts.waiting_avg_ms) == (outside, waiting)


def test_service_percentiles_need_their_samples_too() -> None:
    record = Process().requests(0, [5.0] * 200, service=[4.0] * 200, server=[3.0] * 199)
    parts = breakdown(totals_of([record]))
    assert (parts.service_p50_ms, parts.service_p95_ms, parts.server_p95_ms) == (
        pytest.approx(4.0, rel=0.0005),
        pytest.approx(4.0, rel=0.0005),
        None,
    )


def test_without_requests_there_is_no_breakdown() -> None:
    assert breakdown(RequestTotals()) == NO_BREAKDOWN
