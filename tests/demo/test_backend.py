"""The backend on its own, as the `backend` command starts it."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from perfsuite.demo.backend import BackendSettings, start_backend

pytestmark = pytest.mark.integration


def test_the_database_that_is_named_is_the_one_that_is_filled(tmp_path: Path) -> None:
    database, accounts = tmp_path / "own.db", tmp_path / "accounts.csv"
    url = f"sqlite:///{database}"
    process = start_backend(BackendSettings(seed_factor=0.02, credentials_out=accounts), database_url=url)
    try:
        until = time.monotonic() + 90
        # The accounts are written after seeding.
        while not accounts.exists() and process.poll() is None and time.monotonic() < until:
            psutil.wait_procs([psutil.Process(process.pid)], timeout=0.05)
        assert accounts.exists()
        assert database.stat().st_size > 100_000
        assert not any(url in part for part in psutil.Process(process.pid).cmdline())
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0
