"""Large tables that requests read from end to end, and which operations touch them most.

PostgreSQL's counts of sequential scans are what people look at for missing indexes. Reports that need every row read
tables so too, but not in every few requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from perfsuite.findings.cost import requests_in_run
from perfsuite.findings.series import TABLE_SCAN_ROWS, TABLE_SCANS, part_name
from perfsuite.format import number, quantity
from perfsuite.model import Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.timeseries import Track

LEAST_PER_REQUEST = 0.25
"""Every fourth request reads the table from end to end, on average."""
LEAST_ROWS = 1000.0
"""Rows that such a read comes to, on average: a LIMIT may end it early."""
FEWEST_SAMPLES = 10
_SHOWN = 3


def scanned(tracks: Mapping[str, Track], fingerprint: Fingerprint | None, summary: Summary) -> list[Finding]:
    """The table of which most rows were read so, where requests did that often; else []."""
    mark = part_name(TABLE_SCANS, "*").removesuffix("*")
    tables = [name.removeprefix(mark) for name in tracks if name.startswith(mark)]
    found = [one for table in tables if (one := _scanned(table, tracks, fingerprint, summary)) is not None]
    return [max(found, key=lambda one: one[0])[1]] if found else []


def _scanned(
    table: str, tracks: Mapping[str, Track], fingerprint: Fingerprint | None, summary: Summary
) -> tuple[float, Finding] | None:
    """Rows read a second, and the finding."""
    scans, rows = (tracks[part_name(metric, table)] for metric in (TABLE_SCANS, TABLE_SCAN_ROWS))
    seconds = {int(second) for second in scans.seconds}
    requests = sum(each.statistics.requests for each in summary.seconds if each.second in seconds)
    if len(seconds) < FEWEST_SAMPLES or not requests:
        return None
    per_s, rows_per_s = float(scans.known.mean()), float(rows.known.mean())
    per_request = per_s * len(seconds) / requests
    if per_request < LEAST_PER_REQUEST or rows_per_s < LEAST_ROWS * per_s:
        return None
    headline = (
        f"Table {table} was read from end to end {quantity(per_s, 'per second')}, {number(per_request)} times "
        f"per request, {number(round(rows_per_s / per_s))} rows each time, as where an index is missing"
    )
    evidence = (
        Evidence(scans.metric, f"full reads of {table}", None, per_s, scans.unit),
        Evidence(rows.metric, f"rows that these read of {table}", None, rows_per_s, rows.unit),
        *_touching(table, fingerprint, summary),
    )
    return rows_per_s, Finding(FindingKind.LIMIT, headline, "rows per request", evidence=evidence)


def _touching(table: str, fingerprint: Fingerprint | None, summary: Summary) -> list[Evidence]:
    """The operations whose statements name the table and touched most blocks in the run."""
    sent = requests_in_run(summary)
    named = re.compile(rf"\b{re.escape(table.rpartition('.')[2])}\b")
    costs = fingerprint.operations if fingerprint else ()
    blocks = {
        (cost.role, cost.operation): sum(one.shared_blocks.maximum for one in cost.statements if named.search(one.text))
        for cost in costs
    }
    most = sorted((key for key in blocks if blocks[key] and sent.get(key)), key=lambda key: -blocks[key] * sent[key])
    return [
        Evidence(
            "shared_blocks_per_request",
            f"{operation} as {role}: blocks that its statements with {table} touch per request",
            None,
            blocks[role, operation],
            "count",
        )
        for role, operation in most[:_SHOWN]
    ]
