"""Progress of preflight: with a slow target its requests, one after the other, take minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from perfsuite.format import duration
from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.target.exchange import Answer, Request, Transport

EVERY_S = 5.0
_LONG_S = 1.0
"""The report names a request that has been in flight for this long."""
_SLOWEST_NAMED = 3


@dataclass(frozen=True, slots=True)
class ProgressReporter:
    """Where progress is reported, how often, and by which clock (seconds)."""

    say: Callable[[str], None]
    every_s: float = EVERY_S
    clock: Callable[[], float] = time.monotonic


class Progress:
    """A context that reports every few seconds where preflight is and, if it was slow, what took the time."""

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter
        self._began_s = reporter.clock()
        self._over = threading.Event()
        # A thread of its own: the request to report is the one that does not return.
        self._thread = threading.Thread(target=self._report_until_over, name="preflight progress", daemon=True)
        self._seen: dict[tuple[str, str], float | None] = {}
        """(role, operation) → its longest time in ms; None where it was not possible."""
        self._total = 0
        self._waiting: tuple[str, float] | None = None

    def expect(self, operations: int) -> None:
        """Preflight will try this many operations, counted per role."""
        self._total = operations

    def asked(self, role: str, operation: str, elapsed_ms: float | None) -> None:
        """An operation was tried; `elapsed_ms` None: it was not possible."""
        before = self._seen.get((role, operation)) or 0.0
        self._seen[role, operation] = None if elapsed_ms is None else max(before, elapsed_ms)

    def watched(self, transport: Transport) -> Transport:
        """The transport, with its requests reported here."""
        return _Watched(transport, self)

    def begins(self, request: Request) -> None:
        """A request was sent."""
        self._waiting = (f"{request.method} {request.target.split('?')[0]}", self._reporter.clock())

    def ends(self) -> None:
        """It has ended."""
        self._waiting = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        took_s = self._reporter.clock() - self._began_s
        if error is None and self._seen and took_s >= self._reporter.every_s:
            self._reporter.say(PreflightMessage.TOOK(took_s=took_s, slowest=self._slowest()))

    def _report_until_over(self) -> None:
        while not self._over.wait(self._reporter.every_s):
            self._reporter.say(self._where())

    def _where(self) -> Message:
        progress = PreflightMessage.CONNECTING()
        if self._total:
            progress = PreflightMessage.PROGRESS(done=len(self._seen), total=self._total)
        request, since_s = self._waiting or ("", self._reporter.clock())
        waited_s = self._reporter.clock() - since_s
        if waited_s < _LONG_S:
            return progress
        return PreflightMessage.WAITING(progress=progress, request=request, waited_s=waited_s)

    def _slowest(self) -> str:
        known = [(elapsed_ms, *key) for key, elapsed_ms in self._seen.items() if elapsed_ms is not None]
        return ", ".join(
            f"{operation} as {role} {duration(elapsed_ms / 1000)}"
            for elapsed_ms, role, operation in sorted(known, reverse=True)[:_SLOWEST_NAMED]
        )


class _Watched:
    """A transport that reports when a request begins and ends."""

    def __init__(self, transport: Transport, progress: Progress) -> None:
        self._transport, self._progress = transport, progress

    def exchange(self, request: Request) -> Answer:
        """The answer."""
        self._progress.begins(request)
        try:
            return self._transport.exchange(request)
        finally:
            self._progress.ends()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()
