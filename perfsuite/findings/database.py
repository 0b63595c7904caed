"""What the application asks of its database: N+1, higher costs, full reads of large tables, and its sessions.

PostgreSQL's counts of sequential scans are what people look at for missing indexes. Reports that need every row read
tables so too, but not in every few requests. A session that stays idle in a transaction keeps its locks, and keeps
PostgreSQL from removing dead rows. A connection of its own for each request costs a process of PostgreSQL and a login
each time.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from perfsuite.findings.steady_state import TABLE_SCAN_ROWS, TABLE_SCANS, part_name
from perfsuite.format import number_range
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import ALL, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.fingerprint import Difference, Fingerprint, OperationCost, Spread, Suspicion
from perfsuite.model.monitor import Reading
from perfsuite.model.periods import STEADY
from perfsuite.model.readings import of_metrics
from perfsuite.timeseries import Track

FEWEST_SAMPLES = 10
CHANGE_FACTOR, CHANGE_LEAST = 1.5, 20.0
"""Rows and blocks of the same statements grow a little with the data; queries do not, so any more of them count."""
_MOST_CHANGES = 5
_ORDER = ("queries", "caching", "shared_blocks", "rows", "temp_blocks")
_NAMES = {
    "queries": "queries",
    "rows": "rows read or returned",
    "shared_blocks": "blocks touched",
    "temp_blocks": "blocks of temporary files",
}
QUERIES, ROWS = "queries per request", "rows per request"
_FIGURES = {QUERIES: "queries", ROWS: "shared_blocks"}
"""Resource → the figure of the fingerprint that shows which operation asked for more of it."""
_MOST_SHOWN = 4
_TEXT = 100

LEAST_PER_REQUEST = 0.25
"""Every fourth request reads the table from end to end, on average."""
LEAST_ROWS = 1000.0
"""Rows of such a read, on average: a LIMIT may end it early."""
_MOST_OPERATIONS = 3

IDLE_IN_TRANSACTION_S = 10.0
"""No request of the API takes so long between two statements."""
OPENED_PER_REQUEST, OPENED_PER_S = 0.4, 1.0
"""About as many sessions as requests, many of which a cache answers; and more than monitors and jobs open."""
_IDLE = "postgres.longest_idle_in_transaction_s"
_OPENED = "postgres.sessions_opened_per_s"

_Suspected = tuple[OperationCost, Suspicion]


def _requests_in_run(summary: Summary) -> Mapping[tuple[str, str], int]:
    """Role and operation → requests in the steady state."""
    sent: dict[tuple[str, str], int] = defaultdict(int)
    for row in summary.rows:
        if row.period == STEADY and ALL not in (row.role, row.behaviour, row.operation):
            sent[row.role, row.operation] += row.statistics.requests
    return sent


# ── N+1 ─────────────────────────────────────────────────────────────────────────────────────────────────────


def suspected(fingerprint: Fingerprint | None, summary: Summary) -> list[Finding]:
    """A finding for each statement that looks like N+1, whatever operations run it; most queries first."""
    sent = _requests_in_run(summary)

    def calls_in_run(pair: _Suspected) -> float:
        cost, suspicion = pair
        return suspicion.calls.maximum * (1 + sent.get((cost.role, cost.operation), 0))

    by_shape: dict[str, list[_Suspected]] = defaultdict(list)
    for cost in fingerprint.operations if fingerprint else ():
        for suspicion in cost.suspicions:
            by_shape[suspicion.shape].append((cost, suspicion))
    groups = [sorted(group, key=calls_in_run, reverse=True) for group in by_shape.values()]
    groups.sort(key=lambda group: sum(map(calls_in_run, group)), reverse=True)
    return [_n_plus_one(group) for group in groups]


def _n_plus_one(group: Sequence[_Suspected]) -> Finding:
    cost, suspicion = group[0]
    fields = {
        "operation": cost.operation,
        "role": cost.role,
        "queries": int(suspicion.calls.maximum),
        "statement": _shortened(suspicion.text),
    }
    rows = suspicion.answered_rows
    headline = FindingMessage.N_PLUS_ONE(**fields)
    if rows is not None:
        headline = FindingMessage.N_PLUS_ONE_FOR_ROWS(rows=int(rows.maximum), **fields)
    others = list(dict.fromkeys(other.operation for other, _ in group if other.operation != cost.operation))
    headline = headline.also(FindingMessage.SAME_STATEMENT(operations=others) if others else None)
    evidence = tuple(
        Evidence(
            "queries_per_request",
            f"{other.operation} as {other.role}: queries of this kind per request",
            None,
            each.calls.maximum,
            "count",
        )
        for other, each in group
    )
    return Finding(FindingKind.COST, headline, QUERIES, None, cost.role, cost.operation, evidence)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[: _TEXT - 1] + "…"


# ── costs that changed ──────────────────────────────────────────────────────────────────────────────────────


def with_operation(finding: Finding, grown: Sequence[Difference], summary: Summary) -> Finding:
    """A finding that requests ask more of the database, with the operation that asks most; any other as it is."""
    most = _grown_most(grown, _FIGURES.get(finding.resource, ""), summary)
    if not most or finding.kind in (FindingKind.COST, FindingKind.CHANGE):
        return finding
    return replace(
        finding,
        headline=finding.headline.also(FindingMessage.MEASURED_ALONE(costs=_costs(most[0]))),
        role=most[0].role,
        operation=most[0].operation,
        evidence=(*finding.evidence, *_grown_rows(most)),
    )


def more_queries(grown: Sequence[Difference], summary: Summary) -> list[Finding]:
    """The same by itself: queries are counted exactly, so no reading is needed to show it."""
    most = _grown_most(grown, "queries", summary)
    if not most:
        return []
    first, rows = most[0], tuple(_grown_rows(most))
    headline = FindingMessage.MORE_QUERIES(costs=_costs(first))
    return [Finding(FindingKind.CHANGE, headline, QUERIES, None, first.role, first.operation, rows)]


def _grown_most(grown: Sequence[Difference], metric: str, summary: Summary) -> list[Difference]:
    """What grew clearly in this figure, that first which added most in the run."""
    sent = _requests_in_run(summary)

    def added(each: Difference) -> float:
        return (each.after.maximum - each.before.maximum) * (1 + sent.get((each.role, each.operation), 0))

    worse = (each for each in grown if each.metric == metric and each.worse and _clearly(each))
    return sorted(worse, key=added, reverse=True)


def _costs(grown: Difference) -> Message:
    return FindingMessage.COSTS(
        operation=grown.operation,
        role=grown.role,
        before=_range(grown.before),
        after=_range(grown.after),
        figure=_NAMES[grown.metric],
    )


def _grown_rows(most: Sequence[Difference]) -> list[Evidence]:
    return [
        Evidence(
            f"{each.metric}_per_request",
            f"{each.operation} as {each.role}: {_NAMES[each.metric]} per request, alone, before and after the load",
            each.before.maximum,
            each.after.maximum,
            "count",
        )
        for each in most[:_MOST_SHOWN]
    ]


def changed(differences: Sequence[Difference]) -> list[Finding]:
    """The operations that cost clearly more than before, at most five; one finding for each, its worst figure first."""
    by_operation: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in differences:
        if difference.worse and _clearly(difference):
            by_operation[difference.role, difference.operation].append(difference)
    groups = [sorted(group, key=_severity) for group in by_operation.values()]
    return [_change(group) for group in sorted(groups, key=lambda group: _severity(group[0]))[:_MOST_CHANGES]]


def _severity(difference: Difference) -> tuple[int, float]:
    return _ORDER.index(difference.metric), difference.before.maximum - difference.after.maximum


def _clearly(difference: Difference) -> bool:
    before, after = difference.before.maximum, difference.after.maximum
    if difference.metric in ("queries", "caching", "temp_blocks"):
        return True
    return after >= before * CHANGE_FACTOR and after - before >= CHANGE_LEAST


def _change(group: Sequence[Difference]) -> Finding:
    first = group[0]
    differences = [_difference(difference) for difference in group]
    headline = FindingMessage.COSTLIER(operation=first.operation, role=first.role, differences=differences)
    evidence = tuple(
        Evidence(
            f"{difference.metric}_per_request",
            f"{_NAMES.get(difference.metric, 'answers from a cache')} per request",
            difference.before.maximum,
            difference.after.maximum,
            "count",
        )
        for difference in group
    )
    resource = {"queries": QUERIES, "caching": "cache"}.get(first.metric, ROWS)
    return Finding(FindingKind.CHANGE, headline, resource, None, first.role, first.operation, evidence)


def _difference(difference: Difference) -> Message:
    if difference.metric == "caching":
        return FindingMessage.CACHE_LOST()
    before, after = _range(difference.before), _range(difference.after)
    return FindingMessage.DIFFERENCE(before=before, after=after, figure=_NAMES[difference.metric])


def _range(spread: Spread) -> str:
    return number_range(spread.minimum, spread.maximum)


# ── full reads of large tables ──────────────────────────────────────────────────────────────────────────────


def full_scans(tracks: Mapping[str, Track], fingerprint: Fingerprint | None, summary: Summary) -> list[Finding]:
    """The table of which full reads took most rows, where requests caused many of them; else []."""
    mark = part_name(TABLE_SCANS, "")
    tables = [name.removeprefix(mark) for name in tracks if name.startswith(mark)]
    found = [one for table in tables if (one := _scanned(table, tracks, fingerprint, summary)) is not None]
    return [max(found, key=lambda one: one[0])[1]] if found else []


def _scanned(
    table: str, tracks: Mapping[str, Track], fingerprint: Fingerprint | None, summary: Summary
) -> tuple[float, Finding] | None:
    """Rows read a second, and the finding."""
    scans, rows = (tracks[part_name(metric, table)] for metric in (TABLE_SCANS, TABLE_SCAN_ROWS))
    seconds, requests = _counted(scans, summary)
    if seconds < FEWEST_SAMPLES or not requests:
        return None
    per_s, rows_per_s = float(scans.known.mean()), float(rows.known.mean())
    per_request = per_s * seconds / requests
    if per_request < LEAST_PER_REQUEST or rows_per_s < LEAST_ROWS * per_s:
        return None
    headline = FindingMessage.FULL_SCANS(
        table=table,
        per_s=per_s,
        per_request=per_request,
        rows=round(rows_per_s / per_s),
    )
    evidence = (
        Evidence(scans.metric, f"full reads of {table}", None, per_s, scans.unit),
        Evidence(rows.metric, f"rows read by full reads of {table}", None, rows_per_s, rows.unit),
        *_touching(table, fingerprint, summary),
    )
    return rows_per_s, Finding(FindingKind.LIMIT, headline, ROWS, evidence=evidence)


def _counted(track: Track, summary: Summary) -> tuple[int, int]:
    """In how many seconds the metric was read, and the requests of those."""
    seconds = {int(second) for second in track.seconds}
    return len(seconds), sum(each.statistics.requests for each in summary.seconds if each.second in seconds)


def _touching(table: str, fingerprint: Fingerprint | None, summary: Summary) -> list[Evidence]:
    """The operations whose statements name the table and touched most blocks in the run."""
    sent = _requests_in_run(summary)
    named = re.compile(rf"\b{re.escape(table.rpartition('.')[2])}\b")
    blocks = {
        (cost.role, cost.operation): sum(one.shared_blocks.maximum for one in cost.statements if named.search(one.text))
        for cost in (fingerprint.operations if fingerprint else ())
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
        for role, operation in most[:_MOST_OPERATIONS]
    ]


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────


def sessions(tracks: Mapping[str, Track], readings: Sequence[Reading], summary: Summary) -> list[Finding]:
    """Idle in a transaction at any time that was monitored; a connection per request over the steady state."""
    found = (_idle_in_transaction(readings, summary), _connection_per_request(tracks, summary))
    return [finding for finding in found if finding is not None]


def _idle_in_transaction(readings: Sequence[Reading], summary: Summary) -> Finding | None:
    known = [(each.value, each.at_s) for each in of_metrics(readings, _IDLE.__eq__) if each.value is not None]
    longest_s, seen_s = max(known, default=(0.0, 0.0))
    if longest_s <= IDLE_IN_TRANSACTION_S:
        return None
    since_s: int | None = math.floor(seen_s - longest_s)
    headline = FindingMessage.IDLE_IN_TRANSACTION(for_s=round(longest_s), at=since_s)
    if not summary.seconds or since_s is None or since_s < summary.seconds[0].second:
        since_s = None
        headline = FindingMessage.IDLE_SINCE_BEFORE(for_s=round(longest_s))
    row = Evidence(_IDLE, "longest time idle in a transaction", None, longest_s, "s", since_s)
    return Finding(FindingKind.INCIDENT, headline, "transactions", since_s, evidence=(row,))


def _connection_per_request(tracks: Mapping[str, Track], summary: Summary) -> Finding | None:
    absent, opened = tracks.get("pool.absent"), tracks.get(_OPENED)
    no_pool = absent is not None and bool((absent.known >= 1).any())
    per_s, requests_per_s = 0.0, 0.0
    rows = []
    if opened is not None and opened.known.size >= FEWEST_SAMPLES:
        seconds, requests = _counted(opened, summary)
        per_s, requests_per_s = float(opened.known.mean()), requests / seconds
        rows.append(Evidence(_OPENED, "sessions opened to the database", None, per_s, opened.unit))
    if not no_pool and per_s < max(OPENED_PER_REQUEST * requests_per_s, OPENED_PER_S):
        return None
    counted = FindingMessage.OPENED(sessions=per_s, requests=requests_per_s)
    if no_pool:
        headline = FindingMessage.NO_POOL()
        if per_s >= OPENED_PER_S:
            headline = FindingMessage.NO_POOL_COUNTED(opened=counted)
        rows.append(Evidence("pool.absent", "no pool of connections (1: none, 0: one)", None, 1.0, "count"))
    else:
        headline = FindingMessage.CONNECTION_PER_REQUEST(opened=counted).also(_beside_pool(tracks), separator=", ")
    return Finding(FindingKind.CONFIGURATION, headline, "connection per request", evidence=tuple(rows))


def _beside_pool(tracks: Mapping[str, Track]) -> Message | None:
    size = tracks.get("pool.size")
    if size is None or not size.known.size:
        return None
    return FindingMessage.BESIDE_POOL(size=float(size.known[-1]))
