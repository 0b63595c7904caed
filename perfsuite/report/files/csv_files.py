"""The CSV files of a run: `stats.csv`, `stats_history.csv`, `failures.csv`. Each function returns the whole text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from perfsuite.format import utc
from perfsuite.measurements.minutes import minute_of
from perfsuite.model import ALL, Breakdown, FailureGroup, Row, RowLeft, Second, SecondArrivals, Statistics, Summary
from perfsuite.report.text import BREAKDOWN_FIELDS, STATISTIC_FIELDS, csv_cell, exact, parts_of, rounded, values_of

STATS_COLUMNS = ("period", "role", "behaviour", "operation", *STATISTIC_FIELDS, *BREAKDOWN_FIELDS)
ARRIVAL_COLUMNS = ("actions_due", "actions_begun", "lag_avg_ms", "lag_max_ms", "actions_waiting")
"""Open model, in the total of each second: blank in other rows and in the closed model."""
HISTORY_COLUMNS = ("second", *STATS_COLUMNS, *ARRIVAL_COLUMNS)
REMAINING_COLUMNS = ("thing", "id", "mark", "created_by", "state", "reason")
NOT_REMOVED = "not removed"
MAY_REMAIN = "may remain"
"""State of a row that should be gone; another one is the status under which the target keeps it."""
FAILURE_COLUMNS = ("role", "operation", "kind", "message", "count", "first_seen", "last_seen", "request_id")


def stats_csv(summary: Summary) -> str:
    """One row per period, role and operation, per behaviour, and the totals; then the same per stage.

    Blank where a figure is not known.
    """
    return _table(STATS_COLUMNS, (_stats_cells(row) for row in (*summary.rows, *summary.stage_rows)))


def stats_history_csv(summary: Summary) -> str:
    """The same per UTC second: first the second's total, then its roles and operations.

    A minute of a long run that was rolled up takes the place of its seconds, at the first of them.
    """
    return _table(HISTORY_COLUMNS, _history(summary))


def failures_csv(failures: Iterable[FailureGroup]) -> str:
    """One row per group of equal failures; times are UTC."""
    return _table(FAILURE_COLUMNS, (_failure_cells(group) for group in failures))


def remaining_csv(rows: Iterable[RowLeft]) -> str:
    """The rows that are still at the target, those that could not be removed first."""
    ordered = sorted(rows, key=lambda row: not row.reason)
    return _table(REMAINING_COLUMNS, (_remaining_cells(row) for row in ordered))


def _remaining_cells(row: RowLeft) -> list[str]:
    state = (NOT_REMOVED if row.id else MAY_REMAIN) if row.reason else row.status
    return [csv_cell(text) for text in (row.thing, row.id, row.mark, row.created_by, state, row.reason)]


def _history(summary: Summary) -> Iterator[Sequence[str]]:
    rows_by_second: dict[int, list[Row]] = {}
    for row in summary.second_rows:
        rows_by_second.setdefault(int(row.period), []).append(row)
    whole = {minute.second: minute for minute in summary.minutes}
    seconds = {each.second: each for each in summary.seconds if minute_of(each.second) not in whole} | whole
    for number in sorted(rows_by_second.keys() | seconds.keys()):
        known = seconds.get(number)
        period = (known.stage or known.period) if known else ""
        if known:
            yield _second_cells(known)
        for row in rows_by_second.get(number, ()):
            yield [utc(number), csv_cell(period), *_stats_cells(row)[1:], *_arrivals(None)]


def _second_cells(second: Second) -> list[str]:
    names = [utc(second.second), csv_cell(second.stage or second.period), ALL, ALL, ALL]
    return [*names, *_figures(second.statistics, second.breakdown), *_arrivals(second.arrivals)]


def _arrivals(second: SecondArrivals | None) -> list[str]:
    if second is None:
        return [""] * len(ARRIVAL_COLUMNS)
    values = (second.due, second.begun, second.lag_avg_ms, second.lag_max_ms, second.waiting)
    return [exact(rounded(name, value)) for name, value in zip(ARRIVAL_COLUMNS, values, strict=True)]


def _stats_cells(row: Row) -> list[str]:
    names = (row.period, row.role, row.behaviour, row.operation)
    return [*map(csv_cell, names), *_figures(row.statistics, row.breakdown)]


def _figures(statistics: Statistics, breakdown: Breakdown) -> list[str]:
    return [exact(value) for value in (*values_of(statistics).values(), *parts_of(breakdown).values())]


def _failure_cells(group: FailureGroup) -> list[str]:
    names = map(csv_cell, (group.role, group.operation, group.kind, group.message))
    return [*names, str(group.count), utc(group.first_seen), utc(group.last_seen), csv_cell(group.request_id)]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
