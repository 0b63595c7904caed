"""Tables and facts of report.html, read from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path


class _Reader(HTMLParser):
    """Collects the rows of every table with an id, and the terms of definition lists."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.facts: dict[str, list[str]] = {}
        self._rows: list[list[str]] | None = None
        self._cell: str | None = None
        self._exact: str | None = None
        self._number = False
        self._term = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self._rows = self.tables.setdefault(given.get("id") or "", [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th", "dt", "dd"):
            self._cell, self._exact = "", given.get("data-value")
            self._number = "number" in (given.get("class") or "")

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell += data

    def handle_endtag(self, tag: str) -> None:
        text = (self._cell or "").strip()
        if tag == "table":
            self._rows = None
        elif tag in ("td", "th") and self._rows:
            # A number is given exactly beside its short form; one that is not known has neither.
            self._rows[-1].append(self._exact or ("" if self._number else text))
        elif tag == "dt":
            self._term = text
        elif tag == "dd":
            self.facts.setdefault(self._term, []).append(text)
        if tag in ("td", "th", "dt", "dd"):
            self._cell = None


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def tables_of(path: Path) -> dict[str, list[list[str]]]:
    """Id of a table → its rows without the heading: numbers exactly, "" for one that is not known."""
    return {name: rows[1:] for name, rows in _read(path).tables.items()}


def facts_of(path: Path) -> dict[str, str]:
    """Term → what is said about it, the lines joined."""
    return {term: " | ".join(lines) for term, lines in _read(path).facts.items()}
