"""Tables that are read from end to end: how often for a request, how much, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Row
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.fingerprint import CostState, DatabaseInfo, Fingerprint, OperationCost, Spread, StatementCost
from perfsuite.model.fingerprint import StatementKind as Kind
from perfsuite.model.monitor import Reading
from tests.findings.simulated import FIRST_S, figures, made

SECONDS = 30
HEALTHY = made(7, SECONDS, 100.0)
REQUESTS = sum(each.statistics.requests for each in HEALTHY.summary.seconds)


def scans(table: str, per_s: float, rows_each: float, seconds: int = SECONDS) -> list[Reading]:
    metrics = {"postgres.table_full_scans_per_s": per_s, "postgres.table_full_scan_rows_per_s": per_s * rows_each}
    return [
        Reading(FIRST_S + at + 1.0, f"postgres/{table}", metric, value, "per second")
        for at in range(seconds)
        for metric, value in metrics.items()
    ]


def told(readings: list[Reading], fingerprint: Fingerprint | None = None) -> list[Finding]:
    rows = (Row("steady", "agent", "browsing", "policies.list", figures(900, 0, 9.0)),)
    summary = replace(HEALTHY.summary, rows=rows)
    return [finding for finding in find(summary, Observations(readings, fingerprint)) if finding.unusual]


def cost(operation: str, text: str, blocks: int) -> OperationCost:
    spread = Spread(blocks, blocks)
    statement = StatementCost("a", text, (), Kind.QUERY, Spread(1, 1), Spread(20, 20), spread, 1.0)
    return OperationCost("agent", operation, "GET", "/p", False, CostState.YES, statements=(statement,))


def test_a_table_that_every_other_request_reads_is_told_with_how_often_and_how_much() -> None:
    (finding,) = told(scans("policies", 50.0, 5000.0))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.LIMIT, "rows per request", None)
    assert finding.headline.code is FindingMessage.FULL_SCANS
    assert finding.headline.fields == {
        "table": "policies", "per_s": 50.0, "per_request": 50 * SECONDS / REQUESTS, "rows": 5000,
    }  # fmt: skip
    assert [(row.metric, row.after) for row in finding.evidence] == [
        ("postgres.table_full_scans_per_s", 50.0),
        ("postgres.table_full_scan_rows_per_s", 250_000.0),
    ]


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param(scans("premiums", 8.0, 20_000.0), id="reports that read everything, in one of twelve requests"),
        pytest.param(scans("policies", 50.0, 40.0), id="a LIMIT ends each of them early"),
        pytest.param(scans("policies", 50.0, 5000.0, seconds=9), id="too few samples"),
        pytest.param(scans("policies", 0.0, 5000.0), id="never"),
    ],
)
def test_what_a_healthy_target_does_is_not_told(readings: list[Reading]) -> None:
    assert told(readings) == []


def test_of_several_tables_the_one_with_most_rows_is_told() -> None:
    (finding,) = told(scans("leads", 40.0, 1000.0) + scans("policies", 30.0, 5000.0))

    assert finding.headline.fields["table"] == "policies"


def test_the_fingerprint_tells_which_operations_touch_most_of_the_table() -> None:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    costs = (
        cost("policies.list", "SELECT … FROM policies WHERE agent_id = $1", 221),
        cost("policies.read", "SELECT … FROM old_policies WHERE id = $1", 300),
        cost("users.me", "SELECT … FROM users WHERE id = $1", 400),
    )
    fingerprint = Fingerprint("r", "h", "2026-03-01T09:30:00Z", 2, database, costs)
    (finding,) = told(scans("policies", 50.0, 5000.0), fingerprint)

    assert [(row.label, row.after) for row in finding.evidence[2:]] == [
        ("policies.list as agent: blocks that its statements with policies touch per request", 221)
    ]
