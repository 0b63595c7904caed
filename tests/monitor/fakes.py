"""A clock that only moves when told, and sources that do as they are told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from perfsuite.messages import Message
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.monitor.source import SourceError

PATIENCE_S = 60.0
"""How long a test waits for another thread before it fails; never waited for when all is well."""


class FakeClock:
    """Stands still at `now_s` until a test moves it."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self._now_s = now_s
        self._moved = threading.Condition()

    def utc_s(self) -> float:
        return self._now_s

    def wait(self, wake: threading.Event, seconds: float) -> None:
        until_s = self._now_s + seconds
        with self._moved:
            # Looking at the event every millisecond keeps the fake simple; nothing depends on how long that is.
            self._moved.wait_for(lambda: wake.is_set() or self._now_s >= until_s, 0.001)

    def move_to(self, at_s: float) -> None:
        with self._moved:
            self._now_s = at_s
            self._moved.notify_all()


class FakeSource:
    """Answers with one figure after the other; an error among them is raised, a function is called."""

    def __init__(self, name: str, metric: str, answers: Sequence[float | SourceError | Callable[[], float] | None]):
        self.name, self.metric, self.metrics = name, metric, (metric,)
        self.answers = list(answers)
        self.notes: list[Message] = []
        self.rests = False
        self.opening: Callable[[], None] = lambda: None
        self.reads = 0
        self.closed = threading.Event()

    def open(self) -> list[Message]:
        self.opening()
        return self.notes

    def read(self) -> list[Reading]:
        answer = self.answers[min(self.reads, len(self.answers) - 1)]
        self.reads += 1
        if isinstance(answer, SourceError):
            raise answer
        value = answer() if callable(answer) else answer
        return [Reading(0.0, self.name, self.metric, value, METRICS[self.metric].unit)]

    def close(self) -> None:
        self.closed.set()


class FakeSink:
    """Hands readings over to the test as they come."""

    def __init__(self) -> None:
        self.come: queue.Queue[Reading] = queue.Queue()
        self.closed = False

    def write(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            self.come.put(reading)

    def close(self) -> None:
        self.closed = True

    def take(self, count: int) -> list[tuple[float, str, float | None]]:
        """So many readings, sorted, as (second, metric, value)."""
        return sorted(_plain(self.come.get(timeout=PATIENCE_S)) for _ in range(count))

    def all(self) -> list[tuple[float, str, float | None]]:
        """What has come, in its order."""
        return [_plain(self.come.get_nowait()) for _ in range(self.come.qsize())]

    def nothing_more(self) -> bool:
        return self.come.empty()


def _plain(reading: Reading) -> tuple[float, str, float | None]:
    return (reading.at_s, reading.metric, reading.value)


def until(condition: Callable[[], object]) -> None:
    """Wait for another thread; fails after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.001)


def figures(readings: Sequence[Reading]) -> dict[str, float | None]:
    """Metric → value, parts left out."""
    return {reading.metric: reading.value for reading in readings if not reading.is_part}
