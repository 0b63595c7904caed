"""Runs in which the suite itself fails: rows go, what was measured is reported, and the target has not failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.failing_stage import MESSAGE
from tests.integration.programs import ROOT, Backend, read_json, run_folders
from tests.integration.runs import TWENTY_USERS

pytestmark = pytest.mark.integration


def failing(stage: str, backend: Backend, results: Path) -> subprocess.CompletedProcess[str]:
    """A run of 20 s one stage of which fails."""
    command = [sys.executable, "-m", "tests.integration.failing_stage", stage, *backend.target, *TWENTY_USERS]
    return subprocess.run(
        [*command, "--duration", "20s", "--results", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_before_the_load_rows_are_removed_and_one_line_says_why(backend: Backend, results: Path) -> None:
    rows, flags = backend.rows(), backend.flags()
    done = failing("preflight", backend, results)
    (folder,) = run_folders(results)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert f"preflight: ZeroDivisionError: {MESSAGE}; its traceback is in {folder / 'suite-errors.log'}" in done.stderr
    assert "Traceback (most recent call last)" in (folder / "suite-errors.log").read_text(encoding="utf-8")
    assert (backend.rows(), backend.flags()) == (rows, flags)


def test_during_the_load_it_ends_in_order_and_is_reported(backend: Backend, results: Path) -> None:
    rows, flags = backend.rows(), backend.flags()
    done = failing("load", backend, results)
    (folder,) = run_folders(results)
    summary = read_json(folder / "summary.json")
    assert (done.returncode, done.stderr) == (4, "")
    assert "Traceback" not in done.stdout
    assert (summary["verdict"], summary["exit_code"]) == ("inconclusive", 4)
    assert [error["count"] for error in summary["suite_errors"]] == [1]
    assert summary["whole_run"]["requests"] == len(backend.requests(folder.name)) > 0
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"] > 0
    assert (backend.rows(), backend.flags()) == (rows, flags)
    assert (folder / "report.html").exists()
