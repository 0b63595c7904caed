"""The tables of the load processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.format import clean
from perfsuite.model import RunLedger
from perfsuite.report.page.tables import PageTable
from perfsuite.report.page.workers import worker_tables
from tests.report import example_runs
from tests.report.example_runs import HOSTILE, WORKERS


def tables(ledger: RunLedger | None) -> dict[str, PageTable]:
    summary = replace(example_runs.open_model().summary, ledger=ledger)
    return {table.name: table for table in worker_tables(summary)}


def texts(table: PageTable) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


@pytest.mark.parametrize(
    "ledger",
    [
        pytest.param(None, id="an older file"),
        pytest.param(RunLedger(WORKERS[:1], written=True, recorded=900), id="one load process"),
    ],
)
def test_there_is_none_where_it_says_nothing(ledger: RunLedger | None) -> None:
    assert tables(ledger) == {}


def test_what_arrived_from_whom_and_who_was_lost() -> None:
    workers = tables(RunLedger(WORKERS, written=True, recorded=1_460))["workers"]

    killed = "00:31: was killed by signal SIGKILL"
    assert texts(workers) == [
        ["1", "load-a", "4711", "00:00", "no", "61 of 61", "900", "-12.2 ± 0.40", ""],
        ["2", clean(HOSTILE), "4712", "00:00", "no", "31 of ?", "300", "–", killed],
        ["3", "load-b", "17", "00:12", "yes", "49 of 50", "260", "3,000 ± 80.5", ""],
    ]
    assert [[cell.alarm for cell in row].count(True) for row in workers.rows] == [0, 1, 1]


def test_what_happened_when() -> None:
    events = tables(RunLedger(WORKERS, written=True, recorded=1_460))["worker-events"]

    assert texts(events) == [
        ["00:12", "3 joined from load-b as a spare"],
        ["00:31", "2 was lost with 6 users: was killed by signal SIGKILL"],
    ]


def test_the_caption_says_whether_the_ledger_balances() -> None:
    whole = (WORKERS[0], replace(WORKERS[2], received=50))
    captions = {
        tables(RunLedger(workers, written, sum(one.requests for one in workers)))["workers"].caption
        for workers, written in ((WORKERS, True), (whole, True), ((whole[0], WORKERS[1]), True), (WORKERS, False))
    }

    assert len(captions) == 4
