"""Failures on limits of the load machine, requests that were repeated, and connections by address."""

from __future__ import annotations

from perfsuite.findings.steady_state import load_of
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import AddressConnections, FailureKind, Reconciliation, Summary
from perfsuite.summary.summarize import Circumstances, build
from tests.summary.made_records import ROLES, Process, make_plan, steady_run, times


def summary_of(records: list[Record], backend_log: int | None = None) -> Summary:
    circumstances = Circumstances(backend_log=backend_log)
    return build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES, circumstances=circumstances)


def out_of_ports(one: Process, second: int, count: int = 5) -> Record:
    return one.requests(second, [1.0] * 5, [0.1] * count, kind=FailureKind.GENERATOR, message="no port")


def test_they_are_failures_in_the_tables_and_in_no_time_that_is_judged() -> None:
    one = Process()
    summary = summary_of(steady_run(one, [out_of_ports(one, 10)]))
    assert (summary.totals.requests, summary.totals.failures) == (10, 5)
    assert (summary.totals_ok.requests, summary.totals_ok.min_ms) == (5, 1.0)


def test_they_do_not_say_whether_the_target_answers() -> None:
    """The target is neither lost nor out when nothing can be sent to it."""
    one = Process()
    nothing = [one.requests(s, [], [0.1] * 9, kind=FailureKind.GENERATOR, message="no port") for s in range(10, 22)]
    summary = summary_of(steady_run(one, [one.requests(5, [1.0] * 9), *nothing]))
    assert (summary.target_lost_at, summary.outages) == (None, ())


def test_a_target_that_stops_answering_meanwhile_is_lost_all_the_same() -> None:
    one = Process()
    both = [
        record
        for second in range(10, 22)
        for record in (
            one.requests(second, [], [0.1] * 9, kind=FailureKind.GENERATOR, message="no port"),
            one.requests(second, [], [0.1], kind=FailureKind.CONNECTION_REFUSED, message="connection refused"),
        )
    ]
    summary = summary_of(steady_run(one, [one.requests(5, [1.0] * 9), *both]))
    assert summary.target_lost_at is not None
    assert [(outage.failed, outage.message) for outage in summary.outages] == [(12, "connection refused")]


def test_findings_do_not_see_them() -> None:
    one = Process()
    broken = [one.requests(15, [], [1.0] * 2, message="HTTP 500")]
    summary = summary_of(steady_run(one, [*(out_of_ports(one, second) for second in range(10, 20)), *broken]))
    load = load_of(summary)
    assert load is not None
    assert load.failures.sum() == 2


# ── repeated requests ───────────────────────────────────────────────────────────────────────────────────────


def repeated(backend_log: int | None = None, retries: int = 2, unrecorded: int = 0) -> Reconciliation:
    """10 requests, two of which were repeated."""
    one = Process()
    records = [one.requests(5, [1.0] * 6, retries=2), one.requests(6, [1.0] * 4)]
    end = one.end(10, 10 + unrecorded, unrecorded, retries)
    summary = summary_of(steady_run(one, [*records, end]), backend_log)
    assert (summary.totals.requests, summary.whole_run.retries) == (10, 2)
    return summary.reconciliation


def test_a_repeated_request_counts_once_everywhere() -> None:
    counts = repeated(backend_log=10)
    assert (counts.recorded, counts.sent, counts.locust_total, counts.backend_log) == (10, 10, 10, 10)
    assert (counts.repeated, counts.retries, counts.agrees) == (2, 2, True)


def test_repetitions_that_only_the_client_or_only_the_recorder_counted_disagree() -> None:
    assert repeated(retries=3).differences == {"sent": 0, "locust_total": 0, "retries": 1}
    assert not repeated(retries=1).agrees


def test_a_request_that_was_not_recorded_may_have_been_repeated() -> None:
    assert repeated(retries=3, unrecorded=1).agrees


def test_a_request_that_never_left_is_in_every_count_but_the_targets() -> None:
    one = Process()
    records = steady_run(one, [out_of_ports(one, 5), one.end(10, 10)])
    counts = summary_of(records, backend_log=5).reconciliation
    assert (counts.recorded, counts.never_left, counts.agrees) == (10, 5, True)
    assert summary_of(records, backend_log=6).reconciliation.differences["backend_log"] == 1


# ── connections by address ──────────────────────────────────────────────────────────────────────────────────


def test_connections_add_up_over_processes_and_seconds() -> None:
    one, two = Process("1"), Process("2")
    reports = [
        one.generator(5, 1.0, connections={"10.0.0.1:80": 3}, no_answer={"10.0.0.2:80": times([100.0, 300.0])}),
        one.generator(6, 1.0, connections={"10.0.0.1:80": 1}),
        two.generator(5, 1.0, connections={"10.0.0.2:80": 2}, no_answer={"10.0.0.2:80": times([2_000.0])}),
    ]
    assert summary_of(steady_run(one, reports)).connections == (
        AddressConnections("10.0.0.1:80", 4),
        AddressConnections("10.0.0.2:80", 2, 3, 800.0, 2_000.0),
    )
    assert summary_of(steady_run(one, [one.generator(5, 1.0)])).connections == ()
