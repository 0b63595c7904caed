"""`cleanup RUN`: what it needs, and how it ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import Plan, Scenario
from perfsuite.run.load_run import PLAN_FILE, save
from perfsuite.target.journal import FILE_NAME, Journal, JournalEntry
from tests.integration.programs import Backend, Ended, run_suite, running_backend

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def stubborn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend that lets nobody change a flag."""
    with running_backend(tmp_path_factory.mktemp("stubborn"), "error=500@flags.update") as backend:
        yield backend


def a_run_that_turned_a_flag(backend: Backend, folder: Path) -> str:
    """Its folder holds what cleanup needs; the flag, which it found in the other position than now."""
    name, on = sorted((name, on) for name, on in backend.flags().items() if name.startswith("perf_"))[0]
    scenario = Scenario("basic", 20, 20, 60)
    save(folder / PLAN_FILE, Plan("basic_1", scenario, backend.host, {}, (), (), 1, "2026-03-01T09:30:00Z"))
    book = Journal(folder / FILE_NAME)
    book.write(JournalEntry("flag", "flag", name, before=not on))
    book.close()
    return name


def clean(backend: Backend, folder: Path, roles: tuple[str, ...]) -> Ended:
    """The command, with the accounts of these roles only."""
    with backend.credentials.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    few = folder / "few.csv"
    with few.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *(row for row in rows if row[2] in roles)])
    return run_suite("cleanup", str(folder), "--credentials", str(few))


def test_a_super_admin_is_enough(backend: Backend, tmp_path: Path) -> None:
    name = a_run_that_turned_a_flag(backend, tmp_path)
    before = backend.flags()

    done = clean(backend, tmp_path, ("super_admin",))

    assert (done.code, done.err) == (0, "")
    assert backend.flags() == before | {name: not before[name]}
    again = clean(backend, tmp_path, ("super_admin",))
    assert (again.code, again.out) == (0, "Nothing is left to remove.\n")
    a_run_that_turned_a_flag(backend, tmp_path)
    assert clean(backend, tmp_path, ("super_admin",)).code == 0
    assert backend.flags() == before


def test_without_one_it_says_so(backend: Backend, tmp_path: Path) -> None:
    name = a_run_that_turned_a_flag(backend, tmp_path)
    before = backend.flags()

    done = clean(backend, tmp_path, ("policyholder",))

    assert (done.code, done.err) == (4, "")
    why = CleanupMessage.NO_ADMIN_TO_RESTORE(admin="Super Admin")
    assert f"flag {name} (was {not before[name]}): {why}\n" in done.out
    assert backend.flags() == before


def test_a_flag_that_cannot_be_put_back_ends_with_4(stubborn: Backend, tmp_path: Path) -> None:
    name = a_run_that_turned_a_flag(stubborn, tmp_path)
    before = stubborn.flags()

    done = clean(stubborn, tmp_path, ("super_admin",))

    assert (done.code, done.err) == (4, "")
    assert f"flag {name} (was {not before[name]}): HTTP 500" in done.out
    assert stubborn.flags() == before


def test_a_host_that_may_not_be_loaded_is_not_cleaned_either(backend: Backend, tmp_path: Path) -> None:
    a_run_that_turned_a_flag(replace(backend, host="https://api.agentmitra.com"), tmp_path)

    done = clean(backend, tmp_path, ("super_admin",))

    assert done.code == 6
    assert "refused: api.agentmitra.com looks like production" in done.err
