"""One worker as the master sees it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from perfsuite.clock import for_children
from perfsuite.load.inbox import WorkerAccount
from perfsuite.load.messages import Drained, Hello, UserSeat
from perfsuite.model import WorkerStart

_ROOT = Path(__file__).resolve().parents[2]
RESEND_AFTER_S = 2.0
"""An order that a worker does not show to know after this time is sent again."""


class LocalProcess:
    """A worker process on this machine. It ends when its standard input does."""

    def __init__(self, folder: Path, start: WorkerStart) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "perfsuite.load.worker", str(folder)],
            stdin=subprocess.PIPE,
            cwd=_ROOT,
            env={**os.environ, **for_children()},
        )
        if self._process.stdin is None:
            raise AssertionError("started with a pipe")
        # Secrets go through the pipe: never into a file, an argument or the environment.
        try:
            self._process.stdin.write(msgspec.json.encode(start) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended already, which its exit code says

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative: the signal that killed it."""
        return self._process.poll()

    def kill(self) -> None:
        """End it for sure, even when it is stopped. Does not wait, during which others would get to run."""
        if self._process.poll() is None:
            self._process.kill()

    def close(self) -> None:
        """Kill it, wait for its end, and release its pipe."""
        self.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


@dataclass(slots=True, eq=False)
class WorkerHandle:
    """`index` counts workers in the order in which they said hello, unless they were given one."""

    client_id: str
    index: int
    hello: Hello
    account: WorkerAccount
    process: LocalProcess | None = None
    heard_at: float = field(default_factory=time.monotonic)
    connected: bool = False
    """It is one of Locust's clients."""
    checked: bool = False
    """It can make the load."""
    spare: bool = False
    """It came after the start, and has no users so far."""
    lost: bool = False
    drained: Drained | None = None
    deaf_beats: int = 0
    """How many of its last heartbeats say that it has heard nothing for too long."""
    placed: int = 0
    done: int = 0
    """Users that have made all their iterations."""
    done_at: float = 0.0
    """When the first of them had, UTC epoch s."""
    seats: list[UserSeat] = field(default_factory=list)
    """The users that it was ordered to take."""
    target: int = 0
    """How many of these it was ordered to start."""
    table: dict[str, int] = field(default_factory=dict)
    """The same, by Locust's user class."""
    rates: int = 0
    """How many changes of the rate it was sent."""
    ordered_at: float = 0.0
    reported: dict[str, int] = field(default_factory=dict)
    """What it says that it knows of these orders."""

    def begin_load(self) -> None:
        """Forget the last load; it may take part in another one."""
        self.account = WorkerAccount(self.account.name, self.account.host)
        self.checked = self.spare = False
        self.drained = None
        self.seats = []
        self.table = {}
        self.placed = self.target = self.done = self.rates = 0
        self.ordered_at, self.reported = 0.0, {}

    @property
    def name(self) -> str:
        """As in the records."""
        return self.account.name

    @property
    def at_work(self) -> bool:
        """It makes load, or can."""
        return self.checked and not self.lost and self.drained is None

    @property
    def has_missed_order(self) -> bool:
        """An order must have been lost on the way."""
        known = self.reported.get("seats"), self.reported.get("target"), self.reported.get("rates", 0)
        late = time.monotonic() - self.ordered_at > RESEND_AFTER_S
        return late and bool(self.reported) and known != (len(self.seats), self.target, self.rates)
