"""Arithmetic on readings of pg_stat_statements: no database in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

Key = tuple[int, int]
"""User id and query id of an entry (of one database, outermost statements only)."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums of one entry since it was made. Times in ms; `planning_ms` is 0 where planning is not tracked."""

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


class Client(NamedTuple):
    """Who is connected: user and application, with which number of activity changes is it seen."""

    pid: int
    user: str
    application: str
    changed_at: str
    """When it last began or ended something, as the server tells it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading. `evictions` is None where the extension does not tell. `at_s`: monotonic clock."""

    at_s: float
    statements: Mapping[Key, Counters]
    reset_at: str = ""
    evictions: int | None = None
    clients: tuple[Client, ...] = ()
    settled: bool = True
    """False when the database did not come to rest before the reading."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened between two readings. `trouble` says why it cannot be trusted, "" when it can."""

    duration_s: float
    statements: Mapping[Key, Counters] = field(default_factory=dict)
    trouble: str = ""
    settled: bool = True
    active: frozenset[tuple[str, str]] = frozenset()
    """(user, application) of the clients that did something meanwhile."""


def between(before: Snapshot, after: Snapshot) -> Delta:
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


def _trouble(before: Snapshot, after: Snapshot, *, shrunk: bool) -> str:
    if before.reset_at != after.reset_at:
        return "pg_stat_statements was reset meanwhile"
    if before.evictions is not None and after.evictions is not None and before.evictions != after.evictions:
        return (
            f"pg_stat_statements evicted entries meanwhile ({after.evictions - before.evictions} times): "
            "raise pg_stat_statements.max"
        )
    if shrunk:
        return "entries of pg_stat_statements were reset or evicted meanwhile"
    return ""
