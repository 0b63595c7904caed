"""Records of a run → what a search knows of each second, while the run goes on and afterwards."""

from __future__ import annotations

import pytest

from perfsuite.capacity.records import Visit, VisitResult
from perfsuite.capacity.samples import SearchSamples
from perfsuite.measurements.records import InFlight, WorkerLost
from perfsuite.model import FailureKind, VisitPhase
from tests.capacity.systems import limited
from tests.summary.made_records import START, Process

P95, AVERAGE, FAILURES = limited("p95_ms", 2000), limited("avg_ms", 500), limited("failure_rate", 0.01)
OF_LIST = limited("p95_ms", 100, "policies.list")
LISTING, LOGGING_IN = ("reader", "browsing", "policies.list"), ("reader", "login", "login")
VISIT = Visit(50, 3, VisitPhase.REFINE, discard_s=1)


def in_flight(second: int, *requests: tuple[int, str, str, int], sequence: int = 1) -> InFlight:
    waiting = [(START + due, *where) for due, *where in requests]
    return InFlight("1", sequence, START + second, waiting)  # type: ignore[arg-type]


def result_of(samples: SearchSamples, visit: Visit, first: int, stop: int) -> VisitResult:
    return samples.result(visit, START + first, START + stop)


def test_requests_count_in_the_second_in_which_they_were_due_and_ended_ones_in_that_of_their_end() -> None:
    process, samples = Process(), SearchSamples([P95])
    samples.add(
        [
            process.requests(10, [50, 2500, 60], where=LISTING, ended=2),
            process.requests(12, [], where=LISTING, ended=1),
        ]
    )
    result = result_of(samples, VISIT, 10, 13)

    (own,) = result.samples
    assert [(each.requests, each.total, each.begun, each.ended) for each in own] == [
        (3, 1, 3, 2),
        (0, 0, 0, 0),
        (0, 0, 0, 1),
    ]
    assert (result.offered, result.completed) == ((3, 0, 0), (2, 0, 1))
    assert result.concurrency == pytest.approx((1 + 0) / 2)


def test_a_target_of_one_operation_counts_its_requests_alone() -> None:
    process, samples = Process(), SearchSamples([P95, OF_LIST])
    samples.add([process.requests(10, [150, 50], where=LISTING), process.requests(10, [3000], where=LOGGING_IN)])
    every, of_list = (own[0] for own in result_of(samples, VISIT, 10, 11).samples)

    assert (every.requests, every.total) == (3, 1)
    assert (of_list.requests, of_list.total) == (2, 1)


def test_what_waits_longer_than_its_limit_counts_as_too_slow_before_it_has_ended() -> None:
    samples = SearchSamples([P95, AVERAGE, FAILURES])
    samples.add([in_flight(14, (10, "reader", "policies.list", 5), (13, "reader", "policies.list", 2))])
    p95, average, failures = result_of(samples, VISIT, 10, 14).samples

    assert (p95[0].requests, p95[0].total, p95[0].begun) == (5, 5, 5)
    assert (p95[3].requests, p95[3].begun) == (0, 2)
    assert (average[0].requests, average[0].mean) == (5, 4000)
    assert (average[3].requests, average[3].mean) == (2, 1000)
    assert (failures[0].requests, failures[0].begun) == (0, 5)
    assert samples.in_flight == 7


def test_the_latest_report_of_a_process_counts_and_none_of_a_lost_one() -> None:
    samples = SearchSamples([P95])
    samples.add([in_flight(11, (10, "reader", "policies.list", 5), sequence=2), in_flight(10, sequence=1)])
    assert samples.in_flight == 5

    samples.add([WorkerLost("coordinator", 1, "1", 12.0, 10, "killed")])
    assert samples.in_flight == 0


def test_failed_requests_count_as_failures_and_never_as_quick() -> None:
    process, samples = Process(), SearchSamples([AVERAGE, FAILURES])
    samples.add(
        [
            process.requests(10, [100], [1.0], where=LISTING, kind=FailureKind.STATUS),
            process.requests(10, [], [60_000.0], where=LISTING, kind=FailureKind.TIMEOUT),
        ]
    )
    average, failures = (own[0] for own in result_of(samples, VISIT, 10, 11).samples)

    assert (average.requests, average.mean) == (2, 30_050)
    assert (failures.requests, failures.total) == (3, 2)
    assert average.begun == failures.begun == 3


def test_recovery_is_when_requests_that_are_due_are_quick_again() -> None:
    process, samples = Process(), SearchSamples([P95])
    slow = [process.requests(second, [9000] * 20, where=LISTING) for second in range(4)]
    quick = [process.requests(second, [50] * 20, where=LISTING) for second in range(4, 12)]
    samples.add([*slow, *quick])
    recovery = Visit(20, 60, VisitPhase.RECOVERY, 0, may_abort=False, until_concurrency=3)

    assert result_of(samples, recovery, 0, 12).recovered_s == 7
    assert result_of(samples, recovery, 0, 5).recovered_s is None
    assert result_of(samples, VISIT, 0, 12).recovered_s is None


def test_while_it_goes_on_a_visit_has_recovered_once_enough_of_its_requests_have_ended() -> None:
    process, samples = Process(), SearchSamples([P95])
    recovery = Visit(20, 60, VisitPhase.RECOVERY, 0, may_abort=False, until_concurrency=3)
    samples.add([process.requests(second, [50] * 20, where=LISTING) for second in range(4)])

    assert not samples.has_recovered(result_of(samples, recovery, 0, 4))  # those of the last 2 s may all be slow
    samples.add([process.requests(4, [50] * 20, where=LISTING)])
    assert samples.has_recovered(result_of(samples, recovery, 0, 5))
