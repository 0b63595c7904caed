"""Takes what happens in one process and writes it as records once a second."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from perfsuite.clock import utc_s
from perfsuite.measurements.cells import Cells
from perfsuite.measurements.check_ended import CheckEnded
from perfsuite.measurements.connections import Connections
from perfsuite.measurements.health import Health, Traffic
from perfsuite.measurements.raw_samples import EXPIRED, RawSamples
from perfsuite.measurements.records import (
    End,
    Generator,
    InFlight,
    Phase,
    RawSampleState,
    SuiteErrors,
    Users,
)
from perfsuite.measurements.sink import RecordSink
from perfsuite.model import SuiteErrorGroup
from perfsuite.model.correctness import CheckKey
from perfsuite.model.sample import Sample, Series

NOT_OURS = "other"
"""Role and behaviour of requests that are not ours."""


class Recorder:
    """Keeps every request by role, behaviour, operation and the UTC second in which it was due."""

    def __init__(self, worker: str, sink: RecordSink) -> None:
        self.cells = Cells()
        self.health = Health()
        self.traffic = Traffic()
        self.connections = Connections()
        self._worker = worker
        self._sink = sink
        self._sequence = itertools.count(1)

        self._foreign: dict[str, Series] = {}
        self.raw: RawSamples | None = None
        """Takes every request as well; None without `--raw-samples`."""
        self.held_back_s: Callable[[], float] = lambda: 0.0
        """How long requests have waited for permission since it was last asked."""
        self.in_flight: Callable[[], list[tuple[int, str, str, int]]] | None = None
        """What the process waits for, see `InFlight`; None where nobody needs it."""

    def request(self, sample: Sample) -> None:
        """Keep one request. Raises only where it did not keep it."""
        if sample.failure is None and not sample.expired and self.raw is None:
            self.cells.request(sample)  # nearly all
            return
        failure = ""
        if sample.expired:
            self.cells.expired(sample)
            failure = EXPIRED
        elif sample.failure is None:
            self.cells.request(sample)
        else:
            failure = sample.failure.kind.value
            self.cells.failure(sample, (failure, sample.failure.message))
        self._add_raw(sample, failure)

    def _add_raw(self, sample: Sample, failure: str) -> None:
        """The cells have the request: whatever happens here, it must not be recorded once more."""
        raw = self.raw
        if raw is None:
            return
        try:
            raw.add(sample, failure)
        except Exception as error:  # noqa: BLE001  the error log gets it from `flush`
            raw.leave_out(error)

    def foreign_request(
        self, name: str, response_time: float | None, exception: Any = None, start_time: float = 0.0, **_details: Any
    ) -> None:
        """Keep a request of a user other than ours, by Locust's `request` event (`response_time` in ms)."""
        response_time = response_time or 0.0  # plug-ins fire events without one
        series = self._foreign.get(name) or self._foreign.setdefault(name, Series(NOT_OURS, NOT_OURS, name, ""))
        sent_at = start_time or utc_s() - response_time / 1000
        sample = Sample(series, "", sent_at, round(response_time * 1000), 0, 0)
        if exception is None:
            self.cells.request(sample)
        else:
            self.cells.failure(sample, (type(exception).__name__, str(exception)))
        self._add_raw(sample, "" if exception is None else type(exception).__name__)

    def phase(self, name: str) -> None:
        """The run enters a phase now."""
        self._sink.write(Phase(self._worker, next(self._sequence), name, utc_s()))

    def check_ended(self, key: CheckKey, result: str, **found: Any) -> None:
        """A check of correctness has ended, see `CheckEnded`. `key`: invariant, rule, operation, roles."""
        self._sink.write(CheckEnded(self._worker, next(self._sequence), int(utc_s()), *key, result, **found))

    def tick(self, users_by_role: Mapping[str, int]) -> None:
        """At the turn of a second: hand over what came since, and how users and generator were at its end."""
        # Rounded, since a timer may fire a little early or late.
        self._hand_over(users_by_role, round(utc_s()) - 1)

    def _hand_over(self, users_by_role: Mapping[str, int], second: int) -> None:
        self.cells.slowest.turn(second, sum(users_by_role.values()), self.cells.logging_in)
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
                *self.connections.take(),
                health.send_lag,
                round(self.held_back_s(), 3),
            )
        )
        if self.in_flight is not None:
            self._sink.write(InFlight(self._worker, next(self._sequence), second, self.in_flight()))
        self._report_raw()
        self._sink.flush()

    def _report_raw(self, *, whole: bool = False) -> None:
        if self.raw is None:
            return
        raw = self.raw
        counts = (raw.written, raw.left_out, str(raw.why or ""), whole)
        self._sink.write(RawSampleState(self._worker, next(self._sequence), raw.name, *counts))

    def rest(self, users_by_role: Mapping[str, int]) -> None:
        """When the load is over: hand over what came since the last second."""
        self._hand_over(users_by_role, int(utc_s()))

    def errors(self, groups: Iterable[SuiteErrorGroup], *, ends_load: bool = False) -> None:
        """Hand over errors of the suite itself that came since the last call."""
        for group in groups:
            what = (group.place, group.message, group.count, group.log)
            self._sink.write(SuiteErrors(self._worker, next(self._sequence), *what, ends_load=ends_load))
        self._sink.flush()

    def end(self, locust_total: int, reason: str, **counts: int) -> None:
        """The counts to be compared with each other, see `End`; no more records will come."""
        if self.raw is not None:
            self.raw.close()
            self._report_raw(whole=True)
        self._sink.write(End(self._worker, next(self._sequence), self.cells.recorded, locust_total, reason, **counts))
        self._sink.flush()
        self._sink.close()
