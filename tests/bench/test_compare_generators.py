"""The benchmark as it is called: a short run with this suite, and sessions in which generators fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from bench.generators.process_tree import Command
from bench.generators.session import Place, Session, Settings
from bench.generators.tools.wrk import Wrk
from bench.generators.work import Kind, Outcome, Work

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None or os.cpu_count() == 1, reason="needs nginx and two cores")


def compare(*options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(ROOT / "bench" / "compare_generators.py"), *options]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)


@needs_nginx
@pytest.mark.integration
def test_a_short_run_measures_every_kind_of_work_and_leaves_nothing_running() -> None:
    """Of the parts of full speed, c stands for b, too: b sends a single operation instead of all."""
    before = {process.pid for process in psutil.process_iter()}

    done = compare("--quick", "--only", "a,c,d,e", "--generators", "ours")

    assert done.returncode == 0, done.stdout + done.stderr
    for title in ("a. ", "c. ", "d. ", "e. "):
        assert f"\n{title}" in done.stdout
    assert done.stdout.count("**this suite**") == 4
    ours = [line for line in done.stdout.splitlines() if line.startswith("| **this suite**")]
    assert not any("–" in line or "failed" in line for line in ours), done.stdout
    left = [process for process in psutil.process_iter(["name", "cmdline"]) if process.pid not in before]
    assert [one.info for one in left if "bench-" in " ".join(one.info["cmdline"] or ())] == []


class Broken:
    """A generator that ends at once."""

    name = "broken"
    kinds = frozenset(Kind)
    beside_s = 2

    def command(self, work: Work) -> Command:
        return Command(["sh", "-c", "echo no such option >&2; exit 7"], work.folder, {})

    def outcome(self, work: Work, output: str) -> Outcome:
        raise ValueError("no report")


class Silent(Broken):
    """A generator that connects, and whose every request failed."""

    name = "silent"
    kinds = frozenset({Kind.BARE})

    def __init__(self, wrk: Wrk) -> None:
        self._wrk = wrk

    def command(self, work: Work) -> Command:
        return self._wrk.command(work)

    def outcome(self, work: Work, output: str) -> Outcome:
        return Outcome(9, 9)


def cells_of(generators: Sequence[object], folder: Path) -> Session:
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)  # nginx works as another user
    first, second = sorted(os.sched_getaffinity(0))[:2]
    settings = Settings(("a", "d", "e"), 1, 1, 5, (20,), 20, (0.5,), 1)
    session = Session(settings, Place(first, second, folder, 1024), generators, lambda _line: None)  # type: ignore[arg-type]
    session.run()
    return session


@needs_nginx
@pytest.mark.integration
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_a_generator_that_fails_does_not_end_the_others(tmp_path: Path) -> None:
    wrk = Wrk("wrk")

    results = cells_of([Broken(), Silent(wrk), wrk], tmp_path).results

    cells = results.cells["a"]
    assert cells["broken"].problems == ["round 1: exit code 7 before all users were at work: no such option"]
    assert cells["silent"].problems == ["round 1: 9 of 9 requests failed"]
    assert [len(cells["wrk"].samples), cells["wrk"].problems] == [1, []]
    assert "exit code 7" in results.memory["broken"][0].problem
    (problem,) = results.accuracy["broken"][0].problems
    assert problem.startswith("saturation: exit code 7")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param(("--only", "a,x"), "x not known; known: a, b, c, d, e", id="no such part"),
        pytest.param(("--generators", "ab"), "ab not known; known: ours, wrk", id="no such generator"),
        pytest.param(("--rounds", "0"), "must be at least 1", id="no rounds"),
    ],
)
def test_a_wrong_command_is_refused_in_a_line(options: tuple[str, ...], named: str) -> None:
    done = compare(*options)

    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
