"""Runs go into the history and come out of it as they were, whatever happens around."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text

from perfsuite.errors import UsageError
from perfsuite.history import History, RunQuery
from perfsuite.history.database import (
    NEWEST,
    REVISIONS,
    NewerSchemaError,
    make_engine,
    read_url,
    upgrade,
    where_is,
    writing,
)
from perfsuite.messages.history import HistoryMessage
from perfsuite.model import ALL, CapacityKind, Outcome, SearchBy
from perfsuite.model.history import Baseline, PastCapacity
from tests.history import made


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(str(tmp_path / "results" / "history.db"), busy_s=5)
    yield opened
    opened.close()


def test_a_run_comes_out_as_it_went_in(history: History) -> None:
    kept = made.run(1, fingerprint=made.fingerprint())

    history.add(kept)

    (found,) = history.runs(RunQuery(fingerprints=True))
    assert sorted(found.measured, key=str) == sorted(kept.measured, key=str)
    assert found.conditions == kept.conditions
    assert found.fingerprint == kept.fingerprint
    assert (found.run_id, found.outcome, found.release, found.ended_at) == (
        kept.run_id, Outcome.PASS, "1.0", "2026-03-01T09:11:00+00:00",
    )  # fmt: skip


def test_what_a_search_found_is_kept(history: History) -> None:
    found = PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, 240.4, 255.6, 248.0, (131.0, 139.5), "average")
    history.add(made.run(1, capacity=found))
    history.add(made.run(2))

    assert [run.capacity for run in history.runs()] == [found, None]


def test_figures_without_failures_are_kept_where_something_failed(history: History) -> None:
    total, *others = made.measured()
    kept = made.run(1, measured=(replace(total, ok=made.statistics(60.0, requests=398)), *others))

    history.add(kept)

    (found,) = history.runs()
    assert sorted(found.measured, key=str) == sorted(kept.measured, key=str)
    asked = {(role, operation): values for _, role, operation, values in history.figures(("avg_ms", "failure_rate"))}
    assert asked[ALL, ALL] == (60.0, 0.005)
    assert asked["policyholder", ALL] == (21.0, 0.005)  # kept before that was recorded
    history.add(made.run(1))
    assert {one.ok for run in history.runs() for one in run.measured} == {None}


def test_a_figure_that_too_few_successes_give_is_not_that_of_all_requests(history: History) -> None:
    (total,) = made.measured()[:1]
    few = replace(made.statistics(60.0, requests=100), p95_ms=None)
    history.add(made.run(1, measured=(replace(total, ok=few),)))

    ((*_, values),) = history.figures(("p95_ms",))
    assert values == (None,)


def test_the_same_run_again_takes_the_place_of_the_first(history: History) -> None:
    history.add(made.run(1))
    history.add(made.run(1, outcome=Outcome.REGRESSION, measured=made.measured(90)[:1]))

    (found,) = history.runs()
    assert found.outcome is Outcome.REGRESSION
    assert [one.statistics.avg_ms for one in found.measured] == [90]
    assert history.count() == 1


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(RunQuery(), [1, 2, 3, 4], id="all, the oldest first"),
        pytest.param(RunQuery(latest=2), [3, 4], id="the newest"),
        pytest.param(RunQuery(scenario="peak"), [3], id="of a scenario"),
        pytest.param(RunQuery(release="1.1"), [2], id="of a release"),
        pytest.param(RunQuery(outcomes=(Outcome.PASS,), latest=1), [3], id="the newest that passed"),
        pytest.param(RunQuery(run_ids=("run-4", "run-1", "nobody")), [1, 4], id="by id, unknown ones left out"),
    ],
)
def test_runs_are_found(history: History, wanted: RunQuery, numbers: list[int]) -> None:
    changed = {2: {"release": "1.1"}, 3: {"conditions": made.conditions(scenario="peak")}, 4: {"outcome": Outcome.FAIL}}
    for number in (3, 1, 4, 2):  # kept in another order than they were made
        history.add(made.run(number, run_id=f"run-{number}", **changed.get(number, {})))

    assert [run.run_id for run in history.runs(wanted)] == [f"run-{number}" for number in numbers]


def test_a_list_needs_the_totals_only(history: History) -> None:
    history.add(made.run(1, fingerprint=made.fingerprint()))

    (found,) = history.runs(RunQuery(totals_only=True))

    assert [(one.role, one.operation) for one in found.measured] == [(ALL, ALL)]
    assert found.fingerprint is None


def test_more_runs_than_a_statement_can_name(history: History) -> None:
    ids = tuple(f"run-{number}" for number in range(1_100))
    for number, run_id in enumerate(ids):
        history.add(made.run(number % 50, run_id=run_id, measured=made.measured()[:1]))

    found = history.runs(RunQuery(run_ids=ids))

    assert {run.run_id for run in found} == set(ids)
    assert all(len(run.measured) == 1 for run in found)


def test_a_run_is_forgotten_with_all_that_belongs_to_it(history: History) -> None:
    history.add(made.run(1))
    history.add(made.run(2))

    assert history.remove(made.run(1).run_id)
    assert not history.remove(made.run(1).run_id)
    assert history.file
    with sqlite3.connect(history.file) as connection:
        assert connection.execute("SELECT count(DISTINCT run) FROM figures").fetchone() == (1,)


def test_nothing_is_made_by_asking(history: History) -> None:
    assert (history.runs(), history.count(), history.baselines(), history.baseline("main")) == ([], 0, [], None)
    assert history.file
    assert not history.file.exists()


def test_baselines(history: History) -> None:
    first = Baseline("main", "2026-03-02T00:00:00+00:00", (made.run(1, fingerprint=made.fingerprint()),))
    second = Baseline("main", "2026-03-03T00:00:00+00:00", (made.run(2),))

    assert history.save_baseline(first) is False
    assert history.baseline("main") == first
    assert history.save_baseline(second) is True
    assert history.save_baseline(Baseline("a", "", (made.run(3),))) is False
    assert [one.name for one in history.baselines()] == ["a", "main"]
    assert history.remove_baseline("main") is True
    assert history.remove_baseline("main") is False


# ── what can go wrong ───────────────────────────────────────────────────────────────────────────────


def _keep_many(file: str, first: int, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for number in range(first, first + 10):
        history = History(file)  # as each run does: a new database, or one that others write
        history.add(made.run(number, run_id=f"run-{number}"))
        history.add(made.run(number, run_id="the same"))
        history.close()


def test_runs_that_end_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    writers = [context.Process(target=_keep_many, args=(str(file), 100 * n, barrier)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    history = History(str(file))
    assert history.count() == 31
    assert {len(run.measured) for run in history.runs()} == {7}
    history.check()
    history.close()


def test_a_writer_that_does_not_end_is_reported(history: History) -> None:
    history.add(made.run(1))
    assert history.file
    with sqlite3.connect(history.file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        impatient = History(str(history.file), busy_s=0.1)
        with pytest.raises(UsageError) as locked:
            impatient.add(made.run(2))
        assert locked.value.code is HistoryMessage.LOCKED
        assert impatient.count() == 1  # readers do not wait
        impatient.close()


def test_a_full_disk_loses_nothing_that_was_there(history: History) -> None:
    history.add(made.run(1))
    # The seam: SQLite itself refuses to grow the file, as it does when the disk is full.
    event.listen(history._engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))

    with pytest.raises(UsageError) as refused:
        for number in range(2, 40):
            history.add(made.run(number, fingerprint=made.fingerprint()))

    assert str(refused.value) == HistoryMessage.DISK_FULL(where=history.where)
    assert made.run(1).run_id in {run.run_id for run in history.runs()}
    history.check()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"this is not a database at all" * 200, id="something else"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 4000, id="its beginning only"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "history.db"
    file.write_bytes(content)
    history = History(str(file))

    for asked in (history.runs, lambda: history.add(made.run(1)), history.check):
        with pytest.raises(UsageError) as error:
            asked()
        assert str(error.value) == HistoryMessage.DAMAGED(where=str(file))
    history.close()


def test_damage_within_the_file_is_found(history: History) -> None:
    for number in range(60):
        history.add(made.run(number, fingerprint=made.fingerprint()))
    history.close()
    assert history.file
    with sqlite3.connect(history.file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(history.file.read_bytes())
    content[8192:-4096] = b"\xa5" * (len(content) - 12288)
    history.file.write_bytes(content)

    with pytest.raises(UsageError) as damaged:
        history.check()
    assert damaged.value.code in (HistoryMessage.DAMAGED, HistoryMessage.DAMAGED_WITHIN)

    aside = history.set_aside()
    assert aside
    assert aside.read_bytes() == bytes(content)  # renamed, never removed
    history.add(made.run(1))
    assert history.count() == 1


def test_a_newer_schema_is_left_alone(history: History) -> None:
    history.add(made.run(1))
    assert history.file
    with sqlite3.connect(history.file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    later = History(str(history.file))

    for asked in (later.runs, lambda: later.add(made.run(2)), later.check):
        with pytest.raises(NewerSchemaError) as newer:
            asked()
        assert newer.value.fields == {"where": later.where, "schema": "0999", "newest": NEWEST}
    later.close()


def test_an_older_schema_is_brought_up_with_its_runs(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    engine = make_engine(read_url(str(file)))
    with writing(engine) as connection:
        upgrade(connection, str(file), REVISIONS[0])
        connection.execute(
            text(
                "INSERT INTO runs (run_id, started_at, ended_at, folder, outcome, scenario, scenario_digest, host,"
                " label, release, target_version, suite_version, machine, exit_code, steady_s, conditions,"
                " record_schema)"
                " VALUES ('old', '2026-01-01T00:00:00+00:00', '', 'old', 'pass', 'basic', 'd', 'h', '', '', '', '', '',"
                " 0, 10.0, :conditions, 1)"
            ),
            {"conditions": json.dumps({"scenario": "basic", "scenario_digest": "d", "users_by_role": {}, "host": "h"})},
        )
    engine.dispose()
    history = History(str(file))

    assert [run.run_id for run in history.runs()] == ["old"]
    assert history.save_baseline(Baseline("main", "", (made.run(1),))) is False
    history.close()


def test_fingerprints_stay_where_histograms_are_dropped(history: History) -> None:
    history.add(made.run(1, fingerprint=made.fingerprint()))
    history.add(made.run(2))
    assert history.file
    with sqlite3.connect(history.file) as connection:  # as the version before stored them
        connection.executescript(
            "CREATE TABLE kept (run INTEGER PRIMARY KEY, histograms BLOB NOT NULL, fingerprint BLOB);"
            "INSERT INTO kept SELECT number, x'00', content FROM runs LEFT JOIN fingerprints ON run = number;"
            "DROP TABLE fingerprints; ALTER TABLE runs DROP COLUMN capacity;"
            "UPDATE alembic_version SET version_num = '0003';"
        )
    connection.close()
    later = History(str(history.file))

    assert [run.fingerprint for run in later.runs(RunQuery(fingerprints=True))] == [made.fingerprint(), None]
    later.close()


def test_the_tables_are_what_the_migrations_make(history: History) -> None:
    """Every column that the suite names is there, with the same rule about being unknown, and none besides."""
    from perfsuite.history.tables import METADATA

    history.add(made.run(1))
    assert history.file
    with sqlite3.connect(history.file) as connection:
        for table in METADATA.sorted_tables:
            found = {row[1]: bool(row[3]) for row in connection.execute(f"PRAGMA table_info({table.name})")}
            assert found == {column.name: not column.nullable for column in table.columns}
            indexes = {row[1] for row in connection.execute(f"PRAGMA index_list({table.name})")}
            assert {index.name for index in table.indexes} <= indexes


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        pytest.param("postgres://me:secret@db:5432/perf", "postgresql://me:***@db:5432/perf", id="password hidden"),
        pytest.param("postgresql+asyncpg://db/perf", "postgresql://db/perf", id="driver of somebody else"),
        pytest.param("team/history.db", "team/history.db", id="a path"),
        pytest.param("sqlite:///team/history.db", "team/history.db", id="a path as URL"),
    ],
)
def test_where_the_history_is(typed: str, shown: str) -> None:
    assert where_is(read_url(typed)) == shown


@pytest.mark.parametrize("typed", ["mysql://db/perf", "http://db", "postgresql://db:port/perf", "://"])
def test_other_urls_are_refused(typed: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_url(typed)
    assert refused.value.code is HistoryMessage.NOT_A_DATABASE


def test_a_server_that_is_not_there_is_reported_without_the_password() -> None:
    history = History("postgresql://me:secret@127.0.0.1:9/perf")

    with pytest.raises(UsageError) as error:
        history.runs()

    assert error.value.code is HistoryMessage.UNREACHABLE
    assert error.value.fields["where"] == "postgresql://me:***@127.0.0.1:9/perf"
    assert "secret" not in str(error.value)
    assert len(str(error.value).splitlines()) == 2
