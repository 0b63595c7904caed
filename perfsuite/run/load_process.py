"""The process that makes the load of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from perfsuite.clock import for_children
from perfsuite.model import LevelOrder, Secrets

LOG_FILE = "load.log"
_ROOT = Path(__file__).resolve().parents[2]
_LAST_LINES = 5


class LoadProcess:
    """`python -m perfsuite.load FOLDER` in a session of its own.

    Its standard input is a pipe from here: when this process dies, however, the load ends too.
    """

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self._log = folder / LOG_FILE
        self._message = ""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", "perfsuite.load", str(folder.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # for its error message: a full disk takes no log
                stderr=log,
                cwd=_ROOT,
                env={**os.environ, **for_children()},
                start_new_session=True,
            )
        # Secrets go through the pipe: never into a file, an argument or the environment.
        self._send(msgspec.json.encode(secrets))

    @property
    def pid(self) -> int:
        """Its process id; the leader of a session and process group of its own."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None until it has ended; negative: the signal that killed it."""
        return self._process.poll()

    @property
    def failed(self) -> bool:
        """True when its exit code is not 0."""
        return self._process.poll() not in (None, 0)

    def stop(self, reason: str) -> None:
        """Ask it to let the requests in flight finish and end. `reason` goes into the run's record."""
        self._send(f"stop {reason}".encode())

    def enter(self, level: LevelOrder) -> None:
        """Ask it to change the load of a search for the capacity."""
        self._send(b"level " + msgspec.json.encode(level))

    def kill(self) -> None:
        """Kill it and all processes that it started."""
        # A process that died may have left others of its group behind.
        if self._process.poll() != 0:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Release the pipe; an empty log is removed."""
        self.kill()
        self._read_message()
        if self._process.stdin:
            # What an ended process did not read is still in the buffer; closing tries to send it once more.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._log.exists() and not self._log.stat().st_size:
            self._log.unlink()

    def failure_message(self) -> str:
        """Why it failed: its own message, else the end of its log; "" where there is neither."""
        self._read_message()
        if self._message:
            return self._message
        if not self._log.exists():
            return ""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-_LAST_LINES:])

    def _read_message(self) -> None:
        if not self.running and self._process.stdout and not self._process.stdout.closed:
            self._message = self._process.stdout.read().decode(errors="replace").strip()
            self._process.stdout.close()

    def _send(self, line: bytes) -> None:
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended already, which the caller sees
