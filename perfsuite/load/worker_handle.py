"""One load process as the coordinator sees it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from perfsuite.clock import for_children
from perfsuite.load.messages import Order, Report, encoded, report_decoder

_ROOT = Path(__file__).resolve().parents[2]
_READ_BYTES = 1 << 20


class WorkerHandle:
    """`python -m perfsuite.load.worker`, with pipes to and from it. It ends when its standard input does."""

    def __init__(self, index: int, folder: Path) -> None:
        self.index = index
        self.name = f"worker-{index + 1}"
        self.ready = False
        self.heard_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "perfsuite.load.worker", str(folder), self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={**os.environ, **for_children()},
        )
        self._rest = b""
        self._unsent = b""
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    @property
    def output(self) -> int:
        """Descriptor on which it reports."""
        if self._process.stdout is None:
            raise AssertionError("started with a pipe")
        return self._process.stdout.fileno()

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative: the signal that killed it."""
        return self._process.poll()

    def read(self) -> list[Report] | None:
        """What it has said since; None when it will say nothing more."""
        data = os.read(self.output, _READ_BYTES)
        if not data:
            return None
        self.heard_at = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [report_decoder.decode(line) for line in lines]

    def send(self, order: Order) -> None:
        """Send an order. One that is dead hears nothing; its death is seen elsewhere."""
        self._unsent += encoded(order)
        self.flush()

    @property
    def has_unsent(self) -> bool:
        """True while orders wait for the pipe to take them."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Send what the pipe takes of the orders: one that is stopped must not stop the coordinator too."""
        if self._process.stdin is None or not self._unsent:
            return
        try:
            self._unsent = self._unsent[os.write(self._process.stdin.fileno(), self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = b""

    def kill(self) -> None:
        """End it for sure, even when it is stopped."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
