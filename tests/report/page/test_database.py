"""Database cost: by operation from the fingerprint, in total from the monitors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import RunReport
from perfsuite.model.fingerprint import (
    Caching,
    CostState,
    ForeignStatement,
    OperationCost,
    Spread,
    StatementCost,
    StatementKind,
    Suspicion,
)
from perfsuite.report.page.database import database_cost
from tests.report import example_runs
from tests.report.made_readings import read
from tests.report.watched_run import HOSTILE_STATEMENT, fingerprint

LISTED = fingerprint().operations[0]
STATEMENT = StatementCost(
    "shape", HOSTILE_STATEMENT, ("1",), StatementKind.QUERY, Spread(18, 20), Spread(20, 20), Spread(40, 60), 2.25
)


def run(*operations: OperationCost) -> RunReport:
    return replace(example_runs.failed(), fingerprint=replace(fingerprint(), operations=operations))


def rows(*operations: OperationCost) -> list[list[str]]:
    table = database_cost(run(*operations)).table
    assert table is not None
    return [[cell.text for cell in row] for row in table.rows]


def test_figures_are_of_requests_that_no_cache_answered() -> None:
    assert rows(LISTED) == [["policies.list", "senior agent", "19–21", "38–40", "58–63", "4", "–", ""]]


def test_queries_a_second_are_at_most_those_of_every_request_sent() -> None:
    report = run(replace(LISTED, role="policyholder"))
    table = database_cost(report).table
    assert table is not None
    sent = sum(
        row.statistics.rps
        for row in report.summary.rows
        if (row.period, row.role, row.operation) == ("steady", "policyholder", "policies.list")
        and row.behaviour != "all"
    )
    assert float(table.rows[0][6].value) == pytest.approx(21 * sent, abs=0.001)


def test_what_is_not_known_is_a_dash_with_its_reason_and_comes_last() -> None:
    unknown = replace(LISTED, known=CostState.UNKNOWN, reason="other traffic", operation="leads.delete")
    left_out = replace(LISTED, known=CostState.NOT_MEASURED, reason="no data", operation="a.first")
    never = replace(LISTED, requests=(), operation="health.root")
    found = rows(left_out, unknown, never, LISTED)
    assert [row[0] for row in found] == ["policies.list", "health.root", "leads.delete", "a.first"]
    assert found[1][2:6] == ["0", "0", "0", "0"]
    assert found[2][2:] == ["–", "–", "–", "–", "–", "unknown: other traffic"]
    assert found[3][7] == "not measured: no data"


def test_suspicions_come_first_and_stand_out() -> None:
    many = replace(
        LISTED,
        operation="policies.page",
        suspicions=(
            Suspicion("shape", "SELECT", Spread(20, 20), Spread(20, 20)),
            Suspicion("b", "SELECT", Spread(2, 7), None),
        ),
        caching=Caching.REPEATS,
        writes=True,
        notes=("measured anew",),
    )
    found = rows(replace(LISTED, requests=LISTED.requests[:1]), many)
    assert found[0][0] == "policies.page"
    assert (
        found[0][7] == "possible N+1: one query runs 20 times for 20 rows; one query runs 2–7 times; writes; "
        "cached, at least in part; measured anew"
    )
    table = database_cost(run(many)).table
    assert table is not None
    assert [cell.alarm for cell in table.rows[0]] == [False, False, True, False, False, False, False, True]


def test_statements_behind_an_operation_are_found_from_its_row() -> None:
    begin = replace(STATEMENT, kind=StatementKind.TRANSACTION, text="BEGIN")
    cost = database_cost(run(LISTED, replace(LISTED, operation="users.me", statements=(STATEMENT, begin))))
    assert cost.table is not None
    assert [row[0].link for row in cost.table.rows] == ["", "cost-2"]
    (behind,) = cost.statements
    assert (behind.anchor, behind.title) == ("cost-2", "users.me as senior agent")
    assert [[cell.text for cell in row] for row in behind.table.rows] == [
        ["18–20", "20", "40–60", "2.25", "SELECT '</script><b>' FROM policies -- `|*_ [31m "],
        ["18–20", "20", "40–60", "2.25", "BEGIN"],
    ]
    assert [row[4].title for row in behind.table.rows] == ["", "transaction, not counted as a query"]


def test_notes_and_other_traffic() -> None:
    traffic = (ForeignStatement("SELECT 1", "", 7, 3.5),)
    taken = replace(fingerprint(), notes=("evictions are not told",), foreign=traffic)
    cost = database_cost(replace(example_runs.failed(), fingerprint=taken))
    assert cost.notes == ("evictions are not told",)
    assert cost.foreign is not None
    assert [[cell.text for cell in row] for row in cost.foreign.rows] == [["3.50", "unknown", "SELECT 1"]]


def test_totals_of_the_steady_state_are_per_request() -> None:
    base = example_runs.failed()
    assert base.summary.steady_start is not None
    requests = [second.statistics.requests for second in base.summary.seconds]
    readings = (
        *read("postgres.statements_calls_per_s", [3.0 * count for count in requests]),
        *read("postgres.wal_bytes_per_s", [2e6 * count if at % 2 else None for at, count in enumerate(requests)]),
        *read("postgres.cache_hit_percent", [99.0] * len(requests)),
        *read("redis.lookups_per_s", [9.0] * len(requests)),
    )
    cost = database_cost(replace(base, readings=readings, fingerprint=None))
    assert cost.totals == (
        ("Statements per request", "3"),
        ("Write-ahead log per request", "2 MB"),
        ("Cache hit ratio, median", "99 %"),
    )
    assert (cost.table, cost.statements) == (None, ())


def test_no_totals_without_a_steady_state() -> None:
    assert (
        database_cost(
            replace(example_runs.interrupted(), readings=read("postgres.statements_calls_per_s", [3.0]))
        ).totals
        == ()
    )
