"""What can be made of the files of a run afterwards: report and judge. And colours, which need a terminal."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import STARTER, Ended, run_suite

pytestmark = [pytest.mark.integration, pytest.mark.made("own_target")]

STRICT = """schema = 1
[[target]]
name = "no time at all"
metric = "avg_ms"
below = 0.001
"""


@pytest.fixture
def copy(made: Ended, tmp_path: Path) -> Path:
    """A copy of the run's folder."""
    return Path(shutil.copytree(made.folder, tmp_path / made.folder.name))


def test_the_report_made_anew_is_the_same(copy: Path) -> None:
    names = ["summary.json", "stats.csv", "stats_history.csv", "failures.csv", "report.html", "junit.xml", "summary.md"]
    names.append("violations.jsonl")
    before = {name: (copy / name).read_bytes() for name in names}
    for name in names:
        (copy / name).unlink()
    done = run_suite("report", str(copy))
    assert (done.code, done.err) == (0, "")
    assert sorted(Path(line).name for line in done.out.split()) == sorted(names)
    assert {name: (copy / name).read_bytes() for name in names} == before


def test_a_run_is_judged_by_stricter_limits_and_its_files_stay(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text(STRICT, encoding="utf-8")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    done = run_suite("judge", str(copy), "--targets", str(tmp_path / "strict.toml"))
    assert (done.code, done.err) == (1, "")
    assert done.out.rstrip().endswith("VERDICT: FAIL")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert run_suite("judge", str(copy)).code == 0


def test_quiet_leaves_the_verdict_and_no_word_of_the_files(copy: Path) -> None:
    judged = run_suite("judge", str(copy), "--quiet", "--no-color")
    assert (judged.code, judged.err) == (0, "")
    assert judged.out.startswith("With 40 users the backend met ")
    assert judged.out.rstrip().endswith("VERDICT: PASS")
    assert "Average response time" not in judged.out
    (copy / "report.html").unlink()
    reported = run_suite("report", str(copy), "--quiet", "--no-color")
    assert (reported.code, reported.out, reported.err) == (0, "", "")
    assert (copy / "report.html").exists()


def test_damaged_files_are_named(copy: Path) -> None:
    (copy / "plan.json").write_text("{", encoding="utf-8")
    done = run_suite("report", str(copy))
    assert done.code == 2
    assert f"{copy / 'plan.json'}: damaged" in done.err
    assert "Traceback" not in done.err


def test_measurements_that_are_cut_off_give_a_report_of_what_is_there(copy: Path) -> None:
    path = copy / "measurements.jsonl.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = run_suite("report", str(copy))
    assert (done.code, done.err) == (0, "")


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the command writes where its output is a terminal."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, str(STARTER), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env=inherited | {"TERM": "xterm"} | environment,
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:
            pass  # Linux tells the end of a terminal so
        finally:
            os.close(ours)
        assert process.wait(120) == 0
    return told.decode()


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [
        pytest.param([], {"NO_COLOR": ""}, True, id="a terminal has colours"),
        pytest.param(["--no-color"], {}, False, id="not with --no-color"),
    ],
)
def test_colours(copy: Path, options: list[str], environment: dict[str, str], coloured: bool) -> None:
    told = on_a_terminal("judge", str(copy), *options, **environment)
    assert "VERDICT: " in told
    assert "PASS" in told
    assert ("\x1b[" in told) is coloured
