"""The history of a team: the same on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from perfsuite.history import History, RunQuery
from perfsuite.model import Outcome
from perfsuite.model.history import Baseline
from tests.history import made
from tests.monitor.conftest import Postgres, running_postgres, sandbox_for

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with sandbox_for("initdb") as sandbox, running_postgres(sandbox) as (child, dsn):
        yield Postgres(dsn, child.pid)


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    """A database of this test alone."""
    with server.connect() as connection:
        connection.execute("CREATE DATABASE history_of_test")
    yield server.dsn.replace("/mitra?", "/history_of_test?")
    with server.connect() as connection:
        connection.execute("DROP DATABASE history_of_test WITH (FORCE)")


def test_runs_and_baselines(url: str) -> None:
    history = History(url)
    first = made.run(1, fingerprint=made.fingerprint())
    history.add(first)
    history.add(made.run(2, outcome=Outcome.FAIL))
    history.add(made.run(1, fingerprint=made.fingerprint(), label="again"))

    found = history.runs(RunQuery(fingerprints=True))
    assert [(run.run_id, run.label) for run in found] == [(first.run_id, "again"), (made.run(2).run_id, "nightly")]
    assert sorted(found[0].measured, key=str) == sorted(first.measured, key=str)
    assert found[0].fingerprint == first.fingerprint
    assert [run.run_id for run in history.runs(RunQuery(outcomes=(Outcome.FAIL,)))] == [made.run(2).run_id]
    assert history.save_baseline(Baseline("main", "", (first,))) is False
    assert history.save_baseline(Baseline("main", "", (first,))) is True
    assert [one.name for one in history.baselines()] == ["main"]
    assert history.remove(first.run_id)
    assert history.count() == 1
    history.check()
    history.close()


def test_runs_that_end_at_once_on_a_new_server(url: str) -> None:
    """Each makes the tables where they are not there yet."""
    begin, errors = threading.Barrier(4), []

    def keep(number: int) -> None:
        history = History(url)
        begin.wait()
        try:
            history.add(made.run(number, run_id=f"run-{number}"))
            history.add(made.run(number, run_id="the same"))
        except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
            errors.append(error)
        history.close()

    writers = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert errors == []
    history = History(url)
    assert {run.run_id for run in history.runs()} == {"the same", "run-0", "run-1", "run-2", "run-3"}
    history.close()
