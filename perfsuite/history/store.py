"""The history: a database that stores finished runs and finds them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, and_, case, delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from perfsuite.errors import UsageError
from perfsuite.garbage_collection import without_collecting
from perfsuite.history.database import (
    BUSY_S,
    database_errors,
    default_url,
    file_of,
    is_newest,
    make_engine,
    read_url,
    upgrade,
    where_is,
    writing,
)
from perfsuite.history.tables import (
    BASELINES,
    FIGURES,
    FIGURES_OK,
    FINGERPRINTS,
    RUNS,
    STATISTICS,
    baseline_row,
    figure_rows,
    measured_of,
    ok_rows,
    packed,
    run_of,
    run_row,
    unpacked,
)
from perfsuite.messages.history import HistoryMessage
from perfsuite.model import ALL, Outcome, Statistics
from perfsuite.model.history import OF_ALL_REQUESTS, Baseline, Measured, PastRun

__all__ = ["History", "RunQuery", "default_url"]

_ROWS_AT_ONCE = 5_000
_AT_ONCE = 500
"""Runs named in one statement: SQLite takes no more than some thousands of values."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, and how much of each. None and () mean all.

    `latest`: so many of the newest. `totals_only`: of the figures only the total over everything.
    """

    run_ids: tuple[str, ...] = ()
    scenario: str | None = None
    release: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    latest: int | None = None
    totals_only: bool = False
    fingerprints: bool = False


class History:
    """A database of runs, opened at first use. Every method raises UsageError where the database fails."""

    def __init__(self, url: str, *, busy_s: float = BUSY_S) -> None:
        self._url = read_url(url)
        self.where = where_is(self._url)
        self._engine = make_engine(self._url, busy_s)
        self._ready = False

    @property
    def file(self) -> Path | None:
        """The file of the database; None where it is on a server."""
        return file_of(self._url)

    @property
    def exists(self) -> bool:
        """False where its file does not exist: nothing was stored yet."""
        return self.file is None or self.file.exists()

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    # ── storing ────────────────────────────────────────────────────────────────────────────────────

    def add(self, run: PastRun) -> None:
        """Store a run in place of what was stored under its id. All of it or nothing."""
        with self._writing() as connection:
            number = self._put_run(connection, run)
            for table in (FIGURES, FIGURES_OK, FINGERPRINTS):
                connection.execute(delete(table).where(table.c.run == number))
            if run.measured:
                connection.execute(FIGURES.insert(), figure_rows(number, run.measured))
            if without_failures := ok_rows(number, run.measured):
                connection.execute(FIGURES_OK.insert(), without_failures)
            if run.fingerprint is not None:
                connection.execute(FINGERPRINTS.insert(), {"run": number, "content": packed(run.fingerprint)})

    def _put_run(self, connection: Connection, run: PastRun) -> int:
        values = run_row(run)
        row = self._insert(RUNS).values(values)
        put = row.on_conflict_do_update(index_elements=["run_id"], set_=values).returning(RUNS.c.number)
        return int(connection.execute(put).scalar_one())

    def remove(self, run_id: str) -> bool:
        """Remove a run; False where it was not there."""
        with self._writing() as connection:
            return bool(connection.execute(delete(RUNS).where(RUNS.c.run_id == run_id)).rowcount)

    # ── finding ────────────────────────────────────────────────────────────────────────────────────

    def runs(self, query: RunQuery | None = None) -> list[PastRun]:
        """The runs of a query, the oldest first (by their start)."""
        query = query or RunQuery()
        if not self.exists:
            return []
        with self._reading() as connection, without_collecting():
            rows = list(connection.execute(_select_runs(query)))
            # The statement has the newest first, so that `latest` takes those.
            rows.reverse()
            numbers = [row.number for row in rows]
            everything = not (query.run_ids or query.scenario or query.release or query.latest or query.outcomes)
            measured = _measured(connection, None if everything else numbers, totals_only=query.totals_only)
            prints = _fingerprints(connection, numbers) if query.fingerprints else {}
        return [run_of(row, tuple(measured.get(row.number, ())), prints.get(row.number)) for row in rows]

    def figures(
        self, names: Sequence[str], latest: int | None = None
    ) -> Iterator[tuple[str, str, str, tuple[float | None, ...]]]:
        """Run, role, operation and the named figures, as `Measured.figure` gives them, in no order: a tenth of the time
        that records of them take.

        `latest`: only of so many of the newest runs.
        """
        if not self.exists:
            return
        newest = _select_runs(RunQuery(latest=latest)).with_only_columns(RUNS.c.number, RUNS.c.run_id)
        statement = select(*_place(FIGURES), *map(_compared, names)).join(FIGURES_OK, _same_place(), isouter=True)
        with self._reading() as connection:
            run_ids = {row.number: row.run_id for row in connection.execute(newest)}
            for batch in _batches(None if latest is None else list(run_ids)):
                limited = statement if batch is None else statement.where(FIGURES.c.run.in_(batch))
                for number, role, operation, *values in connection.execute(limited):
                    if number in run_ids:
                        yield run_ids[number], role, operation, tuple(values)

    def count(self, query: RunQuery | None = None) -> int:
        """How many runs a query finds."""
        if not self.exists:
            return 0
        statement = _select_runs(query or RunQuery()).order_by(None).subquery()
        with self._reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(statement)) or 0)

    def newest_after(self, utc: str) -> PastRun | None:
        """The newest run that began later than `utc` (ISO 8601); None where there is none."""
        newest = self.runs(RunQuery(latest=1, totals_only=True))
        return newest[0] if newest and newest[0].started_at > utc else None

    # ── baselines ──────────────────────────────────────────────────────────────────────────────────

    def save_baseline(self, baseline: Baseline) -> bool:
        """Store a baseline under its name; True where it replaces another."""
        values = baseline_row(baseline)
        with self._writing() as connection:
            there = connection.scalar(select(BASELINES.c.name).where(BASELINES.c.name == baseline.name))
            put = self._insert(BASELINES).values(values)
            connection.execute(put.on_conflict_do_update(index_elements=["name"], set_=values))
        return there is not None

    def baseline(self, name: str) -> Baseline | None:
        """The baseline of a name; None where there is none."""
        found = self._baselines(BASELINES.c.name == name)
        return found[0] if found else None

    def baselines(self) -> list[Baseline]:
        """All baselines, by name."""
        return self._baselines()

    def remove_baseline(self, name: str) -> bool:
        """Remove a baseline; False where there was none of that name. Its runs stay."""
        with self._writing() as connection:
            return bool(connection.execute(delete(BASELINES).where(BASELINES.c.name == name)).rowcount)

    def _baselines(self, *where: Any) -> list[Baseline]:
        if not self.exists:
            return []
        with self._reading() as connection:
            contents = connection.scalars(select(BASELINES.c.content).where(*where).order_by(BASELINES.c.name))
            return [unpacked(content, Baseline) for content in contents]

    # ── the database itself ────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Check the whole database. Raises UsageError where it is damaged or of a newer schema."""
        if not self.exists:
            return
        with self._reading() as connection:
            if self.file is None:
                return
            said = connection.scalar(text("PRAGMA quick_check"))
        if said != "ok":
            raise UsageError(HistoryMessage.DAMAGED_WITHIN(where=self.where, found=said))

    def set_aside(self) -> Path | None:
        """Rename a database file that cannot be used, so that a new one can take its place; its new name."""
        self.close()
        self._ready = False
        file = self.file
        if file is None or not file.exists():
            return None
        aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%d%H%M%S%f}")
        with database_errors(self.where):
            for ending in ("-wal", "-shm"):
                beside = file.with_name(file.name + ending)
                if beside.exists():
                    beside.rename(aside.with_name(aside.name + ending))
            file.rename(aside)
        return aside

    def _insert(self, table: Any) -> Any:
        return (sqlite if self.file else postgresql).insert(table)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database_errors(self.where):
            self._migrated()
            with writing(self._engine) as connection:
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with database_errors(self.where):
            self._migrated()
            with self._engine.connect() as connection:
                yield connection

    def _migrated(self) -> None:
        if self._ready:
            return
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._engine.connect() as connection:
            newest = is_newest(connection, self.where)
        if not newest:
            with writing(self._engine) as connection:
                upgrade(connection, self.where)
        self._ready = True


def _select_runs(query: RunQuery) -> Select[Any]:
    statement = select(RUNS).order_by(RUNS.c.started_at.desc(), RUNS.c.number.desc())
    if query.run_ids:
        statement = statement.where(RUNS.c.run_id.in_(query.run_ids))
    if query.scenario is not None:
        statement = statement.where(RUNS.c.scenario == query.scenario)
    if query.release is not None:
        statement = statement.where(RUNS.c.release == query.release)
    if query.outcomes:
        statement = statement.where(RUNS.c.outcome.in_([outcome.value for outcome in query.outcomes]))
    return statement.limit(query.latest) if query.latest is not None else statement


def _measured(connection: Connection, numbers: Sequence[int] | None, *, totals_only: bool) -> dict[int, list[Measured]]:
    """Run → its figures, in the order in which roles and operations were stored. `numbers` None: of all runs."""
    without_failures = {
        tuple(row[:3]): Statistics(*row[3:]) for row in _rows(connection, FIGURES_OK, numbers, totals_only=totals_only)
    }
    found: dict[int, list[Measured]] = defaultdict(list)
    for row in _rows(connection, FIGURES, numbers, totals_only=totals_only):
        found[row[0]].append(measured_of(row, without_failures.get(tuple(row[:3]))))
    return found


def _rows(connection: Connection, table: Table, numbers: Sequence[int] | None, *, totals_only: bool) -> Iterator[Any]:
    """Run, role, operation and the statistics of each row."""
    statement = select(*_place(table), *(table.c[name] for name in STATISTICS))
    if totals_only:
        statement = statement.where(table.c.role == ALL, table.c.operation == ALL)
    for batch in _batches(numbers):
        limited = statement if batch is None else statement.where(table.c.run.in_(batch))
        for rows in connection.execute(limited).partitions(_ROWS_AT_ONCE):
            yield from rows


def _place(table: Table) -> tuple[Column[Any], ...]:
    return table.c.run, table.c.role, table.c.operation


def _same_place() -> ColumnElement[bool]:
    return and_(*(there == here for there, here in zip(_place(FIGURES_OK), _place(FIGURES), strict=True)))


def _compared(name: str) -> ColumnElement[Any]:
    """The figure that runs are compared by."""
    if name in OF_ALL_REQUESTS:
        return FIGURES.c[name]
    return case((FIGURES_OK.c.run.is_not(None), FIGURES_OK.c[name]), else_=FIGURES.c[name])


def _fingerprints(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for batch in _batches(numbers):
        statement = select(FINGERPRINTS).where(FINGERPRINTS.c.run.in_(batch or ()))
        found |= {row.run: row.content for row in connection.execute(statement)}
    return found


def _batches(numbers: Sequence[int] | None) -> Iterator[Sequence[int] | None]:
    if numbers is None:
        yield None
        return
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]
