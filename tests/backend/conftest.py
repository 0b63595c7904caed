"""Seed once, copy for every server."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from mitra_backend.config import Settings, database_url
from mitra_backend.main import prepare_database

from tests.backend.support import FACTOR, SECRET, Api, running, settings_for

Serve = Callable[..., Api]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small seeded database in one file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "seeded.db"
    prepare_database(Settings(database_url=database_url(str(file)), secret_key=SECRET, seed_factor=FACTOR, seed=1))
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file


@pytest.fixture(scope="session")
def api(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return one healthy backend that all tests share: what they write they name themselves."""
    with running(settings_for(template, tmp_path_factory.mktemp("shared"))) as shared:
        yield shared


@pytest.fixture
def serve(template: Path, tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a backend of the test's own, with faults."""
    with ExitStack() as stack:

        def start(*faults: str, **more: Any) -> Api:
            return stack.enter_context(running(settings_for(template, tmp_path, *faults, **more)))

        yield start
