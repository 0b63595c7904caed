"""Reads all sources at the same whole UTC seconds, each in a thread of its own, and waits for none too long."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.monitor.source import Clock, Source, SourceError


@dataclass(frozen=True, slots=True)
class _Trouble:
    first_s: float
    last_s: float
    times: int
    final: bool


class Notes:
    """Notes for the user, each on one source. They may be read in another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles: dict[tuple[str, Message], _Trouble | None] = {}

    def note(self, source: str, text: Message) -> None:
        """A note that holds for the whole run."""
        with self._lock:
            self._troubles.setdefault((source, text), None)

    def add(self, source: str, text: Message, at_s: float, *, final: bool = False) -> None:
        """An event that may happen again. `final`: the source is not tried again."""
        with self._lock:
            before = self._troubles.get((source, text)) or _Trouble(at_s, at_s, 0, final)
            self._troubles[(source, text)] = replace(before, last_s=at_s, times=before.times + 1)

    def lines(self) -> list[Message]:
        """One note each, in the order of their first event."""
        with self._lock:
            return [_line(source, text, trouble) for (source, text), trouble in self._troubles.items()]


def _line(source: str, text: Message, trouble: _Trouble | None) -> Message:
    if trouble is None:
        return MonitorMessage.NOTE(source=source, text=text)
    if trouble.final:
        return MonitorMessage.NOT_MONITORED(source=source, text=text)
    if trouble.times == 1:
        return MonitorMessage.ONCE(source=source, text=text, at=_time(trouble.first_s))
    first, last = _time(trouble.first_s), _time(trouble.last_s)
    return MonitorMessage.REPEATED(source=source, text=text, times=trouble.times, first=first, last=last)


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of opening a source or of reading it once. One that rests under load is read when it is opened."""

    opening: bool = False
    readings: tuple[Reading, ...] = ()
    notes: tuple[Message, ...] = ()
    error: SourceError | None = None


_READ: Final = "read"
_END: Final = "end"


class SourceThread(threading.Thread):
    """Owns one source. It may hang: every wait for it has a limit."""

    def __init__(self, source: Source, wake: threading.Event) -> None:
        super().__init__(name=f"monitor {source.name}", daemon=True)
        self.source = source
        self.opened = False
        """Opening has been tried."""
        self.given_up = False
        """Ended because further attempts are useless."""
        self._wake = wake
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._asked = False

    def ask(self) -> None:
        """Read once; does nothing while an earlier read is open."""
        if not self._asked:
            self._asked = True
            self._orders.put(_READ)

    def end(self) -> None:
        """Close the source after its current read."""
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
        """Open, then read on demand, until the end."""
        try:
            self._work()
        finally:
            self.source.close()
            self._wake.set()

    def _work(self) -> None:
        self._report(self._open())
        self.opened = True
        self._wake.set()
        while not self.given_up and self._orders.get() == _READ:
            if not self.source.rests:
                self._report(self._read())
        if self.source.rests and not self.given_up:
            self._report(self._read())

    def _report(self, result: Result) -> None:
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


OPEN_LIMIT_S = 3.0
"""How long `start` waits for the sources to get ready; one that takes longer gives gaps until it is."""
STOP_WITHIN_S = 2.0
LIMIT_S = 0.8
"""How long a source has for its answer."""


class ReadingSink(Protocol):
    """Where readings go."""

    def write(self, readings: Sequence[Reading]) -> None:
        """Keep them. Raises OSError when it cannot."""

    def close(self) -> None:
        """Nothing more will come."""


class Sampler:
    """Readings of all sources, once every `every_s`, on the same clock.

    A source that gives nothing within `limit_s` gives gaps (None) for everything it gave last. It is read again once it
    has answered; a late answer counts for the second in which it comes. A source that fails, hangs or dies does not
    delay the others. `<source>.up` is 1 or 0 from its first answer on. One that rests is read when it is opened and
    when the sampler stops, and never between.
    """

    def __init__(
        self, sources: Sequence[Source], clock: Clock, sink: ReadingSink, every_s: float = 1.0, limit_s: float = LIMIT_S
    ) -> None:
        self._clock, self._sink = clock, sink
        self._every_s, self._limit_s = every_s, limit_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._notes = Notes()
        self._workers = [SourceThread(source, self._wake) for source in sources]
        self._keys = {worker: _hoped(worker.source) for worker in self._workers}
        self._once_up: set[SourceThread] = set()
        self._latest: dict[str, Reading] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._sink_works = True

    def start(self) -> None:
        """Open the sources, within a bounded time, and begin at the next whole second."""
        until_s = self._clock.utc_s() + OPEN_LIMIT_S
        for worker in self._workers:
            worker.start()
        for worker in self._pending(until_s):
            self._notes.add(worker.source.name, MonitorMessage.NOT_READY(limit_s=OPEN_LIMIT_S), until_s)
        for worker in self._workers:
            self._take(worker, float(math.floor(self._clock.utc_s())))
        self._thread.start()

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """End within that time; a source that hangs is left to its daemon thread."""
        self._stopping.set()
        self._wake.set()
        for worker in self._workers:
            worker.end()
        until_s = self._clock.utc_s() + within_s
        for thread in (self._thread, *self._workers):
            if thread.ident is not None:
                thread.join(max(until_s - self._clock.utc_s(), 0.05))
        for worker in self._workers:
            if worker.source.rests:
                self._take(worker, float(math.floor(self._clock.utc_s())))
        self._sink.close()

    def notes(self) -> list[Message]:
        """One note for everything that was missing, hung or failed, with how often; [] if nothing was."""
        return self._notes.lines()

    def latest(self) -> dict[str, Reading]:
        """Metric → its latest reading, gaps too; parts (one core, one process) are left out."""
        with self._lock:
            return dict(self._latest)

    def _run(self) -> None:
        at_s = self._next_s()
        while not self._stopping.is_set():
            self._until(at_s)
            if self._stopping.is_set():
                return
            self._tick(at_s)
            after_s, at_s = at_s + self._every_s, self._next_s()
            if at_s > after_s:
                self._notes.add("monitor", MonitorMessage.SECONDS_MISSED(), at_s)

    def _next_s(self) -> float:
        return (math.floor(self._clock.utc_s() / self._every_s) + 1) * self._every_s

    def _until(self, at_s: float) -> None:
        while not self._stopping.is_set() and (left_s := at_s - self._clock.utc_s()) > 0:
            self._wake.clear()
            if not self._stopping.is_set():
                self._clock.wait(self._wake, left_s)

    def _tick(self, at_s: float) -> None:
        """One second: read all sources that are free, take what comes in time, and write gaps for the others."""
        working = [worker for worker in self._workers if not worker.source.rests]
        answered = {worker for worker in self._workers if self._take(worker, at_s, late=True)}
        for worker in working:
            if worker not in answered and worker.is_alive():
                worker.ask()
        while True:
            self._wake.clear()
            answered |= {worker for worker in working if worker not in answered and self._take(worker, at_s)}
            left_s = at_s + self._limit_s - self._clock.utc_s()
            waited_for = [worker for worker in working if worker not in answered and worker.is_alive()]
            if not waited_for or left_s <= 0 or self._stopping.is_set():
                break
            self._clock.wait(self._wake, left_s)
        for worker in working:
            if worker not in answered:
                self._miss(worker, at_s)

    def _pending(self, until_s: float) -> list[SourceThread]:
        """Wait until all sources are open; those that are not by then."""
        while True:
            self._wake.clear()
            pending = [worker for worker in self._workers if worker.is_alive() and not worker.opened]
            left_s = until_s - self._clock.utc_s()
            if not pending or left_s <= 0:
                return pending
            self._clock.wait(self._wake, left_s)

    def _take(self, worker: SourceThread, at_s: float, *, late: bool = False) -> bool:
        """Deal with what a worker has to say. True when that stands for this moment; a late error does not."""
        answered = False
        for result in worker.results():
            for note in result.notes:
                self._notes.note(worker.source.name, note)
            if result.error is not None:
                self._notes.add(worker.source.name, result.error.message, at_s, final=result.error.final)
            if result.opening and worker.given_up:
                self._gap(worker, at_s)  # which shows that it was asked
            if (result.opening and not result.readings) or (late and result.error is not None):
                continue
            self._keep(worker, result, at_s)
            answered = True
        return answered

    def _keep(self, worker: SourceThread, result: Result, at_s: float) -> None:
        if result.error is not None:
            self._gap(worker, at_s)
            return
        readings = [replace(reading, at_s=at_s) for reading in result.readings]
        self._once_up.add(worker)
        self._keys[worker] = [(reading.source, reading.metric) for reading in readings]
        self._write([*readings, *self._up(worker, at_s, 1.0)])

    def _miss(self, worker: SourceThread, at_s: float) -> None:
        if worker.given_up:
            return
        if self._stopping.is_set():
            return  # it was not given its time
        if worker.is_alive():
            self._notes.add(worker.source.name, MonitorMessage.NO_ANSWER(limit_s=self._limit_s), at_s)
        else:
            self._notes.add(worker.source.name, MonitorMessage.MONITOR_FAILED(), at_s)
        self._gap(worker, at_s)

    def _gap(self, worker: SourceThread, at_s: float) -> None:
        gaps = [Reading(at_s, source, metric, None, METRICS[metric].unit) for source, metric in self._keys[worker]]
        self._write([*gaps, *self._up(worker, at_s, 0.0)])

    def _up(self, worker: SourceThread, at_s: float, value: float) -> list[Reading]:
        metric = f"{worker.source.name}.up"
        if worker not in self._once_up or metric not in METRICS:
            return []
        return [Reading(at_s, worker.source.name, metric, value, METRICS[metric].unit)]

    def _write(self, readings: Sequence[Reading]) -> None:
        with self._lock:
            self._latest.update({reading.metric: reading for reading in readings if not reading.is_part})
        if not self._sink_works:
            return
        try:
            self._sink.write(readings)
        except OSError as error:
            self._sink_works = False
            why = error.strerror or type(error).__name__
            self._notes.note("monitor", MonitorMessage.READINGS_LOST(why=why))


def _hoped(source: Source) -> list[tuple[str, str]]:
    return [(source.name, metric) for metric in source.metrics]
