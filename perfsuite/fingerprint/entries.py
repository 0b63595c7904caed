"""What is known of the entries of pg_stat_statements, and which of them are somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perfsuite.fingerprint import texts
from perfsuite.fingerprint.counters import Delta, Key
from perfsuite.fingerprint.database import OWN_MARK, Statistics
from perfsuite.model.fingerprint import ForeignStatement, StatementKind

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
        unknown = {key for delta in deltas for key in delta.statements} - self._known.keys()
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
        """The statements for the reader, the most frequent first."""
        found = [
            ForeignStatement(entries[key].text, entries[key].user, calls, round(self.rate_per_s(key), 2))
            for key, calls in self._calls.items()
            if not entries[key].ours
        ]
        return tuple(sorted(found, key=lambda each: (-each.calls, each.text)))
