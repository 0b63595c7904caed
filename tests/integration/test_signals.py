"""Runs that are ended from outside: in order, at once, or by kill -9."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from perfsuite.messages.reasons import Reason
from tests.integration.attempts import repeated
from tests.integration.cost_runs import easy
from tests.integration.programs import (
    STARTER,
    Backend,
    Ended,
    Program,
    alive,
    ended,
    family_of,
    read_json,
    run_folders,
    run_suite,
    running_backend,
    suite,
    until,
)
from tests.integration.runs import BEGUN_WITHIN_S, EARLY_LEADS, TWENTY_USERS, made_rows

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("heard_signals")]

GONE_WITHIN_S = 25
Begin = Callable[..., Program]


@pytest.fixture
def begin(results: Path) -> Iterator[Begin]:
    """Begin a run of two minutes; it is ended after the test."""
    begun: list[Program] = []

    def run(*arguments: str) -> Program:
        program = suite(*arguments, *TWENTY_USERS, *EARLY_LEADS, "--duration", "2m", "--results", str(results))
        begun.append(program)
        return program

    yield run
    for program in begun:
        program.end()


def wait_for_load(program: Program, results: Path, rows: int = 1) -> None:
    """Until the load has made rows, so that there is something to remove."""
    until(lambda: made_rows(results) >= rows or not program.running, BEGUN_WITHIN_S, "rows made by the load")
    assert program.running, program.out + program.err
    program.look()


def test_ctrl_c_on_a_demo_writes_the_report_and_leaves_nothing(begin: Begin, results: Path) -> None:
    run = begin("--demo")
    wait_for_load(run, results)
    assert len(run.seen) >= 4, "the suite, its load, the demo's supervisor and backend"
    run.interrupt()
    done = ended(run, run.wait(90), results)
    assert (done.code, done.left, done.err) == (130, (), "")
    assert (done.summary["verdict"], done.summary["exit_code"]) == ("interrupted", 130)
    assert done.summary["reasons"][0].startswith("interrupted after ")
    assert done.summary["cleanup"]["removed"] == done.summary["cleanup"]["created"] > 0
    assert done.summary["reconciliation"]["agrees"]
    assert "INTERRUPTED" in (done.folder / "report.html").read_text(encoding="utf-8")
    assert "VERDICT: INTERRUPTED" in done.out


def test_sigterm_writes_the_report_and_removes_what_was_made(begin: Begin, backend: Backend, results: Path) -> None:
    rows, flags = backend.rows(), backend.flags()
    run = begin(*backend.target)
    wait_for_load(run, results)
    run.process.send_signal(signal.SIGTERM)
    done = ended(run, run.wait(90), results)
    assert (done.code, done.left, done.err) == (130, (), "")
    assert done.summary["verdict"] == "interrupted"
    assert (done.folder / "report.html").exists()
    assert (backend.rows(), backend.flags()) == (rows, flags)
    assert len(backend.requests(done.folder.name)) == done.summary["whole_run"]["requests"]


def test_a_closed_terminal_ends_a_run_in_order(backend: Backend, results: Path) -> None:
    """The run is the foreground of a terminal that goes away with its window."""
    rows, flags = backend.rows(), backend.flags()
    command = [sys.executable, str(STARTER), *backend.target, *TWENTY_USERS, *EARLY_LEADS, "--duration", "2m"]
    window, terminal = os.openpty()
    run = subprocess.Popen(
        [*command, "--results", str(results)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    seen = b""
    try:
        until(lambda: made_rows(results) >= 1 or run.poll() is not None, BEGUN_WITHIN_S, "rows made by the load")
        family = family_of(run.pid)
        assert len(family) >= 2, "the suite and its load"
        seen = os.read(window, 1 << 16)
    finally:
        os.close(window)
        try:
            run.wait(90)
        finally:
            run.kill()
    assert b"Preflight: " in seen
    (folder,) = run_folders(results)
    summary = read_json(folder / "summary.json")
    assert (run.returncode, summary["verdict"]) == (130, "interrupted")
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"] > 0
    assert (backend.rows(), backend.flags()) == (rows, flags)
    assert (folder / "report.html").exists()
    assert alive(family) == []


def interrupted_after_the_load(results: Path, *options: str) -> Ended:
    """While the lines of the backend's log are counted, and the report is written."""
    run = suite("--demo", *TWENTY_USERS, *options, "--duration", "3s", "--results", str(results))
    try:
        until(lambda: "Cleanup: removed" in run.out or not run.running, 200, "the end of the load")
        if run.running:
            run.interrupt()
        return ended(run, run.wait(60), results)
    finally:
        run.end()


def test_ctrl_c_after_the_load_leaves_the_report_whole(results: Path, tmp_path: Path) -> None:
    load = easy(tmp_path)
    done = repeated(
        lambda place: interrupted_after_the_load(place, *load),
        results,
        lambda done: bool(done.err),  # otherwise it had ended before it heard of it
        unfit=lambda _place: False,
    )
    assert (done.code, done.left) == (130, ())
    assert done.err.strip() == "Interrupted after the load: its figures and its verdict are complete."
    assert done.summary["verdict"] in ("pass", "inconclusive"), done.summary["reasons"]
    assert done.summary["reconciliation"]["agrees"]
    assert (done.folder / "report.html").exists()
    assert "VERDICT: " in done.out


def test_a_second_ctrl_c_does_not_wait_for_a_target_that_hangs(begin: Begin, backend: Backend, results: Path) -> None:
    run = begin(*backend.target)
    wait_for_load(run, results)
    server = backend.server
    server.suspend()
    try:
        run.interrupt()
        until(lambda: "interrupt again to stop at once" in run.out, 20, "the answer to the first Ctrl-C")
        assert run.running
        run.interrupt()
        done = ended(run, run.wait(GONE_WITHIN_S), results)
    finally:
        server.resume()
    assert (done.code, done.left) == (130, ())
    assert "Traceback" not in done.err
    assert done.summary["verdict"] == "interrupted"
    assert (done.folder / "report.html").exists()
    cleaned = run_suite("cleanup", str(done.folder), "--credentials", str(backend.credentials))
    assert (cleaned.code, cleaned.err) == (0, "")


def test_ctrl_c_before_the_load_ends_at_once(begin: Begin, results: Path) -> None:
    run = begin("--demo")
    until(lambda: "Demo: starting" in run.out, 60, "the demo's start")
    until(lambda: run.look() or len(run.seen) > 1, 60, "the demo's processes")
    run.interrupt()
    done = ended(run, run.wait(60), results)
    assert done.code == 130
    assert done.err.strip() == "Interrupted."
    until(lambda: not alive(list(run.seen.values())), GONE_WITHIN_S, "the end of the demo")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which signals a process has a handler for")
@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.9])
def test_sigterm_in_the_first_second_ends_everything(after_s: float, begin: Begin, results: Path) -> None:
    """From the moment on at which the starter hears signals: whatever Python is about, it ends, and so it says."""
    run = begin("--demo")
    until(lambda: hears(run.process.pid, signal.SIGTERM), 60, "the first handler")
    time.sleep(after_s)
    run.look()
    run.process.terminate()
    done = ended(run, run.wait(60), results)
    assert (done.code, done.err.strip()) == (130, "Interrupted.")
    until(lambda: not alive(list(run.seen.values())), GONE_WITHIN_S, "the end of all that was started")


def hears(pid: int, number: int) -> bool:
    """Has the process a handler for that signal?"""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_kill_9_of_a_demo_run_leaves_no_process(begin: Begin, results: Path) -> None:
    run = begin("--demo")
    wait_for_load(run, results)
    family = [psutil.Process(pid) for pid in run.seen if psutil.pid_exists(pid)]
    assert len(family) >= 5
    run.process.kill()
    run.process.wait()
    until(lambda: not alive(family), GONE_WITHIN_S, f"the end of {family}")


@pytest.mark.made("hung_cleanup")
def test_ctrl_c_while_rows_are_removed_tells_which_are_left(made: Ended) -> None:
    cleanup = made.summary["cleanup"]
    assert (made.code, made.left, made.summary["verdict"]) == (130, (), "interrupted")
    assert "Traceback" not in made.err
    # Those of preflight were removed before the load, to prove that they can be.
    assert len(cleanup["not_removed"]) == cleanup["created"] - cleanup["removed"] > 0
    (headline,) = made.summary["headlines"]
    assert headline.startswith(Reason.ROWS_REMAIN(rows=""))
    assert all("cleanup was interrupted" in line for line in cleanup["not_removed"])
    assert (made.folder / "report.html").exists()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(Program.interrupt, 0, id="Ctrl-C"),
        pytest.param(lambda program: program.process.terminate(), 0, id="SIGTERM"),
        pytest.param(lambda program: program.process.kill(), -signal.SIGKILL, id="kill -9"),
    ],
)
def test_the_backend_command_leaves_no_server(end: Callable[[Program], None], code: int, tmp_path: Path) -> None:
    with running_backend(tmp_path) as backend:
        family = family_of(backend.program.process.pid)
        assert len(family) == 2, "the command and the server"
        end(backend.program)
        assert backend.program.process.wait(GONE_WITHIN_S) == code
        until(lambda: not alive(family), GONE_WITHIN_S, f"the end of {family}")
        assert "Traceback" not in backend.program.err


@pytest.mark.made("killed")
def test_kill_9_leaves_no_process_but_the_rows(made: Ended) -> None:
    assert made.code == -signal.SIGKILL
    assert len(made.beside["family"]) >= 2, "the suite and its load"
    assert made.beside["rows left"]["policies"] + made.beside["rows left"]["leads"] > (
        made.beside["rows before"]["policies"] + made.beside["rows before"]["leads"]
    )


@pytest.mark.made("killed")
def test_a_killed_run_can_be_reported(made: Ended) -> None:
    report: Ended = made.beside["report"]
    assert (report.code, report.err) == (0, "")
    assert '"verdict": "inconclusive"' in made.beside["summary"]
    assert "the run was cut off after" in made.beside["summary"]
    assert "the load process died" not in made.beside["summary"]
    assert "the run was cut off after" in (made.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.made("killed")
def test_cleanup_removes_what_a_killed_run_left(made: Ended) -> None:
    cleanup: Ended = made.beside["cleanup"]
    assert (cleanup.code, cleanup.err) == (0, "")
    assert made.beside["rows"] == made.beside["rows before"]
    assert made.beside["flags"] == made.beside["flags before"]
    again: Ended = made.beside["again"]
    assert (again.code, again.err) == (0, "")
    assert "removed" not in again.out
