"""Runs whose output goes to a reader that leaves, or to a place that takes nothing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cost_runs import easy
from tests.integration.programs import ROOT, STARTER, Backend, Ended, read_json, run_folders
from tests.integration.runs import EARLY_LEADS, TWENTY_USERS

pytestmark = pytest.mark.integration

FULL = Path("/dev/full")


def test_a_run_without_streams_is_made_although_its_reader_leaves(
    backend: Backend, results: Path, tmp_path: Path
) -> None:
    """As `2>&- <&- | head -1`: what the suite opens must not take the places of the streams that it lacks."""
    rows, flags = backend.rows(), backend.flags()
    options = (
        *backend.target,
        *TWENTY_USERS,
        *EARLY_LEADS,
        "--duration",
        "5s",
        "--results",
        str(results),
        *easy(tmp_path),
    )
    command = shlex.join([sys.executable, str(STARTER), *options])
    with subprocess.Popen(["/bin/sh", "-c", f"exec {command} <&- 2>&-"], cwd=ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith(b"Preflight: ")
        run.stdout.close()
    (folder,) = run_folders(results)
    summary = read_json(folder / "summary.json")
    assert run.returncode == summary["exit_code"]
    assert summary["verdict"] in ("pass", "inconclusive"), summary["reasons"]
    assert summary["reconciliation"]["agrees"]
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"] > 0
    assert (backend.rows(), backend.flags()) == (rows, flags)
    assert len(backend.requests(folder.name)) == summary["whole_run"]["requests"]
    assert (folder / "report.html").exists()
    assert (results / "history.db").exists()


@pytest.mark.made("two_scenarios")
def test_runs_in_ascii_are_made_and_their_files_are_utf_8(made: Ended) -> None:
    assert made.out.isascii()
    assert "p95 -" in made.out
    results = made.folders[0].parent
    assert results.name == "Ergebnis ü"
    for folder in made.folders:
        assert read_json(folder / "summary.json")["environment"]["label"] == "Prüfung – 1"
    for path in (*(path for folder in made.folders for path in folder.iterdir()), results / "index.html"):
        if path.suffix not in (".gz", ".db"):
            path.read_text(encoding="utf-8")
    assert (results / "history.db").exists()


PLAN, MISTAKE = "--demo --dry-run", "--scenario baic"


@pytest.mark.skipif(not FULL.exists(), reason="a file that takes nothing: Linux has one")
@pytest.mark.parametrize(
    ("arguments", "where", "code"),
    [
        pytest.param(PLAN, ">/dev/full", 0, id="a full disk"),
        pytest.param(PLAN, ">&-", 0, id="standard output closed"),
        pytest.param(PLAN, "2>&-", 0, id="standard error closed"),
        pytest.param(PLAN, "1</dev/null", 0, id="standard output is no place to write to"),
        pytest.param(MISTAKE, ">&- 2>&-", 2, id="a mistake, both closed"),
        pytest.param(MISTAKE, ">/dev/full 2>/dev/full", 2, id="a mistake, both on a full disk"),
        pytest.param("--help", ">/dev/full", 0, id="help on a full disk"),
        pytest.param("--help", ">&-", 0, id="help to nobody"),
    ],
)
def test_where_the_output_goes_changes_no_exit_code(arguments: str, where: str, code: int, results: Path) -> None:
    command = f"{shlex.join([sys.executable, str(STARTER)])} {arguments} {where}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=150, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert not results.exists()


@pytest.mark.skipif(not FULL.exists(), reason="a file that takes nothing: Linux has one")
def test_output_that_is_lost_is_a_line_on_standard_error() -> None:
    command = [sys.executable, str(STARTER), "--demo", "--dry-run"]
    with FULL.open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=150, check=False
        )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("Some of the output could not be written: No space left on device.")
