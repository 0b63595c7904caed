"""The load processes of a machine that works for a run elsewhere: started, followed to their end, ended in order.

Each joins the run by itself and says in a line on standard error what becomes of it (perfsuite/load/worker.py).
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import IO

import msgspec

from perfsuite import clock
from perfsuite.errors import (
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_SAFETY,
    EXIT_TARGET,
    EXIT_USAGE,
    UsageError,
)
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import WorkerStart
from perfsuite.run.interrupts import Interrupts
from perfsuite.suite_errors import LOG_FILE

PROGRAM = (sys.executable, "-m", "perfsuite.load.worker")
"""Its last argument is the folder for its files."""
_SEVEREST_FIRST = (
    EXIT_INTERRUPTED,
    EXIT_INCONCLUSIVE,
    EXIT_SAFETY,
    EXIT_USAGE,
    EXIT_TARGET,
    EXIT_FAIL,
    EXIT_PASS,
)
_ROOT = Path(__file__).resolve().parents[2]
Lines = queue.Queue[tuple[Callable[[str], None], str]]
"""What the processes say, each line with where to show it: their pipes are read by threads, shown by one."""
_POLL_EVERY_S = 0.1
_LAST_LINES_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How the processes are started, and where their lines go: those of standard output and of standard error."""

    interrupts: Interrupts
    out: Callable[[str], None]
    err: Callable[[str], None]
    program: Sequence[str] = PROGRAM
    temporary: Path | None = None
    """Folder for temporary files; None: the system's."""


class WorkerProcess:
    """One load process, in a session of its own. It ends with its standard input, and so with this process."""

    def __init__(self, number: int, folder: Path, program: Sequence[str]) -> None:
        self.number, self.folder = number, folder
        self._interrupted = self._killed = False
        self._process = subprocess.Popen(  # noqa: S603  our own module
            [*program, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_ROOT,
            env={**os.environ, **clock.for_children()},
            start_new_session=True,  # Ctrl-C of the terminal reaches it through this process alone
        )
        self._threads: list[Thread] = []

    def begin(self, start: WorkerStart, out: Callable[[str], None], err: Callable[[str], None]) -> None:
        """Send it what it starts with, and pass on its lines."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise AssertionError("started with pipes")
        self._threads = [
            Thread(target=_send, args=(process.stdin, msgspec.json.encode(start)), daemon=True),
            Thread(target=_pass_on, args=(process.stdout, out), daemon=True),
            Thread(target=_pass_on, args=(process.stderr, err), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative: the signal that killed it."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ask it to end in order."""
        self._interrupted = True
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._killed = self._killed or self.exit_code is None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it if it lives, and wait for its last lines."""
        self.kill()
        deadline = time.monotonic() + _LAST_LINES_WITHIN_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    @property
    def _was_stopped_here(self) -> bool:
        """It was killed, or interrupted before it could handle that."""
        return self._killed or (self._interrupted and self.exit_code == -signal.SIGTERM)

    @property
    def code(self) -> int:
        """Its exit code as one of those of the command. It has ended."""
        found = self.exit_code
        if self._was_stopped_here:
            return EXIT_INTERRUPTED
        return found if found in _SEVEREST_FIRST else EXIT_INCONCLUSIVE

    def death(self) -> Message | None:
        """How it ended where it could not say so itself; None where it could."""
        found = self.exit_code
        if self._was_stopped_here or found is None or found in _SEVEREST_FIRST:
            return None
        if found < 0:
            # The kernel kills a process that takes the memory others need; nobody else usually does.
            code = LoadMessage.OUT_OF_MEMORY if found == -signal.SIGKILL else LoadMessage.KILLED
            return code(signal=signal.Signals(-found).name)
        return LoadMessage.EXITED(code=found)

    @property
    def has_files_to_keep(self) -> bool:
        """True for errors of the suite, and for records that the master may not have acknowledged."""
        kept = {path.name for path in self.folder.iterdir() if path.is_file() and path.stat().st_size}
        return LOG_FILE in kept or bool(kept and self.exit_code != EXIT_PASS)


def work(start: WorkerStart, processes: int, command: WorkerCommand) -> int:
    """So many load processes for one run, to its end; the most severe of their exit codes.

    The first interrupt ends them in order, the second at once. Raises UsageError where there is no folder for files.
    """
    clock.anchor()
    heard: Lines = queue.Queue()
    with command.interrupts.deferred(), _temporary_folder(command) as folder:
        workers: list[WorkerProcess] = []
        try:
            for number in range(1, processes + 1):
                own = folder / str(number)
                own.mkdir()
                workers.append(WorkerProcess(number, own, command.program))
                index = None if start.index is None else start.index * processes + number - 1
                name = f"process {number}: " if processes > 1 else ""
                workers[-1].begin(
                    replace(start, index=index), _heard(heard, command.out, name), _heard(heard, command.err, name)
                )
            _follow(workers, heard, command)
        finally:
            for worker in workers:
                worker.close()
            _show(heard)
            _clear(workers, command)
    return min((worker.code for worker in workers), key=_SEVEREST_FIRST.index)


def _follow(workers: Sequence[WorkerProcess], heard: Lines, command: WorkerCommand) -> None:
    """Show what the processes say until all have ended."""
    interrupts = 0
    while any(worker.exit_code is None for worker in workers):
        _show(heard, _POLL_EVERY_S)
        if command.interrupts.count > interrupts:
            first, interrupts = interrupts == 0, command.interrupts.count
            command.err(RunMessage.WORKER_INTERRUPTED() if first else RunMessage.INTERRUPTED_AGAIN())
            for worker in workers:
                if first:
                    worker.interrupt()
                else:
                    worker.kill()


def _show(heard: Lines, wait_s: float = 0.0) -> None:
    """Show what was heard, after waiting for it."""
    with suppress(queue.Empty):
        show, line = heard.get(timeout=wait_s) if wait_s else heard.get_nowait()
        show(line)
        while True:
            show, line = heard.get_nowait()
            show(line)


def _heard(lines: Lines, show: Callable[[str], None], name: str) -> Callable[[str], None]:
    """Takes a line of the process of that name, for the thread that shows it."""
    return lambda line: lines.put((show, name + line))


def _send(pipe: IO[bytes], line: bytes) -> None:
    """Secrets go through the pipe: never into a file, an argument or the environment. It stays open."""
    with suppress(BrokenPipeError):  # it has ended already, which its exit code says
        pipe.write(line + b"\n")
        pipe.flush()


def _pass_on(pipe: IO[bytes], heard: Callable[[str], None]) -> None:
    with pipe:
        for line in pipe:
            heard(line.decode(errors="replace").rstrip())


# ── files ───────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _temporary_folder(command: WorkerCommand) -> Iterator[Path]:
    """Removed at the end, unless it has something in it. Raises UsageError where none can be created."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="agentmitra-worker-", dir=command.temporary))
    except OSError as error:
        raise UsageError(RunMessage.NO_TEMPORARY_FOLDER(why=error.strerror or error)) from error
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()
        if folder.exists():
            command.err(RunMessage.WORKER_FILES_KEPT(folder=folder))


def _clear(workers: Sequence[WorkerProcess], command: WorkerCommand) -> None:
    """Name how processes died, and remove the files that nobody needs."""
    for worker in workers:
        if (how := worker.death()) is not None:
            command.err(RunMessage.WORKER_DIED(number=worker.number, how=how))
        if not worker.has_files_to_keep:
            shutil.rmtree(worker.folder, ignore_errors=True)
