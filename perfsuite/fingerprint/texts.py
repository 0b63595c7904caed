"""Statements as text: parameters masked, shape made comparable between servers, kind told."""

from __future__ import annotations

import hashlib
import re

from perfsuite.model.fingerprint import StatementKind

LONGEST = 400
MASK = "?"
_REST = " …"

# In this order at every place of the text. A quoted text that holds a backslash may end elsewhere than it
# seems to (it depends on a setting of the server), so from there on nothing is shown.
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

    pg_stat_statements does this for queries itself, but not for all utility statements, nor when an entry was
    evicted between planning and the end. Where the text cannot be read for certain, its rest is left out.
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
    """A masked statement with parameters numbered from 1 and lists of them made one: `IN ($1, $2)` → `IN ($1, …)`.

    Lists of another length are other statements to PostgreSQL before version 18, and the same one to people.
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
    """The text as it is kept: where it is long, the columns of a SELECT go first."""
    return text if len(text) <= LONGEST else headline(text, LONGEST)


def cut(text: str, length: int) -> str:
    """`text` with at most `length` characters, the last one an ellipsis where something is gone."""
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def headline(text: str, length: int) -> str:
    """A statement for a line of text: the columns of a SELECT are left out."""
    return cut(re.sub(r"^SELECT (?!…).*? FROM ", "SELECT … FROM ", text, flags=re.IGNORECASE), length)
