"""Readings of pg_stat_statements: their content, the difference of two, and when to read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple, Protocol

from perfsuite.clock import sleep_s
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import DatabaseInfo

Key = tuple[int, int]
"""User id and query id of an entry (of one database, outermost statements only)."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums of one entry since its creation. Times in ms; `planning_ms` is 0 where planning is not tracked."""

    calls: int = 0
    rows: int = 0
    shared_hit_blocks: int = 0
    shared_read_blocks: int = 0
    shared_dirtied_blocks: int = 0
    shared_written_blocks: int = 0
    temp_read_blocks: int = 0
    temp_written_blocks: int = 0
    wal_bytes: int = 0
    execution_ms: float = 0.0
    planning_ms: float = 0.0

    def __sub__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, name) - getattr(other, name) for name in NAMES))

    def __add__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, name) + getattr(other, name) for name in NAMES))


NAMES = tuple(each.name for each in fields(Counters))
NOTHING = Counters()


class DatabaseClient(NamedTuple):
    """A connected client."""

    pid: int
    user: str
    application: str
    changed_at: str
    """When it last began or ended a statement, as the server reports it."""


@dataclass(frozen=True, slots=True)
class StatisticsSnapshot:
    """One reading. `evictions` is None where the extension does not count them. `at_s`: monotonic clock."""

    at_s: float
    statements: Mapping[Key, Counters]
    reset_at: str = ""
    evictions: int | None = None
    clients: tuple[DatabaseClient, ...] = ()
    settled: bool = True
    """False when the database did not come to rest before the reading."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened between two readings. `trouble` says why the figures cannot be trusted, "" where they can."""

    duration_s: float
    statements: Mapping[Key, Counters] = field(default_factory=dict)
    trouble: str = ""
    settled: bool = True
    active: frozenset[tuple[str, str]] = frozenset()
    """(user, application) of the clients that were active in between."""


def between(before: StatisticsSnapshot, after: StatisticsSnapshot) -> Delta:
    """The difference of two readings, statement by statement; those that did not run are left out."""
    statements: dict[Key, Counters] = {}
    shrunk = not before.statements.keys() <= after.statements.keys()
    for key, now in after.statements.items():
        then = before.statements.get(key, NOTHING)
        if now.calls < then.calls:
            shrunk = True
        elif now.calls > then.calls:
            statements[key] = now - then
    seen = set(before.clients)
    return Delta(
        duration_s=after.at_s - before.at_s,
        statements=statements,
        trouble=_trouble(before, after, shrunk=shrunk),
        settled=after.settled,
        active=frozenset((client.user, client.application) for client in after.clients if client not in seen),
    )


def _trouble(before: StatisticsSnapshot, after: StatisticsSnapshot, *, shrunk: bool) -> str:
    if before.reset_at != after.reset_at:
        return FingerprintMessage.RESET()
    if before.evictions is not None and after.evictions is not None and before.evictions != after.evictions:
        return FingerprintMessage.EVICTED(times=after.evictions - before.evictions)
    if shrunk:
        return FingerprintMessage.ENTRIES_LOST()
    return ""


@dataclass(frozen=True, slots=True)
class StatementText:
    """The text of an entry, not yet masked, and the user who ran it."""

    query: str
    user: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Calls of all statements so far, and the pids of the clients that are busy now."""

    calls: int
    busy: frozenset[int]


class StatementStatistics(Protocol):
    """What the fingerprint reads from a database."""

    info: DatabaseInfo
    notes: tuple[str, ...]
    asked: int
    """The reader's own statements so far, each a transaction."""

    def totals(self) -> Totals:
        """A cheap check for activity."""

    def snapshot(self) -> StatisticsSnapshot:
        """All counters now."""

    def texts(self, keys: Collection[Key]) -> Mapping[Key, StatementText]:
        """The texts of entries, without evicted ones."""

    def transactions(self) -> int:
        """Transactions of the database so far; the server reports them some seconds late."""


# ── when to read ────────────────────────────────────────────────────────────────────────────────────

_STEP_S = 0.004
"""The database is at rest when nothing changes within this time and no client is busy."""
_PATIENCE_S = 0.5
_RESTLESS_READINGS = 4
_SHORT_PATIENCE_S = 0.02
"""After this many waits without rest the reader hardly waits any more: others work all the time."""


@dataclass(frozen=True, slots=True)
class PollingClock:
    """The clock and sleep that tests replace."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = sleep_s


class StatisticsReader:
    """Reads the statistics before and after requests, and while nothing is asked."""

    def __init__(self, statistics: StatementStatistics, clock: PollingClock | None = None) -> None:
        self._statistics = statistics
        self._clock = clock or PollingClock()
        self._restless = 0
        # A client that is busy from the start, such as a forgotten transaction, would never let the database rest.
        self._standing = statistics.totals().busy

    def reading(self) -> StatisticsSnapshot:
        """The counters, once the database is at rest or the wait is over."""
        until_s = self._clock.now_s() + (_PATIENCE_S if self._restless < _RESTLESS_READINGS else _SHORT_PATIENCE_S)
        before, settled = self._statistics.totals(), False
        while not settled:
            self._clock.sleep(_STEP_S)
            now = self._statistics.totals()
            settled = self._at_rest(before, now)
            if self._clock.now_s() >= until_s:
                break
            before = now
        self._restless += not settled
        snapshot = self._statistics.snapshot()
        return snapshot if settled else replace(snapshot, settled=False)

    def _at_rest(self, before: Totals, now: Totals) -> bool:
        return before.calls == now.calls and not now.busy - self._standing

    def quiet(self, duration_s: float, since: StatisticsSnapshot | None = None) -> Delta:
        """What happens while nothing is asked; begins with the reading `since` where that is given."""
        before = since or self.reading()
        self._clock.sleep(duration_s)
        return between(before, self._statistics.snapshot())
