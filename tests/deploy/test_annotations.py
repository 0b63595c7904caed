"""What GitHub shows of junit.xml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perfsuite.report.files.junit import junit_xml
from tests.report import example_runs

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "ci" / "annotations.py"


def _shown(folder: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-I", str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("example", "levels", "verdict"),
    [
        pytest.param("passed", ["notice"] * 3, "notice", id="passed"),
        pytest.param("failed", ["error"] * 3 + ["notice"] * 2 + ["error"], "error", id="failed"),
        pytest.param(
            "wrong_under_load", ["error"] * 5 + ["notice"] * 3 + ["error", "notice"], "notice", id="violations first"
        ),
        pytest.param("inconclusive", ["notice"] * 5 + ["warning"], "warning", id="inconclusive"),
    ],
)
def test_each_target_by_its_outcome(example: str, levels: list[str], verdict: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "junit.xml").write_text(junit_xml(example_runs.EXAMPLES[example]()), encoding="utf-8")
    lines = _shown(tmp_path)
    assert [line.split()[0].lstrip(":") for line in lines] == levels
    assert lines[-1].startswith(f"::{verdict} title=")
    if example == "failed":
        # One line each, whatever the target said: nothing of it becomes a command of its own. What is said twice in
        # junit.xml is shown once.
        assert lines[0] == "::error title=moderate%3A average response time::observed 526 ms, limit < 500 ms"


def test_without_a_run_it_says_so(tmp_path: Path) -> None:
    assert _shown(tmp_path) == ["::warning title=performance::no run left a junit.xml; the log of the job says why"]
