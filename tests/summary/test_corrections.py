"""The server's own times over a whole run: used where they can be, and then nothing outside is ever negative."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record, Requests
from perfsuite.model import Remark, ServerTimes, Summary
from perfsuite.report.files.csv_files import stats_csv, stats_history_csv
from perfsuite.summary import build
from tests.summary.made_records import ROLES, Process, make_plan, steady_run

IN_MS = Remark("X-Process-Time", "it looks like milliseconds", "12.3 for an answer that took 4.0 ms")
NEGATIVE = Remark("X-Process-Time", "it is negative", "-1 for an answer that took 4.0 ms")


def answers(one: Process, second: int, server_ms: float | None, *remarks: Remark, number: int = 10) -> Requests:
    """Answers of 4 ms each; without a server's time where it was ignored."""
    server = [] if server_ms is None else [server_ms] * number
    record = one.requests(second, [4.0] * number, service=[4.0] * number, server=server, ended=number)
    return msgspec.structs.replace(record, remarks=list(remarks))


def summary_of(records: list[Record]) -> Summary:
    return build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES)


def figures(summary: Summary) -> set[tuple[float | None, float | None, int]]:
    """Server, outside and how many reported: of everything that has requests."""
    parts = [row.breakdown for row in (*summary.rows, *summary.second_rows) if row.statistics.requests]
    parts += [second.breakdown for second in summary.seconds if second.statistics.requests]
    return {(part.server_avg_ms, part.outside_avg_ms, part.server_told) for part in parts if part.service_avg_ms}


def test_times_that_can_be_are_used() -> None:
    one = Process()
    summary = summary_of(steady_run(one, [answers(one, 5, 3.0), answers(one, 6, 3.0)]))

    assert summary.server_times == ServerTimes(20, 0)
    assert {(server, outside) for server, outside, _ in figures(summary)} == {(3.0, 1.0)}


def test_a_server_time_a_little_above_the_service_time_leaves_nothing_outside_and_never_less() -> None:
    one = Process()
    summary = summary_of(steady_run(one, [answers(one, second, 4.9) for second in range(5, 20)]))

    assert summary.server_times.used
    assert {(server, outside) for server, outside, _ in figures(summary)} == {(4.9, 0.0)}
    for line in (stats_csv(summary) + stats_history_csv(summary)).splitlines():
        assert not any(cell.startswith("-") for cell in line.split(","))


@pytest.mark.parametrize(
    ("ignored", "used"),
    [
        pytest.param(1, True, id="one in a hundred is left out by itself"),
        pytest.param(2, False, id="two in a hundred: no other is trusted either"),
    ],
)
def test_what_cannot_be_in_more_than_one_of_a_hundred_answers_spoils_all(ignored: int, used: bool) -> None:
    one = Process()
    good = [answers(one, 5 + number, 3.0, number=(100 - ignored) // 2) for number in range(2)]
    odd = answers(one, 8, 3.0, number=(100 - ignored) % 2)
    bad = answers(one, 9, None, replace(IN_MS, count=ignored), number=ignored)
    summary = summary_of(steady_run(one, [*good, odd, bad]))

    assert summary.server_times == ServerTimes(100, ignored, used=used)
    assert {server for server, _, told in figures(summary) if told} == ({3.0} if used else set())
    assert summary.remarks == (replace(IN_MS, count=ignored),)


def test_a_time_that_is_always_0_is_no_time() -> None:
    one = Process()
    summary = summary_of(steady_run(one, [answers(one, second, 0.0) for second in range(5, 20)]))

    assert summary.server_times == ServerTimes(150, 0, used=False, zeros=150)
    assert figures(summary) == {(None, None, 0)}


@pytest.mark.parametrize(("zeros", "used"), [(40, True), (60, False)])
def test_a_clock_that_is_too_coarse(zeros: int, used: bool) -> None:
    one = Process()
    records = [answers(one, 5, 0.0, number=zeros), answers(one, 6, 1.0, number=100 - zeros)]

    assert summary_of(steady_run(one, records)).server_times.used is used


def test_a_file_of_before_holds_milliseconds_taken_for_seconds() -> None:
    """What was reported went into the file as it came."""
    one = Process()
    summary = summary_of(steady_run(one, [answers(one, second, 12_300.0) for second in range(5, 20)]))

    assert summary.server_times == ServerTimes(150, 0, used=False)
    assert figures(summary) == {(None, None, 0)}


def test_without_any_report_nothing_is_known_and_nothing_ignored() -> None:
    one = Process()
    summary = summary_of(steady_run(one, [one.requests(5, [4.0] * 10, service=[4.0] * 10, ended=10)]))

    assert (summary.server_times, summary.remarks) == (ServerTimes(), ())


def test_remarks_of_all_processes_add_up_the_most_frequent_first() -> None:
    one, two = Process("1"), Process("2")
    many: list[Any] = [answers(one, second, None, IN_MS, NEGATIVE) for second in (7, 6, 5)]
    later = replace(IN_MS, example="5 for an answer that took 1.0 ms", count=4)
    summary = summary_of(steady_run(one, [*many, answers(two, 8, None, later)]))

    assert summary.remarks == (replace(IN_MS, count=7), replace(NEGATIVE, count=3))
