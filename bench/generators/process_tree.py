"""A program with all its descendants: started on one core, its CPU time and memory, and its certain end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICK = os.sysconf("SC_CLK_TCK")
_SET_CHILD_SUBREAPER = 36
_END_WITHIN_S = 10.0
_ROOTS: set[int] = set()
"""Programs that this process has started: a child that is none of them is an orphan, of the generator at work."""


def not_of_others(root: int) -> None:
    """A program started by this process is no orphan that belongs to another one."""
    _ROOTS.add(root)


def adopt_orphans() -> None:
    """Descendants that lose their parent become children of this process, so that none is lost from sight."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, with the folder and the environment that it runs in."""

    words: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    working_folder: Path | None = None


class ProcessTree:
    """A running program. Its output is in `output` and `errors` of its folder."""

    def __init__(self, command: Command, core: int) -> None:
        self.folder = command.folder
        with (self.folder / "output").open("wb") as out, (self.folder / "errors").open("wb") as err:
            self._process = subprocess.Popen(
                list(command.words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=command.working_folder or command.folder,
                env={**os.environ, **command.variables},
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        not_of_others(self._process.pid)

    @property
    def running(self) -> bool:
        """True until the program itself has ended."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def errors(self) -> str:
        """What it has printed on standard error so far."""
        return (self.folder / "errors").read_text(errors="replace")

    def members(self) -> list[int]:
        """Process ids of the program and its descendants, those included whose parent has ended."""
        found: list[int] = []
        for child in psutil.Process().children():
            if child.pid == self._process.pid or child.pid not in _ROOTS:
                with suppress(psutil.NoSuchProcess):
                    found += [child.pid, *(each.pid for each in child.children(recursive=True))]
        return found

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of all members; children that have ended included."""
        return sum(_cpu_s(pid) for pid in self.members())

    def memory_bytes(self) -> int:
        """Memory of all members; what several share is counted once (proportional set size)."""
        return sum(_pss_bytes(pid) for pid in self.members())

    def wait(self, within_s: float) -> bool:
        """Wait for the program to end by itself; False when the time was up before."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, within_s: float = _END_WITHIN_S) -> None:
        """Ask all members to end, then kill those that did not."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while self.members() and time.monotonic() < deadline:
            self._process.poll()
            _reap_orphans(self._process.pid)
            time.sleep(0.05)
        while self.members():
            self._signal(signal.SIGKILL)
            self._process.poll()
            _reap_orphans(self._process.pid)
            time.sleep(0.02)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def running(command: Command, core: int) -> Iterator[ProcessTree]:
    """A program that has surely ended afterwards."""
    tree = ProcessTree(command, core)
    try:
        yield tree
    finally:
        tree.end()


def _reap_orphans(own: int) -> None:
    """Adopted processes that have ended stay in the table until somebody waits for them."""
    for child in psutil.Process().children():
        with suppress(psutil.Error, ChildProcessError):
            if child.pid != own and child.status() == psutil.STATUS_ZOMBIE and child.ppid() == os.getpid():
                os.waitpid(child.pid, os.WNOHANG)


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICK


def _pss_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0
