"""Statements: as text that may be shown and compared between servers, and which of them belong to other clients."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest

from perfsuite.fingerprint.readings import Delta, Key, StatementStatistics
from perfsuite.model.fingerprint import ForeignStatement, StatementKind

LONGEST = 400
MASK = "?"
_REST = " …"

# Tried in this order at every place of the text. A quoted text with a backslash may end elsewhere than it seems to,
# depending on a setting of the server, so nothing after it is shown.
_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*(?:(?!/\*).)*?\*/)
  | (?P<nested>/\*)
  | (?P<dollar>\$\$.*?\$\$|\$(?P<tag>[A-Za-z_\x80-\uffff]\w*)\$.*?\$(?P=tag)\$)
  | (?P<open_dollar>\$(?:[A-Za-z_\x80-\uffff]\w*)?\$)
  | (?P<parameter>\$\d+)
  | (?P<identifier>"(?:[^"]|"")*")
  | (?P<text>(?:\b(?:[EeBbXxNn]|[Uu]&))?'(?:[^'\\]|'')*')
  | (?P<open>['"])
  | (?P<number>(?<![\w.])(?:0[xXoObB][0-9A-Fa-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?))
  | (?P<word>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
_LIST = re.compile(
    r"\(\s*(?P<one>[$?][\d:\w]*)(?:\s*,\s*[$?][\d:\w]*)+\s*\)|(?<=\bIN )\((?P<only>[$?][\d:\w]*)\s*\)", re.I
)
_NUMBERED = re.compile(r"\$\d+")
_TRANSACTION = re.compile(
    r"^(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE TRANSACTION)\b", re.IGNORECASE
)
_CONNECTION = re.compile(
    r"^(?:SET|SHOW|RESET|DISCARD|DEALLOCATE|LISTEN|UNLISTEN)\b"
    r"|^SELECT (?:[$?]\d*|NULL)(?:::\w+)?(?: AS \S+)?$"
    r"|^SELECT (?:pg_catalog\.)?(?:version|current_schema|current_database|pg_is_in_recovery)\(\)(?: AS \S+)?$"
    r"|\bFROM (?:pg_catalog\.)?pg_(?:type|range|enum|class|attribute|namespace)\b|^;?$",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The statement on one line, without comments, with every literal replaced by "?".

    pg_stat_statements does this itself for queries, but not for all utility statements, nor for an entry that was
    evicted between planning and execution. Where the text is ambiguous, the rest is left out.
    """
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[end : token.start()])
        end = token.end()
        match token.lastgroup if token.lastgroup != "tag" else "dollar":
            case "comment":
                parts.append(" ")
            case "nested" | "open" | "open_dollar":
                return _one_line("".join(parts)) + _REST
            case "dollar" | "text" | "number":
                parts.append(MASK)
            case _:
                parts.append(token.group())
    return _one_line("".join([*parts, text[end:]])).rstrip("; ")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def comparable(text: str) -> str:
    """A masked statement with parameters numbered from 1 and lists of them shortened: `IN ($1, $2)` → `IN ($1, …)`.

    For PostgreSQL before version 18, lists of different lengths are different statements; for people they are not.
    """
    shorter = _LIST.sub(lambda found: f"({found['one'] or found['only']}, …)", text)
    numbers: dict[str, str] = {}
    return _NUMBERED.sub(lambda found: numbers.setdefault(found.group(), f"${len(numbers) + 1}"), shorter)


def shape_of(comparable_text: str) -> str:
    """A short name for a statement, the same on every server."""
    return hashlib.sha256(comparable_text.encode()).hexdigest()[:16]


def kind_of(comparable_text: str) -> StatementKind:
    """What the statement is for."""
    if _TRANSACTION.match(comparable_text):
        return StatementKind.TRANSACTION
    if _CONNECTION.search(comparable_text):
        return StatementKind.CONNECTION
    return StatementKind.QUERY


def kept(text: str) -> str:
    """The text as it is stored; a long one loses the columns of a SELECT first."""
    return text if len(text) <= LONGEST else headline(text, LONGEST)


def cut(text: str, length: int) -> str:
    """`text` with at most `length` characters; an ellipsis replaces what was cut."""
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def headline(text: str, length: int) -> str:
    """A statement on one line, without the columns of a SELECT."""
    return cut(re.sub(r"^SELECT (?!…).*? FROM ", "SELECT … FROM ", text, flags=re.IGNORECASE), length)


# ── entries of pg_stat_statements ───────────────────────────────────────────────────────────────────

OWN_MARK = "/* agentmitra"
"""Comment in the suite's own statements, which pg_stat_statements keeps: they are left out."""
MOST_NAMED = 20
"""How many statements of others are named; there may be thousands."""
_NO_TEXT = "(a statement whose text pg_stat_statements no longer has)"


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One statement as it may be shown. `ours`: one of the suite, to be left out."""

    shape: str
    text: str
    kind: StatementKind
    user: str = ""
    ours: bool = False


def entry_of(query: str, user: str = "") -> StatementEntry:
    """The entry for a text of pg_stat_statements."""
    text = comparable(masked(query)) or _NO_TEXT
    return StatementEntry(shape_of(text), kept(text), kind_of(text), user, ours=OWN_MARK in query)


class EntryCache:
    """Looks up the text of each entry once."""

    def __init__(self, statistics: StatementStatistics) -> None:
        self._statistics = statistics
        self._known: dict[Key, StatementEntry] = {}

    def of(self, deltas: Iterable[Delta]) -> Mapping[Key, StatementEntry]:
        """All entries known so far, among them those of `deltas`."""
        return self.known({key for delta in deltas for key in delta.statements})

    def of_most(self, delta: Delta) -> Mapping[Key, StatementEntry]:
        """All entries known so far, among them those that ran most often in `delta`."""
        return self.known(set(nlargest(MOST_NAMED, delta.statements, key=lambda key: delta.statements[key].calls)))

    def known(self, keys: Collection[Key]) -> Mapping[Key, StatementEntry]:
        """All entries known so far, among them `keys`."""
        unknown = set(keys) - self._known.keys()
        if unknown:
            found = self._statistics.texts(unknown)
            for key in unknown:
                self._known[key] = entry_of(found[key].query, found[key].user) if key in found else entry_of("")
        return self._known


class ForeignTraffic:
    """Statements that ran while the suite asked nothing."""

    def __init__(self) -> None:
        self._calls: dict[Key, int] = {}
        self._quiet_s = 0.0
        self.backend_users: set[int] = set()
        """Users whose statements belong to requests."""

    def add(self, quiet: Delta) -> None:
        """Add an interval in which the suite asked nothing."""
        self._quiet_s += quiet.duration_s
        for key, counters in quiet.statements.items():
            self._calls[key] = self._calls.get(key, 0) + counters.calls

    def rate_per_s(self, key: Key) -> float:
        """How often the statement ran while nothing was asked."""
        return self._calls.get(key, 0) / self._quiet_s if self._quiet_s else 0.0

    def keys(self) -> frozenset[Key]:
        """All statements that ran."""
        return frozenset(self._calls)

    def found(self, entries: Mapping[Key, StatementEntry]) -> tuple[ForeignStatement, ...]:
        """The most frequent statements, the most frequent first."""
        calls: dict[tuple[str, str], int] = {}
        for key in self._calls.keys() & entries.keys():
            if not (entry := entries[key]).ours:
                calls[entry.text, entry.user] = calls.get((entry.text, entry.user), 0) + self._calls[key]
        first = sorted(calls.items(), key=lambda each: (-each[1], each[0]))[:MOST_NAMED]
        return tuple(
            ForeignStatement(text, user, count, round(count / self._quiet_s, 2)) for (text, user), count in first
        )
