"""On which line of a TOML file a key stands: tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str, ...]
"""Names from the top down; the number of a table among several of its name, from 0 on, is one of them."""

_HEADER = re.compile(r"\s*\[.*\]\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w.\-\"'/*{} ]+?)\s*=", re.ASCII)
_LONG_TEXT = re.compile(r"\"\"\"|'''")


def key_lines(text: str) -> Mapping[Place, int]:
    """Place of a key or table → its line, from 1 on, in a text that is valid TOML.

    Keys of tables that are written in one line are not told; nor is what only looks like a key within a long text.
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
    """The line of a key or, where that is not known, of what it stands in; None for nothing known."""
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
    """The names in a header or before an equals sign; () where it only looked like one."""
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
