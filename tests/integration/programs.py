"""Starting the suite and the backend as a user does, looking at their processes, and ending them by their ids."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfsuite.demo.programs import FULL_DEMO, find_program
from perfsuite.errors import TargetError
from tests.integration.attempts import ATTEMPTS, repeated

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "run_performance_tests.py"
SMALL = "0.02"
"""Seed factor of most backends: accounts for 90 users, and few rows beside them."""

_LOOK_EVERY_S = 0.05
_LOOK_AT_FAMILY_EVERY_S = 0.25
"""Each look reads what /proc has of every process of this machine."""
_READY_WITHIN_S = 60.0
_LONGEST_S = 300.0
_LISTENING = re.compile(r"^listening on (http://127\.0\.0\.1:(\d+))$", re.MULTILINE)


def until(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """What `condition` gives as soon as that is true; the test fails when it takes longer than `within_s`."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(_LOOK_EVERY_S)
    return found


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def full_demo_programs() -> None:
    """Raises TargetError, with what to install, where a program for a full demo is missing."""
    for name in FULL_DEMO:
        find_program(name)


def skip_without(find_programs: Callable[[], None]) -> None:
    """Skip the test where a program is missing; fail it in CI, which has to have it."""
    try:
        find_programs()
    except TargetError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


# ── processes ───────────────────────────────────────────────────────────────────────────────────────


def family_of(pid: int) -> list[psutil.Process]:
    """The process and all that it has started; [] when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie only waits for a parent to take note."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Program:
    """A program that runs in a session of its own, as in a terminal of its own, with its output in files."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    command_lines: set[str] = field(default_factory=set)

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self.out_file.read_text(encoding="utf-8", errors="replace")

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self.err_file.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self.process.poll() is None

    def look(self) -> None:
        """Remember who belongs to it now, and with which command lines."""
        for process in family_of(self.process.pid):
            try:
                self.command_lines.add(" ".join(process.cmdline()))
            except psutil.NoSuchProcess:
                continue
            self.seen[process.pid] = process

    def wait(self, within_s: float = _LONGEST_S) -> int:
        """Its exit code; everything that it starts until then is remembered."""

        looked_s = -math.inf

        def over() -> bool:
            nonlocal looked_s
            if time.monotonic() - looked_s > _LOOK_AT_FAMILY_EVERY_S:
                self.look()
                looked_s = time.monotonic()
            return not self.running

        until(over, within_s, f"the end of {self.process.args!r}; it said:\n{self.out}{self.err}")
        return int(self.process.returncode)

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> None:
        """End it and its descendants, at once; its output goes."""
        for process in [*family_of(self.process.pid), *alive(list(self.seen.values()))]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        shutil.rmtree(self.out_file.parent, ignore_errors=True)


def start(command: Sequence[str], **more: Any) -> Program:
    """Begin a program. The caller has to `end` it."""
    folder = Path(tempfile.mkdtemp(prefix="mitra-test-"))
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=more.pop("cwd", ROOT),
            env=_environment(more.pop("env", {})),
            start_new_session=True,
            **more,
        )
    return Program(process, folder / "out", folder / "err")


def _environment(more: dict[str, str]) -> dict[str, str]:
    """Ours without what would change the output of a run."""
    strange = ("NO_COLOR", "GITHUB_STEP_SUMMARY", "AGENTMITRA_TEST_PASSWORD", "PYTEST_CURRENT_TEST")
    return {name: value for name, value in os.environ.items() if name not in strange} | more


# ── the suite ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Ended:
    """A command of the suite that has ended.

    `folders`: the runs that it left, oldest first; `left`: what it started and still ran when it had ended;
    `beside`: what else was seen, by name.
    """

    code: int
    out: str
    err: str
    folders: tuple[Path, ...] = ()
    command_lines: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    beside: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The one run that it made."""
        assert len(self.folders) == 1, (self.folders, self.out, self.err)
        return self.folders[0]

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json of its run."""
        return read_json(self.folder / "summary.json")


def suite(*arguments: str, **more: Any) -> Program:
    """Begin `run_performance_tests.py` with these arguments."""
    return start([sys.executable, str(STARTER), *arguments], **more)


def run_suite(*arguments: str, results: Path | None = None, within_s: float = _LONGEST_S, **more: Any) -> Ended:
    """The command, from its start to its end.

    A run that had too little of this machine is made again, with `results` beside the folder of that name. Of the same
    target: where the second run would find it otherwise than the first, `repeated` has to be around both.
    """
    attempts = more.pop("attempts", ATTEMPTS if results is not None else 1)
    if results is None:
        return _run_once(*arguments, results=None, within_s=within_s, **more)
    return repeated(
        lambda place: _run_once(*arguments, results=place, within_s=within_s, **more), results, attempts=attempts
    )


def _run_once(*arguments: str, results: Path | None, within_s: float, **more: Any) -> Ended:
    program = suite(*arguments, *(("--results", str(results)) if results else ()), **more)
    try:
        return ended(program, program.wait(within_s), results)
    finally:
        program.end()


def ended(program: Program, code: int, results: Path | None = None) -> Ended:
    """What a program that has ended leaves."""
    return Ended(
        code,
        program.out,
        program.err,
        tuple(run_folders(results)) if results else (),
        frozenset(program.command_lines),
        tuple(map(str, alive(list(program.seen.values())))),
    )


def run_folders(results: Path) -> list[Path]:
    """The folders of runs, by name; beside them lies the history."""
    return sorted(path for path in results.iterdir() if path.is_dir()) if results.is_dir() else []


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_bytes())


def failed_operations(summary: dict[str, Any]) -> dict[str, int]:
    """Operation → failed requests of the steady state, of those that failed at all."""
    counts: dict[str, int] = {}
    for row in summary["operations"]:
        if row["failures"]:
            counts[row["operation"]] = counts.get(row["operation"], 0) + row["failures"]
    return counts


# ── the backend ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Backend:
    """A reference backend on its own, with its files."""

    program: Program
    host: str
    port: int
    folder: Path

    @property
    def credentials(self) -> Path:
        """Accounts for 90 users."""
        return self.folder / "credentials.csv"

    @property
    def log(self) -> Path:
        """Its request log."""
        return self.folder / "requests.jsonl"

    @property
    def target(self) -> tuple[str, ...]:
        """Options of a run that point at it."""
        return ("--host", self.host, "--credentials", str(self.credentials))

    @property
    def server(self) -> psutil.Process:
        """The process that answers."""
        return next(
            process for process in family_of(self.program.process.pid) if "--exit-with-stdin" in process.cmdline()
        )

    def rows(self) -> dict[str, int]:
        """Table → number of rows."""
        with self._database() as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: int(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608
                for name in names
            }

    def tables(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Table → key of a row → the row; the key is the first column."""
        with self._database() as database:
            database.row_factory = sqlite3.Row
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: {str(row[0]): dict(row) for row in database.execute(f'SELECT * FROM "{name}"')}  # noqa: S608
                for name in names
            }

    def flags(self) -> dict[str, bool]:
        """Feature flag → whether it is on."""
        with self._database() as database:
            return {name: bool(on) for name, on in database.execute("SELECT flag_name, is_enabled FROM feature_flags")}

    def requests(self, run_id: str) -> list[dict[str, Any]]:
        """What it logged of a run's load."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["run_id"] == run_id]

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(f"file:{self.folder / 'mitra.db'}?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def running_backend(folder: Path, *faults: str, seed_factor: str = SMALL) -> Iterator[Backend]:
    """The `backend` command on a free port, with its database, its log and its accounts in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"--database-url": "mitra.db", "--request-log": "requests.jsonl", "--credentials-out": "credentials.csv"}
    options = [part for option, name in files.items() for part in (option, str(folder / name))]
    specs = [part for fault in faults for part in ("--fault", fault)]
    program = suite("backend", "--port", "0", "--seed-factor", seed_factor, *options, *specs)
    try:
        found = until(
            lambda: _LISTENING.search(program.out) or not program.running, _READY_WITHIN_S, "the backend's address"
        )
        assert program.running, program.err
        program.look()
        yield Backend(program, found.group(1), int(found.group(2)), folder)
    finally:
        program.end()
