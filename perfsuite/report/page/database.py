"""The database cost of each operation, as the fingerprint measured it, and of the whole load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perfsuite.format import UNKNOWN, number, quantity
from perfsuite.model import ALL, RunReport, Summary
from perfsuite.model.fingerprint import (
    CostState,
    Fingerprint,
    OperationCost,
    Spread,
    StatementCost,
    StatementKind,
    Suspicion,
)
from perfsuite.model.monitor import Reading
from perfsuite.model.periods import STEADY
from perfsuite.model.readings import of_metrics
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import clean, exact, rounded
from perfsuite.timeseries import Floats, Track, middle, requests_by_second, tracks_of

_PER_REQUEST = (
    ("Statements", "postgres.statements_calls_per_s", "count"),
    ("Time in statements", "postgres.statements_exec_ms_per_s", "ms"),
    ("Rows read", "postgres.rows_read_per_s", "count"),
    ("Blocks not found in shared buffers", "postgres.block_reads_per_s", "count"),
    ("Write-ahead log", "postgres.wal_bytes_per_s", "bytes"),
)
_CACHE_HIT = "postgres.cache_hit_percent"
_COST_COLUMNS = (
    Column("Operation", number=False),
    Column("Role", number=False),
    Column("Queries", hint="per request, without BEGIN, COMMIT and similar"),
    Column("Rows", hint="returned or changed by these queries"),
    Column("Blocks", hint="shared blocks accessed, cached or not; 8 KiB each"),
    Column("Exec ms", hint="execution time in PostgreSQL, mean per request"),
    Column(
        "Queries/s",
        hint="queries × requests per second in the steady state; an upper bound, since caches answer some requests",
    ),
    Column(
        "Remarks",
        number=False,
        hint="cached: a repeated request ran fewer queries, or none; N+1: about one query for each row",
    ),
)
_STATEMENT_COLUMNS = (
    Column("Calls", hint="per request"),
    Column("Rows"),
    Column("Blocks"),
    Column("Exec ms", hint="mean per request"),
    Column("Statement", number=False, hint="$1 stands for a value; values are not stored"),
)


@dataclass(frozen=True, slots=True)
class OperationStatements:
    """The SQL statements of one operation as one role."""

    anchor: str
    title: str
    table: PageTable


@dataclass(frozen=True, slots=True)
class DatabaseCost:
    """`table` is None if nothing was measured. `totals`: term and text, for the whole load."""

    table: PageTable | None
    statements: tuple[OperationStatements, ...]
    notes: tuple[str, ...]
    foreign: PageTable | None
    totals: tuple[tuple[str, str], ...]


def database_cost(report: RunReport) -> DatabaseCost:
    """The database cost by operation if a fingerprint was taken, and of the whole load if PostgreSQL was monitored."""
    totals = tuple(_totals(report.summary, report.readings))
    fingerprint = report.fingerprint
    if fingerprint is None:
        return DatabaseCost(None, (), (), None, totals)
    behind = tuple(
        _statements(number, cost) for number, cost in enumerate(fingerprint.operations, 1) if cost.statements
    )
    return DatabaseCost(
        table=_table(fingerprint, report.summary, {each.anchor for each in behind}),
        statements=behind,
        notes=tuple(map(clean, fingerprint.notes)),
        foreign=_foreign(fingerprint),
        totals=totals,
    )


def _table(fingerprint: Fingerprint, summary: Summary, anchors: set[str]) -> PageTable:
    per_s = _requests_per_s(summary)
    rows = [
        (
            _order(cost),
            _row(cost, f"cost-{place}" if f"cost-{place}" in anchors else "", per_s.get((cost.role, cost.operation))),
        )
        for place, cost in enumerate(fingerprint.operations, 1)
    ]
    ordered = tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))
    info = fingerprint.database
    caption = (
        f"{len(rows)} operations by role, suspicious ones first. Cost per request, measured by one user without other"
        f" load: {fingerprint.repeats} requests each after a warm-up; requests that a cache answered are left out."
        f" PostgreSQL {info.server_version}, database {info.name}."
    )
    return PageTable("cost", "Database cost per operation", clean(caption), _COST_COLUMNS, ordered)


def _order(cost: OperationCost) -> tuple[int, float, str, str]:
    """Sort key: suspicious operations first, then the most queries; unknown ones last."""
    order = (CostState.YES, CostState.UNKNOWN, CostState.NOT_MEASURED).index(cost.known)
    queries = cost.queries
    return order - bool(cost.suspicions), -(queries.maximum if queries else 0.0), cost.operation, cost.role


def _requests_per_s(summary: Summary) -> Mapping[tuple[str, str], float]:
    """Role and operation → requests per second in the steady state."""
    rates: dict[tuple[str, str], float] = defaultdict(float)
    for row in summary.rows:
        if row.period == STEADY and ALL not in (row.role, row.behaviour, row.operation):
            rates[row.role, row.operation] += row.statistics.rps
    return rates


def _row(cost: OperationCost, anchor: str, per_s: float | None) -> tuple[Cell, ...]:
    head = (
        Cell(clean(cost.operation), title=clean(f"{cost.method} {cost.path}"), link=anchor),
        Cell(clean(cost.role.replace("_", " "))),
    )
    queries = cost.queries
    if queries is None:
        blank = Cell(UNKNOWN, title=clean(cost.reason))
        return (*head, *[blank] * 5, Cell(clean(f"{cost.known.value}: {cost.reason}")))
    full = [request.cost for request in cost.full_requests]
    time_ms = sum(each.execution_ms for each in full) / len(full) if full else 0.0
    return (
        *head,
        _spread(queries, alarm=bool(cost.suspicions)),
        _spread(_spread_of([each.rows for each in full])),
        _spread(_spread_of([each.shared_blocks for each in full])),
        Cell(number(time_ms), exact(rounded("ms", time_ms))),
        Cell.measured("rps", None if per_s is None else per_s * queries.maximum, ""),
        Cell(clean("; ".join(_remarks(cost))), alarm=bool(cost.suspicions)),
    )


def _spread_of(values: Sequence[float]) -> Spread:
    return Spread(min(values, default=0), max(values, default=0))


def _spread(value: Spread, *, alarm: bool = False) -> Cell:
    return Cell(value.text, exact(rounded("count", value.maximum)), alarm=alarm)


def _remarks(cost: OperationCost) -> Iterable[str]:
    yield from map(_suspicion, cost.suspicions)
    if cost.writes:
        yield "writes"
    if cost.cached:
        yield cost.cached
    if any(request.cost.temp_blocks for request in cost.requests):
        yield "temporary files"
    yield from cost.notes


def _suspicion(suspicion: Suspicion) -> str:
    times = _spread(suspicion.calls).text
    if suspicion.answered_rows is None:
        return f"one query runs {times} times"
    return f"possible N+1: one query runs {times} times for {_spread(suspicion.answered_rows).text} rows"


def _statements(place: int, cost: OperationCost) -> OperationStatements:
    suspected = {suspicion.shape for suspicion in cost.suspicions}
    rows = tuple(_statement(each, suspected=each.shape in suspected) for each in cost.statements)
    title = clean(f"{cost.operation} as {cost.role.replace('_', ' ')}")
    table = PageTable(
        f"statements-{place}", title, "Per request, without requests that a cache answered.", _STATEMENT_COLUMNS, rows
    )
    return OperationStatements(f"cost-{place}", title, table)


def _statement(statement: StatementCost, *, suspected: bool) -> tuple[Cell, ...]:
    text = clean(statement.text)
    kind = "" if statement.kind is StatementKind.QUERY else f"{statement.kind.value}, not counted as a query"
    return (
        _spread(statement.calls, alarm=suspected),
        _spread(statement.rows),
        _spread(statement.shared_blocks),
        Cell(number(statement.execution_ms), exact(rounded("ms", statement.execution_ms))),
        Cell(text, title=kind, code=True),
    )


def _foreign(fingerprint: Fingerprint) -> PageTable | None:
    """Statements of other clients meanwhile; None if there were none."""
    columns = (Column("Calls/s"), Column("User", number=False), Column("Statement", number=False))
    rows = tuple(
        (
            Cell(number(each.rate_per_s), exact(rounded("rps", each.rate_per_s)), title=f"{number(each.calls)} seen"),
            Cell(clean(each.user or "unknown")),
            Cell(clean(each.text), code=True),
        )
        for each in fingerprint.foreign
    )
    caption = "Statements that ran while the suite sent no requests."
    return PageTable("foreign", "Other traffic on the database", caption, columns, rows, open=False) if rows else None


def _totals(summary: Summary, readings: Sequence[Reading]) -> Iterable[tuple[str, str]]:
    """Figures per request in the steady state, from the readings; nothing without readings."""
    if summary.steady_start is None or summary.steady_end is None:
        return
    start_s, length_s = summary.steady_start, summary.steady_end - summary.steady_start
    wanted = of_metrics(readings, lambda metric: metric.startswith("postgres."))
    tracks = {track.metric: track for track in tracks_of(wanted, start_s, length_s)}
    sent = requests_by_second(summary.seconds, start_s, length_s)
    for label, metric, unit in _PER_REQUEST:
        if metric in tracks and (value := _per_request(tracks[metric], sent)) is not None:
            yield f"{label} per request", quantity(value, unit)
    if _CACHE_HIT in tracks and (hit := tracks[_CACHE_HIT].known).size:
        yield "Cache hit ratio, median", quantity(middle(hit), "percent")


def _per_request(track: Track, sent: Floats) -> float | None:
    requests = float(sent[~np.isnan(track.values)].sum())
    return float(track.known.sum()) / requests if requests else None
