"""The tables of the HTML page, as records of cells that carry the exact value beside the readable one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfsuite.model import ALL, BehaviourRow, FailureGroup, Row, Statistics, Summary
from perfsuite.model.periods import STEADY
from perfsuite.report.figures import (
    TOO_FEW,
    UNKNOWN,
    Number,
    clock,
    exact,
    human,
    parts_of,
    percent,
    rounded,
    values_of,
    with_unit,
)
from perfsuite.report.text import clean, heading, utc
from perfsuite.target.catalogue import CATALOGUE

MOST_FAILURE_GROUPS = 200
_MOST_PATTERNS = 3
_FEWEST_FAILURES = 3
"""One or two failures prove nothing of a role."""
_FEWEST_OF_A_ROLE = 30
"""Requests of a role, from which on it is compared with others."""
NOT_TOLD = "not told, or by too few requests"


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` is read, `value` is exact (as in the CSV) and sorts; `title` explains; `code` is something to copy.

    `link`: the id of what tells more on the same page. `share`: of a bar behind the number, 0 to 1; None for no bar.
    """

    text: str
    value: str = ""
    title: str = ""
    code: bool = False
    alarm: bool = False
    link: str = ""
    share: float | None = None

    @staticmethod
    def measured(name: str, value: float | None, text: str = "") -> Cell:
        """A cell for the figure called `name`."""
        if value is None:
            return Cell(UNKNOWN, title=TOO_FEW)
        figure = exact(rounded(name, value))
        shown = text or human(name, value)
        return Cell(shown, figure, title=figure if figure != shown.replace(",", "") else "")


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; numbers stand to the right. `hint` says what the column means."""

    title: str
    number: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading and caption. `total` stays below the rows however they are sorted; `open` is false
    for what only some readers want to see. `hint`: one sentence above it.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    open: bool = True
    hint: str = ""


_FIGURES = (
    ("requests", Column("Requests")),
    ("rps", Column("Req/s", hint="requests per second")),
    ("avg_ms", Column("Average", hint="mean response time, ms")),
    ("p50_ms", Column("p50", hint="half of the requests were at most this slow, ms")),
    ("p95_ms", Column("p95", hint="95 of 100 requests were at most this slow, ms")),
    ("p99_ms", Column("p99", hint="99 of 100 requests were at most this slow, ms")),
    ("max_ms", Column("Max", hint="slowest request, ms")),
    ("failures", Column("Failures")),
    ("failure_rate", Column("Rate", hint="failures among the requests")),
)
_FIGURE_COLUMNS = tuple(column for _, column in _FIGURES)
_TIME = Column("Time", hint="share of all time that users waited for answers")


def role_tables(summary: Summary) -> list[Table]:
    """Steady state by role and by behaviour; a table without rows is left out."""
    steady = [row for row in summary.rows if row.period == STEADY]
    total = [row for row in steady if (row.role, row.behaviour, row.operation) == (ALL, ALL, ALL)]
    roles = [row for row in steady if row.role != ALL and row.behaviour == row.operation == ALL]
    columns = (Column("Role", number=False), *_FIGURE_COLUMNS)
    rows = tuple((Cell(_title(row.role)), *_figures(row.statistics)) for row in roles)
    sums = next(((Cell("All roles"), *_figures(row.statistics)) for row in total), ())
    caption = "Steady state, times in ms. Logins count as requests."
    by_role = Table("roles", "By role", caption, columns, rows, sums, hint=suffers_most(roles))
    return [table for table in (by_role, _behaviours(summary.behaviours)) if table.rows]


def suffers_most(roles: Sequence[Row]) -> str:
    """Which role the most requests fail for, else which waits longest, in a sentence; "" where roles do not differ."""
    told = [row for row in roles if row.statistics.requests >= _FEWEST_OF_A_ROLE]
    failing = max(told, key=lambda row: row.statistics.failure_rate or 0.0, default=None)
    if failing is not None and failing.statistics.failures >= _FEWEST_FAILURES:
        failed, requests = failing.statistics.failures, failing.statistics.requests
        share = percent(failed / requests)
        return (
            f"{heading(_title(failing.role))} suffers most: {share} of its requests fail ({failed:,} of {requests:,})."
        )
    slowest = max(told, key=lambda row: row.statistics.avg_ms or 0.0, default=None)
    if slowest is None or len(told) < 2:
        return ""
    wait = with_unit("avg_ms", slowest.statistics.avg_ms)
    none = "" if any(row.statistics.failures for row in roles) else " No role has a failed request."
    return f"{heading(_title(slowest.role))} waits longest: {wait} on average.{none}"


def operation_tables(summary: Summary) -> list[Table]:
    """Operations of the steady state over all roles and by role, the slowest on average first; then other periods."""
    singles = [row for row in summary.rows if ALL not in (row.role, row.behaviour, row.operation)]
    periods = dict.fromkeys(row.period for row in singles if row.period != STEADY)
    tables = [
        _all_roles_operations(summary),
        _operations("detail", "By role, behaviour and operation", "Steady state", singles, STEADY),
        *(
            _operations(f"detail-{number}", f"During {clean(period)}", "Not part of the verdict", singles, period)
            for number, period in enumerate(periods, 1)
        ),
    ]
    only_these = not summary.totals.requests
    return [replace(table, open=table.open or only_these) for table in tables if table.rows]


_PARTS = (
    ("service_avg_ms", Column("Service", hint="mean from the send to the last byte, without connecting, ms")),
    ("service_p50_ms", Column("p50", hint="half of the service times were at most this long, ms")),
    ("service_p95_ms", Column("p95", hint="95 of 100 service times were at most this long, ms")),
    ("server_avg_ms", Column("Server", hint="mean of the time that the server told as its own, ms")),
    ("server_p95_ms", Column("p95", hint="95 of 100 requests kept the server at most this long, ms")),
    ("outside_avg_ms", Column("Outside", hint="mean service time less the server's own: network, proxies, queues, ms")),
    ("waiting_avg_ms", Column("Waiting", hint="mean from due to the send: for a free session, or the generator, ms")),
    ("connections", Column("Connections", hint="opened for these requests")),
    ("connect_avg_ms", Column("Connect", hint="mean set-up of a connection, name and TCP, ms")),
    ("tls_avg_ms", Column("TLS", hint="mean TLS handshake of a connection, ms")),
)


def time_table(summary: Summary) -> Table | None:
    """Where the time goes, by operation over all roles, the longest service first; None where nothing tells it."""
    steady = [row for row in summary.rows if row.period == STEADY and row.role == row.behaviour == ALL]
    rows = [row for row in steady if row.operation != ALL and row.breakdown.service_avg_ms is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: row.breakdown.service_avg_ms or 0, reverse=True)
    cells = tuple((_operation(row.operation), *_parts(row)) for row in rows)
    total = next(((Cell("All operations"), *_parts(row)) for row in steady if row.operation == ALL), ())
    caption = (
        "Steady state, all roles; times in ms. Response = waiting + connecting + service; service = server + outside."
        " The server tells its time in X-Process-Time or Server-Timing; – where it does not."
    )
    columns = (Column("Operation", number=False), *(column for _, column in _PARTS))
    return Table("time", "Parts of the response time", caption, columns, cells, total)


def _parts(row: Row) -> Iterable[Cell]:
    values = parts_of(row.breakdown)
    for name, _ in _PARTS:
        value = values[name]
        yield Cell(UNKNOWN, title=NOT_TOLD) if value is None else Cell.measured(name, value)


def failures_table(summary: Summary) -> Table | None:
    """Failures grouped, the most frequent first, each with one request id; None when nothing failed."""
    if not summary.failures:
        return None
    start = summary.seconds[0].second if summary.seconds else None
    groups = sorted(summary.failures, key=lambda group: group.count, reverse=True)
    left = len(groups) - MOST_FAILURE_GROUPS
    caption = "The whole run. The request id is that of one of the group, to be looked for in the server's log."
    if left > 0:
        caption += f" {left:,} rarer groups are in failures.csv."
    columns = (
        Column("Count"),
        Column("Operation", number=False),
        Column("Role", number=False),
        Column("Kind", number=False),
        Column("Message", number=False),
        Column("First – last", number=False, hint="time since the start of the run"),
        Column("Request id", number=False),
    )
    rows = tuple(_failure(group, start) for group in groups[:MOST_FAILURE_GROUPS])
    spread = [pattern for pattern in summary.failure_patterns if pattern.spacing or len(pattern.operations) > 1]
    hint = ". ".join(clean(heading(pattern.sentence)) for pattern in spread[:_MOST_PATTERNS])
    return Table("failures", "What failed", caption, columns, rows, hint=f"{hint}." if hint else "")


def suite_errors_table(summary: Summary) -> Table | None:
    """Errors of the suite itself by place, the most frequent first; None for none."""
    if not summary.suite_errors:
        return None
    columns = (
        Column("Count"),
        Column("Place", number=False),
        Column("Error", number=False),
        Column("Traceback", number=False, hint="file in the folder of the run"),
    )
    rows = tuple(
        (
            Cell.measured("count", group.count),
            Cell(clean(group.place)),
            Cell(clean(group.message)),
            Cell(clean(group.log) or UNKNOWN),
        )
        for group in summary.suite_errors
    )
    caption = "The whole run. Unexpected exceptions of the suite or of a role; they say nothing about the target."
    return Table("suite-errors", "Errors of the suite", caption, columns, rows)


def _figures(statistics: Statistics) -> Iterable[Cell]:
    values = values_of(statistics)
    for name, _ in _FIGURES:
        cell = Cell.measured(name, values[name])
        alarm = name in ("failures", "failure_rate") and bool(values[name])
        yield Cell(cell.text, cell.value, cell.title, alarm=alarm)


def _all_roles_operations(summary: Summary) -> Table:
    rows = [
        row
        for row in summary.rows
        if row.period == STEADY and row.role == row.behaviour == ALL and row.operation != ALL
    ]
    spent = sum(_time_spent(row) for row in rows)
    most = max((_time_spent(row) for row in rows), default=0.0)
    cells = tuple(
        (_operation(row.operation), _share_of_time(_time_spent(row), spent, most), *_figures(row.statistics))
        for row in sorted(rows, key=_time_spent, reverse=True)
    )
    columns = (Column("Operation", number=False), _TIME, *_FIGURE_COLUMNS)
    caption = "Steady state, all roles; times in ms. Those first for whose answers users waited longest, all together."
    return Table("operations", "Slowest operations by total time", caption, columns, cells)


def _share_of_time(spent_ms: float, all_ms: float, most_ms: float) -> Cell:
    cell = Cell.measured("time_rate", spent_ms / all_ms if all_ms else None)
    return replace(cell, share=spent_ms / most_ms if most_ms else None)


def _operations(name: str, title: str, what: str, rows: Iterable[Row], period: str) -> Table:
    names = (Column("Operation", number=False), Column("Role", number=False), Column("Behaviour", number=False))
    cells = tuple(
        (_operation(row.operation), Cell(_title(row.role)), Cell(clean(row.behaviour)), *_figures(row.statistics))
        for row in _slowest_first(row for row in rows if row.period == period)
    )
    caption = f"{what}; times in ms, slowest first."
    return Table(name, title, caption, (*names, *_FIGURE_COLUMNS), cells, open=False)


def _slowest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.statistics.avg_ms or 0, reverse=True)


def _time_spent(row: Row) -> float:
    return row.statistics.requests * (row.statistics.avg_ms or 0)


def _operation(name: str) -> Cell:
    known = CATALOGUE.get(name)
    return Cell(clean(name), title=f"{known.method} {known.path}" if known else "")


def _behaviours(behaviours: Iterable[BehaviourRow]) -> Table:
    columns = (
        Column("Role", number=False),
        Column("Behaviour", number=False),
        Column("Actions", hint="times that a user did this"),
        Column("Succeeded", hint="times that every request of it succeeded"),
        Column("Success", hint="succeeded among the actions"),
        Column("Average", hint="mean time of an action without the pause after it, ms"),
        Column("p95", hint="95 of 100 actions took at most this long, ms"),
    )
    rows = tuple(
        (
            Cell(_title(row.role)),
            Cell(clean(row.behaviour)),
            Cell.measured("actions", row.actions),
            Cell.measured("succeeded", row.succeeded),
            _success(row.success_rate),
            Cell.measured("avg_ms", row.avg_ms),
            Cell.measured("p95_ms", row.p95_ms),
        )
        for row in behaviours
    )
    caption = "How often users could do what they came for, in the steady state; times in ms."
    return Table("behaviours", "By behaviour", caption, columns, rows)


def _success(rate: Number) -> Cell:
    cell = Cell.measured("success_rate", rate)
    return Cell(cell.text, cell.value, cell.title, alarm=rate is not None and rate < 1)


def _failure(group: FailureGroup, start: int | None) -> tuple[Cell, ...]:
    span, title = UNKNOWN, f"{utc(group.first_seen)} – {utc(group.last_seen)}"
    if start is not None:
        first, last = clock(group.first_seen - start), clock(group.last_seen - start)
        span = first if first == last else f"{first} – {last}"
    return (
        Cell.measured("count", group.count),
        _operation(group.operation),
        Cell(_title(group.role)),
        Cell(clean(group.kind)),
        Cell(clean(group.message)),
        Cell(span, str(group.first_seen), title),
        Cell(clean(group.request_id), code=True),
    )


def _title(role: str) -> str:
    return "All roles" if role == ALL else clean(role.replace("_", " "))
