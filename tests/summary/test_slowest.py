"""The slowest requests of the steady state, exact over processes and seconds."""

from __future__ import annotations

from typing import Any

import msgspec

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record, Requests
from perfsuite.measurements.slowest import SlowRequest
from perfsuite.model import SlowestRequest, Summary
from perfsuite.summary.summarize import build
from tests.summary.made_records import BROWSING, ROLES, START, Process, Where, make_plan, steady_run, times

CHECKING = ("reader", "checking", "users.me")


def requests(process: Process, second: int, took_ms: list[float], where: Where = BROWSING, **parts: Any) -> Requests:
    """Requests with ids that name their process, second and time."""
    slow = [
        SlowRequest(round(ms * 1000), 250_000, f"{process.name}/{second}/{ms:g}", 200, round(ms * 1000), **parts)
        for ms in took_ms
    ]
    record = process.requests(second, took_ms, where=where, ended=len(took_ms), service=took_ms)
    return msgspec.structs.replace(record, slowest=slow)


def summary_of(*records: Record) -> Summary:
    return build(make_plan(), Aggregate.of(steady_run(Process("c"), records)), preflight=None, roles=ROLES)


def ids(slowest: tuple[SlowestRequest, ...]) -> list[str]:
    return [request.request_id for request in slowest]


def test_the_ten_slowest_over_all_processes_and_seconds() -> None:
    one, two = Process("1"), Process("2")
    records = [
        requests(process, second, [second * 10.0 + index + shift for index in range(3)])
        for shift, process in ((0.0, one), (0.5, two))
        for second in (5, 8, 7, 6)
    ]

    assert ids(summary_of(*records).slowest) == [
        "2/8/82.5", "1/8/82", "2/8/81.5", "1/8/81", "2/8/80.5", "1/8/80", "2/7/72.5", "1/7/72", "2/7/71.5", "1/7/71",
    ]  # fmt: skip


def test_of_ramp_up_and_ramp_down_none_is_among_them() -> None:
    process = Process()
    records = [requests(process, second, [1000.0 * abs(second - 12)]) for second in (0, 3, 4, 21, 22, 23)]

    assert ids(summary_of(*records).slowest) == ["1/21/9000", "1/4/8000"]


def test_each_operation_has_its_own_in_the_order_of_the_rows() -> None:
    process = Process()
    records = [requests(process, 5, [9.0], where=CHECKING), requests(process, 5, [3.0])]

    assert [(one.behaviour, one.operation, one.response_ms) for one in summary_of(*records).slowest] == [
        ("browsing", "policies.list", 3.0),
        ("checking", "users.me", 9.0),
    ]


def test_the_parts_add_up_to_the_response_time() -> None:
    slow = SlowRequest(10_000, 250_000, "id", 503, 6_000, 4_000, 2_000, 1_500, "http status")
    sent = Process().requests(5, [], [10.0], ended=1, service=[6.0], server=[4.0], connects=[2.0], tls=[1.5])
    (found,) = summary_of(msgspec.structs.replace(sent, slowest=[slow])).slowest

    assert found == SlowestRequest(
        *BROWSING, "id", START + 5.25, 503, "http status", 10.0, 0.5, 6.0, connect_ms=2.0, tls_ms=1.5, server_ms=4.0
    )
    assert found.outside_ms == 2.0


def test_a_request_without_an_answer_has_no_status_and_no_parts_that_did_not_happen() -> None:
    slow = SlowRequest(10_000, 0, "id", 0, 10_000, failure="timeout")
    sent = Process().requests(5, [], [10.0], ended=1, service=[10.0])
    (found,) = summary_of(msgspec.structs.replace(sent, slowest=[slow])).slowest

    assert (found.status, found.failure) == (None, "timeout")
    assert (found.connect_ms, found.tls_ms, found.server_ms, found.outside_ms) == (None, None, None, None)


def test_server_times_that_no_figure_uses_are_not_shown_here_either() -> None:
    record = requests(Process(), 5, [10.0], server_us=0)

    (found,) = summary_of(msgspec.structs.replace(record, server=times([0.0]))).slowest
    assert (found.server_ms, found.outside_ms) == (None, None)


def test_without_a_steady_state_there_are_none() -> None:
    aggregate = Aggregate.of([requests(Process(), 5, [10.0])])

    assert build(make_plan(), aggregate, preflight=None, roles=ROLES).slowest == ()


def test_an_older_file_has_none() -> None:
    assert summary_of(Process().requests(5, [10.0])).slowest == ()
