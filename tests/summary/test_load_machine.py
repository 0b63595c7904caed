"""Failures on limits of the load machine, requests that were repeated, and connections by address."""

from __future__ import annotations

from typing import Any

from perfsuite.findings.steady_state import load_of
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Ledger, Record, WorkerJoined, WorkerLost
from perfsuite.model import AddressConnections, FailureKind, Reconciliation, RunLedger, Summary, WorkerLedger
from perfsuite.summary.summarize import Circumstances, build
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run, times


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


# ── what arrived from each load process ─────────────────────────────────────────────────────────────────────


def join(name: str, at: float, **more: Any) -> WorkerJoined:
    return WorkerJoined("coordinator", 1, name, "load-a", 4_711, START + at, **more)


def sent(name: str, requests: int, **more: Any) -> Ledger:
    return Ledger("coordinator", 2, name, "load-a", 60, 60, 1, requests, requests, START, START + 59, **more)


def test_an_older_file_has_no_ledger() -> None:
    assert summary_of(steady_run(Process(), [])).ledger is None


def test_the_ledger_is_what_the_file_says_beside_what_is_in_it() -> None:
    one = Process()
    summary = summary_of(
        [
            *steady_run(one, [one.requests(10, [1.0] * 5)]),
            join("b", 1.0, spare=True),
            join("a", -2.0, clock_offset_ms=1.0),
            sent("a", 5, clock_offset_ms=2.0, clock_uncertainty_ms=0.5),
        ]
    )

    b = WorkerLedger("b", "load-a", 4_711, START + 1.0, spare=True)
    a = WorkerLedger(
        "a", "load-a", 4_711, START - 2.0, False, 60, 60, 1, 5, 5, START, START + 59, False, 2.0, 0.5
    )  # fmt: skip
    assert summary.ledger == RunLedger((a, b), written=True, recorded=5)
    assert summary.ledger.balanced is False  # nothing is known of what b sent


def test_a_process_that_was_lost_before_it_could_say_what_it_sent() -> None:
    one = Process()
    lost = WorkerLost("coordinator", 1, "b", START + 30.0, 3, "silent")
    ledger = summary_of([*steady_run(one, [one.requests(10, [1.0] * 5)]), join("b", 0.0), sent("a", 5), lost]).ledger

    assert ledger is not None
    assert [worker.lost for worker in ledger.workers] == [True, False]
    assert ledger.balanced is None


def test_records_that_are_missing_by_their_numbers_count_though_others_were_merged() -> None:
    one = Process()
    summary = summary_of([*steady_run(one, []), join("a", 0.0), sent("a", 0, lost_records=3)])

    assert summary.generator.lost_reports == 3
