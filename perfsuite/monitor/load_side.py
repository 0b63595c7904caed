"""What the load's own records tell besides its figures: the network as its requests met it, and its processes.

A record of second S becomes readings at S + 1, as those of the monitors. Requests count in the second in which they
were due, as everywhere; bytes in the one in which they went or came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from perfsuite.measurements.records import Generator, Record, Requests, Users, WorkerLost
from perfsuite.model import FailureKind
from perfsuite.model.monitor import GENERATOR, NETWORK, Reading
from perfsuite.monitor.source import readings_of

_FORGOTTEN_AFTER_S = 5
"""A process that told nothing of its users for longer has none any more: it is gone."""
_LEAST_S = 0.5
"""A process's CPU time is counted in hundredths of a second: a share of less time than this may be anything."""
_ERRORS = {
    FailureKind.CONNECTION_REFUSED.value: "network.errors_refused_per_s",
    FailureKind.CONNECTION_LOST.value: "network.errors_reset_per_s",
    FailureKind.TIMEOUT.value: "network.errors_timeout_per_s",
}

Figures = dict[str, float | None]


@dataclass(slots=True)
class _Share:
    """What one process tells of one second: of `span_s` of it."""

    span_s: float = 0.0
    used: float = 0.0
    """CPU, per cent × s."""
    lag_us: int | None = None
    sent: float | None = None
    received: float | None = None

    @property
    def cpu_percent(self) -> float | None:
        return self.used / self.span_s if self.span_s >= _LEAST_S else None


@dataclass(slots=True)
class _Second:
    opened: int = 0
    connect_us: int = 0
    tls: int = 0
    tls_us: int = 0
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ERRORS.values(), 0))
    shares: dict[str, _Share] = field(default_factory=dict)
    users: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Worker → sequence and number of users: its last word counts."""


class LoadSide:
    """Made from records, in whatever order they come. `keep_s`: how many seconds it remembers; None: all."""

    def __init__(self, keep_s: int | None = None) -> None:
        self._keep_s = keep_s
        self._seconds: dict[int, _Second] = {}
        self._told: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._tls = False

    def feed(self, records: Iterable[Record]) -> None:
        """Take in further records."""
        for record in records:
            if isinstance(record, Requests):
                self._add_requests(record)
            elif isinstance(record, Generator):
                self._add_generator(record)
            elif isinstance(record, Users):
                self._add_users(record)
            elif isinstance(record, WorkerLost):
                self._lost[record.lost] = int(record.at)
                self._told.pop(record.lost, None)
        if self._keep_s is not None and self._seconds:
            oldest = max(self._seconds) - self._keep_s
            for second in [second for second in self._seconds if second <= oldest]:
                del self._seconds[second]

    def readings(self) -> list[Reading]:
        """All of them, in the order of time; [] before a process has told of itself."""
        told = [second for second, one in self._seconds.items() if one.shares]
        return [reading for second in sorted(told) for reading in self._of(second)]

    def latest(self) -> dict[str, Reading]:
        """Metric → its reading of the last second that every process has told of; {} before the first."""
        newest = max(self._told.values(), default=0)
        told = min((at for at in self._told.values() if newest - at <= _FORGOTTEN_AFTER_S), default=None)
        return {reading.metric: reading for reading in self._of(told)} if told in self._seconds else {}

    # ── records ────────────────────────────────────────────────────────────────────────────────────

    def _at(self, second: int) -> _Second:
        found = self._seconds.get(second)
        if found is None:
            found = self._seconds[second] = _Second()
        return found

    def _add_requests(self, record: Requests) -> None:
        second = self._at(record.second)
        second.opened += sum(record.connects.counts.values())
        second.connect_us += record.connects.sum_us
        second.tls += sum(record.tls.counts.values())
        second.tls_us += record.tls.sum_us
        self._tls = self._tls or bool(second.tls)
        for error in record.errors:
            if error.kind in _ERRORS:
                second.errors[_ERRORS[error.kind]] += error.count

    def _add_generator(self, record: Generator) -> None:
        """A process that came to telling late speaks of several seconds: they share what it tells."""
        self._told[record.worker] = max(record.second, self._told.get(record.worker, record.second))
        whole = max(round(record.span_s), 1)
        for second in range(record.second - whole + 1, record.second + 1):
            share = self._at(second).shares.setdefault(record.worker, _Share())
            span_s = record.span_s / whole
            share.span_s += span_s
            share.used += record.cpu_percent * span_s
            if record.loop_lag.counts:
                share.lag_us = max(share.lag_us or 0, record.loop_lag.max_us)
            if record.sent_bytes is not None and record.received_bytes is not None:
                share.sent = (share.sent or 0.0) + record.sent_bytes / whole
                share.received = (share.received or 0.0) + record.received_bytes / whole

    def _add_users(self, record: Users) -> None:
        users = self._at(record.second).users
        if record.sequence >= users.get(record.worker, (0, 0))[0]:
            users[record.worker] = (record.sequence, sum(record.by_role.values()))

    # ── readings ───────────────────────────────────────────────────────────────────────────────────

    def _of(self, second: int) -> Iterator[Reading]:
        one = self._seconds[second]
        yield from readings_of(NETWORK, float(second + 1), self._network(one))
        yield from readings_of(GENERATOR, float(second + 1), self._generator(one, self._users(second)))

    def _network(self, one: _Second) -> Figures:
        figures: Figures = {
            "network.connections_opened_per_s": one.opened,
            "network.connect_ms": one.connect_us / 1000 / one.opened if one.opened else None,
        }
        if self._tls:
            figures["network.tls_ms"] = one.tls_us / 1000 / one.tls if one.tls else None
        sent = [share.sent for share in one.shares.values() if share.sent is not None]
        received = [share.received for share in one.shares.values() if share.received is not None]
        if sent and received:
            figures["network.bytes_sent_per_s"] = sum(sent)
            figures["network.bytes_received_per_s"] = sum(received)
        return figures | one.errors

    def _generator(self, one: _Second, users: int) -> Figures:
        cpu = [share.cpu_percent for share in one.shares.values()]
        known = [percent for percent in cpu if percent is not None]
        lags = [share.lag_us for share in one.shares.values() if share.lag_us is not None]
        return {
            "generator.cpu_percent": sum(known) if known and len(known) == len(cpu) else None,
            "generator.cpu_limit_percent": 100.0 * len(one.shares),
            "generator.busiest_process_cpu_percent": max(known, default=None),
            "generator.loop_lag_ms": max(lags) / 1000 if lags else None,
            "generator.users": users,
        }

    def _users(self, second: int) -> int:
        """The sum of each process's latest word up to that second; those of a lost one were placed on the others."""
        latest: dict[str, int] = {}
        for back in range(_FORGOTTEN_AFTER_S + 1):
            if (one := self._seconds.get(second - back)) is not None:
                latest = {worker: count for worker, (_sequence, count) in one.users.items()} | latest
        return sum(count for worker, count in latest.items() if second < self._lost.get(worker, second + 1))


def with_load_side(watched: Iterable[Reading], records: Iterable[Record]) -> list[Reading]:
    """What was watched at the target, and what the records tell; the latter always anew."""
    side = LoadSide()
    side.feed(records)
    return [reading for reading in watched if not reading.is_of_load_side] + side.readings()
