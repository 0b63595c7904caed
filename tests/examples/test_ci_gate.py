"""The gate in `examples/ci_gate`: what each exit code of the suite makes of a build, and a whole run of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import run_folders

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "examples" / "ci_gate" / "gate.sh"


def _gate(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The gate, with `folder` before everything else on the path."""
    strange = ("HOST", "SCENARIO", "ALLOW_INCONCLUSIVE", "NO_COLOR", "GITHUB_STEP_SUMMARY")
    environment = {name: value for name, value in os.environ.items() if name not in strange} | more
    environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [str(GATE), *arguments], env=environment, capture_output=True, text=True, timeout=150, check=False
    )


def _suite_that_ends_with(code: int, folder: Path) -> Path:
    """A `python` that tells its arguments and ends with that code."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("code", "tolerant", "ends", "said"),
    [
        (0, "", 0, "gate: open"),
        (1, "", 1, "gate: closed, the backend misses its targets"),
        (2, "", 2, "gate: closed, nothing was measured"),
        (3, "1", 3, "gate: closed, nothing was measured"),
        (4, "", 4, "gate: closed, the run says nothing"),
        (4, "1", 0, "gate: open, though"),
        (5, "1", 5, "gate: closed, the backend became worse than the baseline"),
        (6, "1", 6, "gate: closed, nothing was measured"),
        (130, "1", 130, "gate: closed, the run was interrupted"),
    ],
)
def test_every_exit_code_of_the_suite(code: int, tolerant: str, ends: int, said: str, tmp_path: Path) -> None:
    done = _gate(_suite_that_ends_with(code, tmp_path), ALLOW_INCONCLUSIVE=tolerant)
    assert (done.returncode, done.stderr) == (ends, "")
    assert done.stdout.splitlines()[-1].startswith(said)


def test_the_host_and_what_is_typed_go_to_the_suite(tmp_path: Path) -> None:
    done = _gate(_suite_that_ends_with(0, tmp_path), "--read-only", HOST="http://localhost:1", SCENARIO="month_end")
    reported = done.stdout.splitlines()[0]
    assert reported.startswith("run_performance_tests.py --host http://localhost:1 --scenarios examples/own_scenario/")
    assert "--scenario month_end" in reported
    assert reported.endswith("--quiet --no-color --read-only")


@pytest.mark.integration
def test_it_loads_the_reference_backend_with_own_scenario_and_own_targets(tmp_path: Path) -> None:
    """A machine that is too busy makes a run inconclusive; the gate then says so."""
    load = ("--users", "20", "--spawn-rate", "20", "--duration", "6s", "--results", str(tmp_path))
    done = _gate(Path(sys.executable).parent, *load)
    assert done.returncode in (0, 4), done.stdout + done.stderr
    (folder,) = run_folders(tmp_path)
    assert folder.name.startswith("monday_morning_")
    assert 'name="policy list (operation policies.list)"' in (folder / "junit.xml").read_text(encoding="utf-8")
    assert done.stdout.splitlines()[-1].startswith("gate: open" if done.returncode == 0 else "gate: closed, the run")
