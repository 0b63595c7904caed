"""Listens to Locust's request events and writes records, once a second and at the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from perfsuite.clock import utc_s
from perfsuite.measurements.cells import Cells, Key, Parts
from perfsuite.measurements.health import Health
from perfsuite.measurements.records import End, Generator, Phase, Record, SuiteErrors, Users
from perfsuite.measurements.traffic import Traffic
from perfsuite.model import SuiteErrorGroup


class Sink(Protocol):
    """Where records go: the file of the run, or the way to the process that writes it."""

    def write(self, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Make what was taken readable by others."""

    def close(self) -> None:
        """No more records will come."""


OTHER = "other"
"""Role and behaviour of requests that are not ours."""


class Recorder:
    """Keeps every request by role, behaviour, operation and the UTC second in which it was due."""

    def __init__(self, worker: str, sink: Sink) -> None:
        self.cells = Cells()
        self.health = Health()
        self.traffic = Traffic()
        self._worker = worker
        self._sink = sink
        self._sequence = itertools.count(1)

    def request(
        self, key: Key, elapsed_us: int, parts: Parts, request_id: str = "", error: tuple[str, str] | None = None
    ) -> None:
        """Keep one request; `error`: kind and message where it failed. Raises only where it did not keep it."""
        if error is None:
            self.cells.request(key, elapsed_us, parts)
        else:
            self.cells.failure(key, elapsed_us, error, request_id, parts)

    def foreign_request(
        self, name: str, response_time: float | None, exception: Any = None, start_time: float = 0.0, **_details: Any
    ) -> None:
        """Keep a request of a user other than ours, by Locust's `request` event (`response_time` in ms)."""
        response_time = response_time or 0.0  # plug-ins fire events without one
        sent_at = start_time or utc_s() - response_time / 1000
        elapsed_us = round(response_time * 1000)
        error = None if exception is None else (type(exception).__name__, str(exception))
        parts = Parts(int(sent_at + response_time / 1000), elapsed_us)
        self.request((int(sent_at), OTHER, OTHER, name), elapsed_us, parts, error=error)

    def phase(self, name: str) -> None:
        """The run enters a phase now."""
        self._sink.write(Phase(self._worker, next(self._sequence), name, utc_s()))

    def tick(self, users_by_role: Mapping[str, int]) -> None:
        """At the turn of a second: hand over what came since, and how users and generator were at its end."""
        # Rounded, since a timer may fire a little early or late.
        self._hand_over(users_by_role, round(utc_s()) - 1)

    def _hand_over(self, users_by_role: Mapping[str, int], second: int) -> None:
        for record in self.cells.take(self._worker, self._sequence):
            self._sink.write(record)
        users = Users(self._worker, next(self._sequence), second, dict(users_by_role), self.cells.logging_in)
        self._sink.write(users)
        health = self.health.take()
        self._sink.write(
            Generator(
                self._worker,
                next(self._sequence),
                second,
                health.cpu_percent,
                health.loop_lag,
                health.memory_bytes,
                health.gc_pauses,
                health.waited_percent,
                round(health.span_s, 6),
                *self.traffic.take(),
                health.throttled.share,
                health.throttled.cores,
            )
        )
        self._sink.flush()

    def rest(self, users_by_role: Mapping[str, int]) -> None:
        """When the load is over: hand over what came since the last second."""
        self._hand_over(users_by_role, int(utc_s()))

    def errors(self, groups: Iterable[SuiteErrorGroup], *, ends_load: bool = False) -> None:
        """Hand over errors of the suite itself that came since the last call."""
        for group in groups:
            what = (group.place, group.message, group.count, group.log)
            self._sink.write(SuiteErrors(self._worker, next(self._sequence), *what, ends_load=ends_load))
        self._sink.flush()

    def end(self, locust_total: int, reason: str, *, sent: int | None = None, unrecorded: int = 0) -> None:
        """The counts to be compared with each other; no more records will come."""
        self._sink.write(
            End(self._worker, next(self._sequence), self.cells.recorded, locust_total, reason, sent, unrecorded)
        )
        self._sink.flush()
        self._sink.close()
