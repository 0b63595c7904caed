"""The history: finished runs are kept in it, and found again."""

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
from perfsuite.history.engine import BUSY_S, default_url, file_of, make_engine, read_url, where_is, writing
from perfsuite.history.migrate import is_newest, upgrade
from perfsuite.history.rows import baseline_row, figure_rows, kept_row, measured_of, ok_rows, run_of, run_row, unpacked
from perfsuite.history.tables import BASELINES, FIGURES, FIGURES_OK, KEPT, RUNS, STATISTICS
from perfsuite.history.trouble import told
from perfsuite.model import ALL, Outcome, Statistics
from perfsuite.model.history import OF_ALL_REQUESTS, Baseline, KeptTimes, Measured, PastRun

__all__ = ["History", "Wanted", "default_url"]

_ROWS_AT_ONCE = 5_000
_AT_ONCE = 500
"""Runs named in one question: SQLite takes no more than some thousands of values."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs, and how much of each. None and () ask for all.

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
    """A database of runs. Opened at first use; every method raises UsageError in one or two lines when it cannot."""

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
    def is_there(self) -> bool:
        """False where nothing was ever kept in it: its file does not exist."""
        return self.file is None or self.file.exists()

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    # ── keeping ────────────────────────────────────────────────────────────────────────────────────

    def keep(self, run: PastRun, times: Sequence[KeptTimes] = ()) -> None:
        """Keep a run with its histograms, in place of what was kept under its id. All of it or nothing."""
        with self._writing() as connection:
            number = self._put_run(connection, run)
            connection.execute(delete(FIGURES).where(FIGURES.c.run == number))
            connection.execute(delete(KEPT).where(KEPT.c.run == number))
            connection.execute(delete(FIGURES_OK).where(FIGURES_OK.c.run == number))
            if run.measured:
                connection.execute(FIGURES.insert(), figure_rows(number, run.measured))
            if without_failures := ok_rows(number, run.measured):
                connection.execute(FIGURES_OK.insert(), without_failures)
            connection.execute(KEPT.insert(), kept_row(number, times, run.fingerprint))

    def _put_run(self, connection: Connection, run: PastRun) -> int:
        values = run_row(run)
        wanted = self._insert(RUNS).values(values)
        put = wanted.on_conflict_do_update(index_elements=["run_id"], set_=values).returning(RUNS.c.number)
        return int(connection.execute(put).scalar_one())

    def forget(self, run_id: str) -> bool:
        """Remove a run; False where it was not there."""
        with self._writing() as connection:
            return bool(connection.execute(delete(RUNS).where(RUNS.c.run_id == run_id)).rowcount)

    # ── finding ────────────────────────────────────────────────────────────────────────────────────

    def runs(self, wanted: Wanted | None = None) -> list[PastRun]:
        """The runs asked for, the oldest first (by their start)."""
        wanted = wanted or Wanted()
        if not self.is_there:
            return []
        with self._reading() as connection, without_collecting():
            rows = list(connection.execute(_asked(wanted)))
            # Newest first in the question, so that `latest` takes those.
            rows.reverse()
            numbers = [row.number for row in rows]
            everything = not (wanted.run_ids or wanted.scenario or wanted.release or wanted.latest or wanted.outcomes)
            measured = _measured(connection, None if everything else numbers, totals_only=wanted.totals_only)
            prints = _fingerprints(connection, numbers) if wanted.fingerprints else {}
        return [run_of(row, tuple(measured.get(row.number, ())), prints.get(row.number)) for row in rows]

    def figures(
        self, names: Sequence[str], latest: int | None = None
    ) -> Iterator[tuple[str, str, str, tuple[float | None, ...]]]:
        """Run, role, operation and the named figures, as `Measured.figure` gives them, in no order: a tenth of the time
        that records of them take.

        `latest`: only of so many of the newest runs.
        """
        if not self.is_there:
            return
        newest = _asked(Wanted(latest=latest)).with_only_columns(RUNS.c.number, RUNS.c.run_id)
        question = select(*_place(FIGURES), *map(_compared, names)).join(FIGURES_OK, _same_place(), isouter=True)
        with self._reading() as connection:
            run_ids = {row.number: row.run_id for row in connection.execute(newest)}
            for part in _parts(None if latest is None else list(run_ids)):
                asked = question if part is None else question.where(FIGURES.c.run.in_(part))
                for number, role, operation, *values in connection.execute(asked):
                    if number in run_ids:
                        yield run_ids[number], role, operation, tuple(values)

    def count(self, wanted: Wanted | None = None) -> int:
        """How many runs are kept, of those asked for."""
        if not self.is_there:
            return 0
        asked = _asked(wanted or Wanted()).order_by(None).subquery()
        with self._reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(asked)) or 0)

    def times_of(self, run_id: str) -> tuple[KeptTimes, ...]:
        """The histograms of a run; () where it is not kept."""
        if not self.is_there:
            return ()
        with self._reading() as connection:
            question = select(KEPT.c.histograms).join(RUNS, RUNS.c.number == KEPT.c.run).where(RUNS.c.run_id == run_id)
            found = connection.scalar(question)
        return unpacked(found, tuple[KeptTimes, ...]) if found else ()

    def begun_after(self, moment: str) -> PastRun | None:
        """The newest run that began later than a moment (UTC, ISO 8601); None where there is none."""
        newest = self.runs(Wanted(latest=1, totals_only=True))
        return newest[0] if newest and newest[0].started_at > moment else None

    # ── baselines ──────────────────────────────────────────────────────────────────────────────────

    def save_baseline(self, baseline: Baseline) -> bool:
        """Keep a baseline under its name; True where another of that name was replaced."""
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
        if not self.is_there:
            return []
        with self._reading() as connection:
            contents = connection.scalars(select(BASELINES.c.content).where(*where).order_by(BASELINES.c.name))
            return [unpacked(content, Baseline) for content in contents]

    # ── the database itself ────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Look through the whole database. Raises UsageError where it is damaged or of a newer schema."""
        if not self.is_there:
            return
        with self._reading() as connection:
            if self.file is None:
                return
            said = connection.scalar(text("PRAGMA quick_check"))
        if said != "ok":
            raise UsageError(f"{self.where} is damaged ({said}).\nThe command `history rebuild` makes it anew.")

    def set_aside(self) -> Path | None:
        """Rename a database file that cannot be used, so that a new one can take its place; its new name."""
        self.close()
        self._ready = False
        file = self.file
        if file is None or not file.exists():
            return None
        aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%d%H%M%S%f}")
        with told(self.where):
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
        with told(self.where):
            self._migrated()
            with writing(self._engine) as connection:
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with told(self.where):
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


def _asked(wanted: Wanted) -> Select[Any]:
    question = select(RUNS).order_by(RUNS.c.started_at.desc(), RUNS.c.number.desc())
    if wanted.run_ids:
        question = question.where(RUNS.c.run_id.in_(wanted.run_ids))
    if wanted.scenario is not None:
        question = question.where(RUNS.c.scenario == wanted.scenario)
    if wanted.release is not None:
        question = question.where(RUNS.c.release == wanted.release)
    if wanted.outcomes:
        question = question.where(RUNS.c.outcome.in_([outcome.value for outcome in wanted.outcomes]))
    return question.limit(wanted.latest) if wanted.latest is not None else question


def _measured(connection: Connection, numbers: Sequence[int] | None, *, totals_only: bool) -> dict[int, list[Measured]]:
    """Run → its figures, the order of roles and operations as they were kept. `numbers` None: of all runs."""
    without_failures = {
        tuple(row[:3]): Statistics(*row[3:]) for row in _rows(connection, FIGURES_OK, numbers, totals_only=totals_only)
    }
    found: dict[int, list[Measured]] = defaultdict(list)
    for row in _rows(connection, FIGURES, numbers, totals_only=totals_only):
        found[row[0]].append(measured_of(row, without_failures.get(tuple(row[:3]))))
    return found


def _rows(connection: Connection, table: Table, numbers: Sequence[int] | None, *, totals_only: bool) -> Iterator[Any]:
    """Run, role, operation and the statistics of each row."""
    question = select(*_place(table), *(table.c[name] for name in STATISTICS))
    if totals_only:
        question = question.where(table.c.role == ALL, table.c.operation == ALL)
    for part in _parts(numbers):
        asked = question if part is None else question.where(table.c.run.in_(part))
        for rows in connection.execute(asked).partitions(_ROWS_AT_ONCE):
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


def _fingerprints(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    for part in _parts(numbers):
        question = select(KEPT.c.run, KEPT.c.fingerprint).where(KEPT.c.run.in_(part or ()))
        found |= {row.run: row.fingerprint for row in connection.execute(question)}
    return found


def _parts(numbers: Sequence[int] | None) -> Iterator[Sequence[int] | None]:
    if numbers is None:
        yield None
        return
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]
