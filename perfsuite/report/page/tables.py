"""The tables of the page: cells carry the exact value beside the readable one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfsuite.format import UNKNOWN, clock, number, plain, utc
from perfsuite.messages import Message
from perfsuite.messages.page import PageMessage
from perfsuite.model import ALL, BehaviourRow, FailureGroup, Row, Statistics, Summary
from perfsuite.model.periods import STEADY
from perfsuite.report.text import TOO_FEW, Number, clean, exact, heading, parts_of, rounded, values_of
from perfsuite.report.wording import FIGURE_LABELS
from perfsuite.target.catalogue import CATALOGUE

MAX_FAILURE_GROUPS = 200
_MAX_PATTERNS = 3
_MIN_FAILURES = 3
"""One or two failures say little about a role."""
_MIN_ROLE_REQUESTS = 30
"""Requests from which on a role is compared with others."""
NOT_REPORTED = "not reported, or by too few requests"


@dataclass(frozen=True, slots=True)
class Cell:
    """`text`: readable; `value`: exact, as in the CSV, used for sorting; `title`: tooltip; `code`: something to copy.

    `link`: the id of details on the same page. `share`: length of a bar behind the number, 0 to 1; None for no bar.
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
        shown = text or plain(name, value)
        return Cell(shown, figure, title=figure if figure != shown.replace(",", "") else "")


@dataclass(frozen=True, slots=True)
class Column:
    """A column heading; numbers are right-aligned. `hint`: the meaning of the column."""

    title: str
    number: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table with its heading and caption. `total` stays below the rows in every order; `open`: not folded.

    `hint`: one sentence above the table.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    open: bool = True
    hint: str = ""
    tall: bool = False
    """It scrolls on its own."""


_HINTS = {
    "avg_ms": "mean response time",
    "p50_ms": "50 % of the requests took at most this long",
    "p95_ms": "95 % of the requests took at most this long",
    "p99_ms": "99 % of the requests took at most this long",
    "max_ms": "slowest request",
    "failure_rate": "share of failed requests",
}
_FIGURES = tuple(
    (name, Column(label, hint=_HINTS.get(name, ""))) for name, label in FIGURE_LABELS.items() if name != "users"
)
FIGURE_COLUMNS = tuple(column for _, column in _FIGURES)
_TIME = Column("Time", hint="share of the response time of all operations")


def role_tables(summary: Summary) -> list[PageTable]:
    """The steady state by role and by behaviour; tables without rows are left out."""
    steady = [row for row in summary.rows if row.period == STEADY]
    total = [row for row in steady if (row.role, row.behaviour, row.operation) == (ALL, ALL, ALL)]
    roles = [row for row in steady if row.role != ALL and row.behaviour == row.operation == ALL]
    columns = (Column("Role", number=False), *FIGURE_COLUMNS)
    rows = tuple((Cell(role_title(row.role)), *figure_cells(row.statistics)) for row in roles)
    sums = next(((Cell("All roles"), *figure_cells(row.statistics)) for row in total), ())
    caption = (
        "Steady state, times in ms. Logins count as requests. Requests are counted when due, requests/s when completed."
    )
    worst = worst_role(roles)
    by_role = PageTable("roles", "Roles", caption, columns, rows, sums, hint=f"{worst}." if worst else "")
    return [table for table in (by_role, _behaviours(summary.behaviours)) if table.rows]


def worst_role(roles: Sequence[Row]) -> Message | None:
    """The role with the highest failure rate, else the one with the slowest responses; None if there is only one."""
    large = [row for row in roles if row.statistics.requests >= _MIN_ROLE_REQUESTS]
    failing = max(large, key=lambda row: row.statistics.failure_rate or 0.0, default=None)
    if failing is not None and failing.statistics.failures >= _MIN_FAILURES:
        failed, requests = failing.statistics.failures, failing.statistics.requests
        return PageMessage.HIGHEST_FAILURE_RATE(
            role=heading(role_title(failing.role)), share=failed / requests, failed=failed, requests=requests
        )
    slowest = max(large, key=lambda row: row.statistics.avg_ms or 0.0, default=None)
    if slowest is None or len(large) < 2:
        return None
    failed = any(row.statistics.failures for row in roles)
    code = PageMessage.SLOWEST_ROLE if failed else PageMessage.SLOWEST_ROLE_NO_FAILURE
    return code(role=heading(role_title(slowest.role)), avg_ms=slowest.statistics.avg_ms)


def operation_tables(summary: Summary) -> list[PageTable]:
    """Operations in the steady state, over all roles and by role; then those of other periods, folded."""
    singles = [row for row in summary.rows if ALL not in (row.role, row.behaviour, row.operation)]
    periods = dict.fromkeys(row.period for row in singles if row.period != STEADY)
    tables = [
        _all_roles_operations(summary),
        _operations("detail", "Operations by role and behaviour", "Steady state", singles, STEADY),
        *(
            _operations(
                f"detail-{number}", f"Operations during {clean(period)}", "Not part of the verdict", singles, period
            )
            for number, period in enumerate(periods, 1)
        ),
    ]
    only_these = not summary.totals.requests
    return [replace(table, open=table.open or only_these) for table in tables if table.rows]


_PARTS = (
    (
        "service_avg_ms",
        Column("Service", hint="mean from sending the request to the last byte, ms"),
    ),
    ("service_p50_ms", Column(FIGURE_LABELS["p50_ms"], hint="50 % of the service times were at most this long")),
    ("service_p95_ms", Column(FIGURE_LABELS["p95_ms"], hint="95 % of the service times were at most this long")),
    ("server_avg_ms", Column("Server", hint="mean time that the server reported, ms")),
    (
        "server_p95_ms",
        Column(FIGURE_LABELS["p95_ms"], hint="95 % of the requests spent at most this long in the server"),
    ),
    ("outside_avg_ms", Column("Outside", hint="mean service time without server time: network, proxies, queues, ms")),
    (
        "waiting_avg_ms",
        Column("Waiting", hint="mean from due to sent: waits for a session or the load generator, ms"),
    ),
    ("connections", Column("Connections", hint="opened for these requests")),
    ("connect_avg_ms", Column("Connect", hint="mean setup of a connection (DNS and TCP), ms")),
    ("tls_avg_ms", Column("TLS", hint="mean TLS handshake of a connection, ms")),
)


def time_table(summary: Summary) -> PageTable | None:
    """Response time breakdown by operation over all roles, the longest service time first; None if unknown."""
    steady = [row for row in summary.rows if row.period == STEADY and row.role == row.behaviour == ALL]
    rows = [row for row in steady if row.operation != ALL and row.breakdown.service_avg_ms is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: row.breakdown.service_avg_ms or 0, reverse=True)
    cells = tuple((operation_cell(row.operation), *_parts(row)) for row in rows)
    total = next(((Cell("All operations"), *_parts(row)) for row in steady if row.operation == ALL), ())
    caption = (
        "Steady state, all roles; times in ms. Response = waiting + connecting + service; service = server + outside."
        " The server reports its time in X-Process-Time or Server-Timing; – if it does not."
    )
    columns = (Column("Operation", number=False), *(column for _, column in _PARTS))
    return PageTable("time", "Response time breakdown", caption, columns, cells, total)


def _parts(row: Row) -> Iterable[Cell]:
    values = parts_of(row.breakdown)
    for name, _ in _PARTS:
        value = values[name]
        yield Cell(UNKNOWN, title=NOT_REPORTED) if value is None else Cell.measured(name, value)


def failures_table(summary: Summary) -> PageTable | None:
    """Failures by group, the most frequent first, each with one request id; None without failures."""
    if not summary.failures:
        return None
    start = summary.seconds[0].second if summary.seconds else None
    groups = sorted(summary.failures, key=lambda group: group.count, reverse=True)
    left = len(groups) - MAX_FAILURE_GROUPS
    caption = "Whole run. The request id belongs to one request of the group; look it up in the server log."
    if left > 0:
        caption += f" The {number(left)} rarest groups are only in failures.csv."
    columns = (
        Column("Count"),
        Column("Operation", number=False),
        Column("Role", number=False),
        Column("Kind", number=False),
        Column("Message", number=False),
        Column("First – last", number=False, hint="time since the start of the run"),
        Column("Request id", number=False),
    )
    rows = tuple(_failure(group, start) for group in groups[:MAX_FAILURE_GROUPS])
    spread = [pattern for pattern in summary.failure_patterns if pattern.spacing or len(pattern.operations) > 1]
    hint = ". ".join(clean(heading(pattern.sentence)) for pattern in spread[:_MAX_PATTERNS])
    return PageTable("failures", "Failures", caption, columns, rows, hint=f"{hint}." if hint else "")


def suite_errors_table(summary: Summary) -> PageTable | None:
    """Errors of the suite itself by place, the most frequent first; None without errors."""
    if not summary.suite_errors:
        return None
    columns = (
        Column("Count"),
        Column("Place", number=False),
        Column("Error", number=False),
        Column("Traceback", number=False, hint="file in the run folder"),
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
    caption = "Whole run. Unexpected exceptions in the suite or in a role; they say nothing about the target."
    return PageTable("suite-errors", "Suite errors", caption, columns, rows)


def figure_cells(statistics: Statistics) -> Iterable[Cell]:
    """The cells below FIGURE_COLUMNS."""
    values = values_of(statistics)
    for name, _ in _FIGURES:
        cell = Cell.measured(name, values[name])
        alarm = name in ("failures", "failure_rate") and bool(values[name])
        yield Cell(cell.text, cell.value, cell.title, alarm=alarm)


def _all_roles_operations(summary: Summary) -> PageTable:
    rows = [
        row
        for row in summary.rows
        if row.period == STEADY and row.role == row.behaviour == ALL and row.operation != ALL
    ]
    spent = sum(_time_spent(row) for row in rows)
    most = max((_time_spent(row) for row in rows), default=0.0)
    cells = tuple(
        (operation_cell(row.operation), _share_of_time(_time_spent(row), spent, most), *figure_cells(row.statistics))
        for row in sorted(rows, key=_time_spent, reverse=True)
    )
    columns = (Column("Operation", number=False), _TIME, *FIGURE_COLUMNS)
    caption = "Steady state, all roles; times in ms. Sorted by the total time that users waited for each operation."
    return PageTable("operations", "Operations by total response time", caption, columns, cells)


def _share_of_time(spent_ms: float, all_ms: float, most_ms: float) -> Cell:
    cell = Cell.measured("time_rate", spent_ms / all_ms if all_ms else None)
    return replace(cell, share=spent_ms / most_ms if most_ms else None)


def _operations(name: str, title: str, what: str, rows: Iterable[Row], period: str) -> PageTable:
    names = (Column("Operation", number=False), Column("Role", number=False), Column("Behaviour", number=False))
    ordered = _slowest_first(row for row in rows if row.period == period)
    cells = tuple(
        (operation_cell(row.operation), *_performed_by(row), *figure_cells(row.statistics)) for row in ordered
    )
    caption = f"{what}; times in ms, slowest first."
    return PageTable(name, title, caption, (*names, *FIGURE_COLUMNS), cells, open=False)


def _performed_by(row: Row) -> Iterable[Cell]:
    return Cell(role_title(row.role)), Cell(clean(row.behaviour))


def _slowest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.statistics.avg_ms or 0, reverse=True)


def _time_spent(row: Row) -> float:
    return row.statistics.requests * (row.statistics.avg_ms or 0)


def operation_cell(name: str) -> Cell:
    """The name of an operation; its method and path as the tooltip."""
    known = CATALOGUE.get(name)
    return Cell(clean(name), title=f"{known.method} {known.path}" if known else "")


def _behaviours(behaviours: Iterable[BehaviourRow]) -> PageTable:
    columns = (
        Column("Role", number=False),
        Column("Behaviour", number=False),
        Column("Actions", hint="how often users performed it"),
        Column("Succeeded", hint="actions whose requests all succeeded"),
        Column("Success rate", hint="share of the actions that succeeded"),
        Column(FIGURE_LABELS["avg_ms"], hint="mean duration of an action without the pause after it"),
        Column(FIGURE_LABELS["p95_ms"], hint="95 % of the actions took at most this long"),
    )
    rows = tuple(
        (
            Cell(role_title(row.role)),
            Cell(clean(row.behaviour)),
            Cell.measured("actions", row.actions),
            Cell.measured("succeeded", row.succeeded),
            _success(row.success_rate),
            Cell.measured("avg_ms", row.avg_ms),
            Cell.measured("p95_ms", row.p95_ms),
        )
        for row in behaviours
    )
    caption = "How often users completed what they intended to do, in the steady state; times in ms."
    return PageTable("behaviours", "Behaviours", caption, columns, rows)


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
        operation_cell(group.operation),
        Cell(role_title(group.role)),
        Cell(clean(group.kind)),
        Cell(clean(group.message)),
        Cell(span, str(group.first_seen), title),
        Cell(clean(group.request_id), code=True),
    )


def role_title(role: str) -> str:
    """The name of a role for a table."""
    return "All roles" if role == ALL else clean(role.replace("_", " "))
