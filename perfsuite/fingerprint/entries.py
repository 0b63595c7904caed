"""What is known of the entries of pg_stat_statements, and which of them are somebody else's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest

from perfsuite.fingerprint import texts
from perfsuite.fingerprint.counters import Delta, Key
from perfsuite.fingerprint.database import OWN_MARK, Statistics
from perfsuite.model.fingerprint import ForeignStatement, StatementKind

MOST_TOLD = 20
"""Statements of others that are named; there may be thousands."""
_NO_TEXT = "(a statement whose text pg_stat_statements no longer has)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement as it may be shown. `ours`: of the suite itself, to be left out."""

    shape: str
    text: str
    kind: StatementKind
    user: str = ""
    ours: bool = False


def entry_of(query: str, user: str = "") -> Entry:
    """The entry of a text as pg_stat_statements gives it."""
    text = texts.comparable(texts.masked(query)) or _NO_TEXT
    return Entry(texts.shape_of(text), texts.kept(text), texts.kind_of(text), user, ours=OWN_MARK in query)


class Entries:
    """Looks texts up once."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._known: dict[Key, Entry] = {}

    def of(self, deltas: Iterable[Delta]) -> Mapping[Key, Entry]:
        """All entries known so far, among them those of `deltas`."""
        return self.known({key for delta in deltas for key in delta.statements})

    def of_most(self, delta: Delta) -> Mapping[Key, Entry]:
        """All entries known so far, among them those that ran most often in `delta`."""
        return self.known(set(nlargest(MOST_TOLD, delta.statements, key=lambda key: delta.statements[key].calls)))

    def known(self, keys: Collection[Key]) -> Mapping[Key, Entry]:
        """All entries known so far, among them `keys`."""
        unknown = set(keys) - self._known.keys()
        if unknown:
            found = self._statistics.texts(unknown)
            for key in unknown:
                self._known[key] = entry_of(found[key].query, found[key].user) if key in found else entry_of("")
        return self._known


class Foreign:
    """Statements that ran while nothing was asked."""

    def __init__(self) -> None:
        self._calls: dict[Key, int] = {}
        self._quiet_s = 0.0
        self.backend_users: set[int] = set()
        """Who ran statements that belong to requests."""

    def add(self, quiet: Delta) -> None:
        """A time in which the suite asked nothing."""
        self._quiet_s += quiet.duration_s
        for key, counters in quiet.statements.items():
            self._calls[key] = self._calls.get(key, 0) + counters.calls

    def rate_per_s(self, key: Key) -> float:
        """How often it ran while nothing was asked."""
        return self._calls.get(key, 0) / self._quiet_s if self._quiet_s else 0.0

    def keys(self) -> frozenset[Key]:
        """All that ran."""
        return frozenset(self._calls)

    def told(self, entries: Mapping[Key, Entry]) -> tuple[ForeignStatement, ...]:
        """The most frequent statements for the reader, the most frequent first."""
        calls: dict[tuple[str, str], int] = {}
        for key in self._calls.keys() & entries.keys():
            if not (entry := entries[key]).ours:
                calls[entry.text, entry.user] = calls.get((entry.text, entry.user), 0) + self._calls[key]
        first = sorted(calls.items(), key=lambda each: (-each[1], each[0]))[:MOST_TOLD]
        return tuple(
            ForeignStatement(text, user, count, round(count / self._quiet_s, 2)) for (text, user), count in first
        )
