"""The temporary directory of a demo, and the processes in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from perfsuite.demo.child import Child, Program, start
from perfsuite.demo.programs import Identity
from perfsuite.demo.stop import StopRequest

ROOT = Path(__file__).resolve().parents[2]
_PREFIX = "mitra-demo-"
_LOCK_FILE, _PROCESSES_FILE = "lock", "processes"
_GONE_WITHIN_S = 10.0
# A Unix socket's path may have 103 bytes on macOS, 107 on Linux; ours adds up to 60 to that of the folder.
_LONGEST_BASE = 40


class Sandbox:
    """Folder and children of one demo."""

    def __init__(self, folder: Path, identity: Identity | None, stop: StopRequest) -> None:
        self.folder, self.identity, self.stop = folder, identity, stop
        self.children: list[Child] = []

    def subfolder(self, name: str, *, for_server: bool = True) -> Path:
        """A new folder that only the user of the server can enter."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        if for_server:
            self._give_to_server(folder)
        return folder

    def secret_file(self, path: Path, text: str) -> None:
        """Write a file that only the user of the server can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self._give_to_server(path)

    def _give_to_server(self, path: Path) -> None:
        if self.identity is not None:
            os.chown(path, self.identity.uid, self.identity.gid)

    @contextmanager
    def running(self, program: Program) -> Iterator[Child]:
        """The program, running until the end of the block."""
        child = start(program)
        self.children.append(child)
        try:
            with (self.folder / _PROCESSES_FILE).open("a", encoding="utf-8") as processes:
                processes.write(f"{child.pid} {psutil.Process(child.pid).create_time()}\n")
            yield child
        finally:
            child.stop()
            self.children.remove(child)

    def check(self) -> None:
        """Raise TargetError when a child has died."""
        for child in self.children:
            if child.exit_code is not None:
                raise child.death()


@contextmanager
def opened_sandbox(identity: Identity | None, stop: StopRequest) -> Iterator[Sandbox]:
    """A new sandbox, removed at the end of the block; sandboxes of demos that were killed are removed first."""
    base = _base(for_others=identity is not None)
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        # The servers' user may pass through to its own folder, but cannot list this one.
        folder.chmod(0o711 if identity else 0o700)
        with _locked(folder):
            yield Sandbox(folder, identity, stop)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The kernel releases the lock when this process ends, however it ends; children do not inherit it."""
    with (folder / "new-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only now can another demo see the file: it never meets one that is not locked yet.
        (folder / "new-lock").rename(folder / _LOCK_FILE)
        yield


def sweep(base: Path) -> None:
    """Remove the sandboxes of this user whose supervisor is gone, and kill the processes that it left."""
    for folder in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it belongs to another user, or another demo removes it at this moment
            if folder.stat().st_uid != os.geteuid():
                continue
            with (folder / _LOCK_FILE).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _kill_processes(folder)
                shutil.rmtree(folder, ignore_errors=True)


def _kill_processes(folder: Path) -> None:
    """Kill what still runs, with its children: only Linux ends them with their parent."""
    left: list[psutil.Process] = []
    recorded = folder / _PROCESSES_FILE
    for line in recorded.read_text(encoding="utf-8").splitlines() if recorded.exists() else ():
        with suppress(ValueError, psutil.Error):
            pid, created_at = line.split()
            process = psutil.Process(int(pid))
            if process.create_time() == float(created_at):  # else the id is another process's by now
                left += [*process.children(recursive=True), process]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    until = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < until and any(_runs(process) for process in left):
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    """False also for a zombie: its parent, or init, only has to collect it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _base(*, for_others: bool) -> Path:
    """Where temporary folders go: as the system says, unless it is too deep, or the servers' user cannot get there."""
    base = Path(tempfile.gettempdir()).resolve()
    reachable = not for_others or all(folder.stat().st_mode & 0o001 for folder in (base, *base.parents))
    fits = len(os.fsencode(base)) <= _LONGEST_BASE
    return base if reachable and fits else Path("/tmp")  # noqa: S108 - mkdtemp follows
