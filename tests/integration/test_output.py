"""Runs whose output goes to a reader that leaves, or to a place that takes nothing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import ROOT, STARTER, Backend, read_json, run_folders, run_suite
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


POOR = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
"""An environment in which Python reads and writes ASCII."""
RUN = ("--demo", *TWENTY_USERS, "--duration", "8s")


def test_a_run_in_ascii_is_made_and_its_files_are_utf_8(tmp_path: Path) -> None:
    done = run_suite(*RUN, "--label", "Prüfung – 1", results=tmp_path / "Ergebnis ü", env=POOR)
    assert (done.code, done.err, done.left) == (done.summary["exit_code"], "", ())
    assert done.summary["verdict"] in ("pass", "inconclusive"), done.summary["reasons"]
    assert done.summary["reconciliation"]["agrees"]
    assert done.out.isascii()
    assert "p95 -" in done.out
    assert done.summary["environment"]["label"] == "Prüfung – 1"
    for path in (*done.folder.iterdir(), done.folder.parent / "index.html"):
        if path.suffix not in (".gz", ".db"):
            path.read_text(encoding="utf-8")
    assert (done.folder.parent / "history.db").exists()


def test_a_run_without_standard_streams_is_made(results: Path) -> None:
    """As `>&- 2>&- <&-` starts it: what the suite opens must not take their places."""
    command = shlex.join([sys.executable, str(STARTER), *RUN, "--results", str(results)])
    done = subprocess.run(["/bin/sh", "-c", f"{command} <&- >&- 2>&-"], cwd=ROOT, timeout=120, check=False)
    (folder,) = run_folders(results)
    summary = read_json(folder / "summary.json")
    assert done.returncode == summary["exit_code"]
    assert summary["verdict"] in ("pass", "inconclusive"), summary["reasons"]
    assert summary["reconciliation"]["agrees"]
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"]
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
        ["/bin/sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert not results.exists()


@pytest.mark.skipif(not FULL.exists(), reason="a file that takes nothing: Linux has one")
def test_output_that_is_lost_is_a_line_on_standard_error() -> None:
    command = [sys.executable, str(STARTER), "--demo", "--dry-run"]
    with FULL.open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("Some of the output could not be written: No space left on device.")
