"""The thread of one source: opens it, reads it when asked, closes it."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Final

from perfsuite.model.monitor import Reading
from perfsuite.monitor.source import Source, SourceError


@dataclass(frozen=True, slots=True)
class Result:
    """What came of opening a source, or of asking it once. One that rests under load is read when it is opened."""

    opening: bool = False
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()
    error: SourceError | None = None


_READ: Final = "read"
_END: Final = "end"


class Worker(threading.Thread):
    """Owns one source. It may hang: nobody waits for it without a limit."""

    def __init__(self, source: Source, wake: threading.Event) -> None:
        super().__init__(name=f"monitor {source.name}", daemon=True)
        self.source = source
        self.opened = False
        """Opening has been tried."""
        self.given_up = False
        """Ended since it is no use to go on."""
        self._wake = wake
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._asked = False

    def ask(self) -> None:
        """Read once; does nothing while an earlier question is open."""
        if not self._asked:
            self._asked = True
            self._orders.put(_READ)

    def end(self) -> None:
        """Close the source after what it does now."""
        self._orders.put(_END)

    def results(self) -> list[Result]:
        """What has come since the last call."""
        found = []
        while not self._results.empty():
            result = self._results.get()
            if not result.opening:
                self._asked = False
            found.append(result)
        return found

    def run(self) -> None:
        """Open, then read whenever asked, until the end."""
        try:
            self._work()
        finally:
            self.source.close()
            self._wake.set()

    def _work(self) -> None:
        self._tell(self._open())
        self.opened = True
        self._wake.set()
        while not self.given_up and self._orders.get() == _READ:
            if not self.source.rests:
                self._tell(self._read())
        if self.source.rests and not self.given_up:
            self._tell(self._read())

    def _tell(self, result: Result) -> None:
        self.given_up = result.error is not None and result.error.final
        self._results.put(result)
        self._wake.set()

    def _open(self) -> Result:
        try:
            notes = tuple(self.source.open())
            return Result(opening=True, notes=notes, readings=tuple(self.source.read()) if self.source.rests else ())
        except SourceError as error:
            return Result(opening=True, error=error)

    def _read(self) -> Result:
        try:
            return Result(readings=tuple(self.source.read()))
        except SourceError as error:
            return Result(error=error)
