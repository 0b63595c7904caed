"""TOML files of users; every error names file, line, table and key."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfsuite.errors import UsageError, nearest
from perfsuite.messages import Message
from perfsuite.messages.toml_tables import TomlMessage

Place = tuple[str, ...]
"""Names from the top down; the number of a table among several of its name, from 0 on, is one of them."""

_HEADER = re.compile(r"\s*\[.*\]\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w.\-\"'/*{}, ]+?)\s*=", re.ASCII)
_LONG_TEXT = re.compile(r"\"\"\"|'''")


def key_lines(text: str) -> Mapping[Place, int]:
    """Place of a key or table → its line, from 1 on, in a text that is valid TOML.

    Without keys of inline tables, and without what only looks like a key within a multi-line text.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in _outside_long_texts(text):
        if _HEADER.match(line):
            table = _names(line)
            if line.lstrip().startswith("[["):
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, *_names(f"{found.group(1)} = 0")), number)
    return lines


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of a key or, if unknown, of its table; None if both are unknown."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _outside_long_texts(text: str) -> Iterator[tuple[int, str]]:
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside:
            yield number, line
        if len(_LONG_TEXT.findall(line)) % 2:
            inside = not inside


def _names(line: str) -> Place:
    """The names in a header or before an equals sign; () if it is neither."""
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    names: list[str] = []
    while isinstance(found, dict | list) and found:
        if isinstance(found, list):
            found = found[0]
            continue
        name, found = next(iter(found.items()))
        names.append(name)
    return tuple(names)


SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a TOML file. `label` is how messages call it, such as "[safety]"; "" for the top."""

    file: str
    label: str
    values: dict[str, Any]
    path: Place = ()
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        """The beginning of every message about this table."""
        return f"{self._file_and_line()} {self.label}".rstrip()

    def place_of(self, key: str) -> str:
        """The beginning of a message about one of its keys, with the line of that key."""
        return f"{self._file_and_line(key)} {self.label}".rstrip()

    def _file_and_line(self, *key: str) -> str:
        line = line_of((*self.path, *key), self.lines)
        return f"{self.file}:" if line is None else f"{self.file}, line {line}:"

    def wrong(self, key: str, message: str) -> UsageError:
        """The error to raise about one key; it keeps the code of the message."""
        place = f"{self.place_of(key)} {key}:"
        return UsageError(message.at(place) if isinstance(message, Message) else f"{place} {message}")

    def only(self, known: Collection[str]) -> None:
        """Raise UsageError for an unknown key."""
        for key in self.values:
            if key not in known:
                raise UsageError(unknown("key", key, known).at(self.place_of(key)))

    def required(self, key: str) -> Any:
        """The value, whatever its type. Raises UsageError when it is missing."""
        if key not in self.values:
            raise UsageError(TomlMessage.MISSING_KEY(key=key).at(self.place))
        return self.values[key]

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; `default` when the key is absent (required when that is None)."""
        if key not in self.values and default is not None:
            return default
        value = self.required(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, TomlMessage.NOT_A_TEXT(value=_shown(value)))
        return value.strip()

    def number(self, key: str, *, or_zero: bool = False) -> float:
        """A finite number above 0 (at least 0 when `or_zero`)."""
        value = self.required(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(key, TomlMessage.NOT_A_NUMBER(value=_shown(value)))
        if value < 0 or (value == 0 and not or_zero):
            code = TomlMessage.NEGATIVE if or_zero else TomlMessage.NOT_POSITIVE
            raise self.wrong(key, code(value=_shown(value)))
        return float(value)

    def whole_number(self, key: str) -> int:
        """A whole number above 0."""
        value = self.required(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, TomlMessage.NOT_WHOLE(value=_shown(value)))
        return int(self.number(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; () when the key is absent."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.wrong(key, TomlMessage.NOT_TEXTS(value=_shown(value)))
        return tuple(item.strip() for item in value)

    def name_among(self, key: str, kind: str, known: Collection[str]) -> str:
        """The text under `key`, which must be one of `known`; `kind` is what messages call it."""
        name = self.text(key)
        if name not in known:
            raise self.wrong(key, unknown(kind, name, known))
        return name

    def names_among(self, key: str, kind: str, known: Collection[str]) -> tuple[str, ...]:
        """The list of texts under `key`, each one of `known`; () when the key is absent."""
        names = self.texts(key)
        for name in names:
            if name not in known:
                raise self.wrong(key, unknown(kind, name, known))
        return names

    def table(self, key: str, *, name: str | None = None) -> Table:
        """The table under `key`; an empty one when it is absent."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, TomlMessage.NOT_A_TABLE(table=name or key, value=_shown(value)))
        return Table(self.file, f"[{name or key}]", value, (*self.path, key), self.lines)

    def entry(self, key: str, index: int, label: str) -> Table:
        """One of the tables in the list under `key`, which has to be there."""
        return Table(self.file, label, self.values[key][index], (*self.path, key, str(index)), self.lines)


def unknown(kind: str, name: str, known: Collection[str]) -> Message:
    """ "unknown role 'agent', did you mean 'senior_agent'?", or with all that are known when none is near."""
    hint = nearest(name, known) or f". Known: {', '.join(known)}"
    return TomlMessage.UNKNOWN(kind=kind, name=name, hint=hint)


def read_tables(path: Path) -> Table:
    """The whole file. Raises UsageError when it cannot be read, is no TOML, or has another schema."""
    file = path.name
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise UsageError(TomlMessage.MISSING_FILE(path=path)) from None
    except OSError as error:
        raise UsageError(TomlMessage.UNREADABLE(path=path, why=error.strerror)) from None
    except UnicodeDecodeError:
        raise UsageError(TomlMessage.NOT_UTF8(path=path)) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(TomlMessage.NOT_TOML(file=file, why=error)) from None
    top = Table(file, "", values, (), key_lines(text))
    schema = top.required("schema")
    if schema != SCHEMA or isinstance(schema, bool):
        raise top.wrong("schema", TomlMessage.OTHER_SCHEMA(schema=SCHEMA, value=_shown(schema)))
    return top


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"
