"""Runs whose output goes to a reader that leaves, or to a place that takes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import ROOT, STARTER, Backend, read_json, run_folders
from tests.integration.runs import TWENTY_USERS

pytestmark = pytest.mark.integration

FULL = Path("/dev/full")


def test_a_reader_that_leaves_does_not_end_a_run(backend: Backend, results: Path) -> None:
    """As with `| head -1`."""
    rows, flags = backend.rows(), backend.flags()
    command = [sys.executable, str(STARTER), *backend.target, *TWENTY_USERS, "--duration", "8s"]
    with subprocess.Popen(
        [*command, "--results", str(results)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline().startswith(b"Preflight: ")
        run.stdout.close()
        said = run.stderr.read()
    (folder,) = run_folders(results)
    summary = read_json(folder / "summary.json")
    assert (run.returncode, said) == (summary["exit_code"], b"")
    assert summary["verdict"] in ("pass", "inconclusive"), summary["reasons"]
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"] > 0
    assert (backend.rows(), backend.flags()) == (rows, flags)
    assert (folder / "report.html").exists()


@pytest.mark.skipif(not FULL.exists(), reason="a file that takes nothing: Linux has one")
@pytest.mark.parametrize(
    "arguments",
    [pytest.param(["--demo"], id="a run"), pytest.param(["--demo", "--dry-run"], id="a plan")],
)
def test_a_place_that_takes_nothing_is_told_before_anything_is_sent(arguments: list[str], results: Path) -> None:
    command = [sys.executable, str(STARTER), *arguments, "--results", str(results)]
    with FULL.open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (2, "the output cannot be written: No space left on device\n")
    assert not results.exists()
