"""What a run creates and changes at the target, recorded before it is sent.

`journal.jsonl`: one entry per line, each handed to the operating system at once, so that the file says what has to be
removed even after a crash of the suite. The *mark* of a row is a text in the row itself: cleanup finds the row by it
even if the answer with its id never came.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.messages.target import TargetMessage

FILE_NAME = "journal.jsonl"
_MARK = "PERF-"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line. `what`: "create" (about to be sent), "created", "refused" (by the target), "flag", "preference" or
    "not restorable"; written by cleanup: "removed" (a row), "soft deleted" (a row that the target keeps under
    `status`) and "restored" (a flag, a preference).

    `thing`: policy, lead, ticket, flag, theme … `before`: the value before the run's first change; `at` (UTC epoch s)
    says which of several changes was the first. `by`: phone number of the account that made the row or whose
    preference it is; "" in older files.
    """

    what: str
    thing: str
    mark: str
    id: str = ""
    before: bool | str | None = None
    by: str = ""
    status: str = ""
    at: float = 0.0


class Journal:
    """Appends entries. Every load process has a file of its own; `read` returns those of all."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _end_last_line(path)
        self._file = path.open("ab", buffering=0) if path else None
        self._seen: set[tuple[str, str]] = set()

    def write(self, entry: JournalEntry) -> None:
        """Append one entry; it survives the death of this process."""
        if self._file is not None:
            self._file.write(msgspec.json.encode(entry) + b"\n")

    def write_once(self, entry: JournalEntry) -> None:
        """Append the entry unless this method has written one of the same thing and mark before."""
        key = (entry.thing, entry.mark)
        if key not in self._seen:
            self._seen.add(key)
            self.write(entry)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def is_mark(text: str) -> bool:
    """True for a mark of any run."""
    return text.startswith(_MARK)


class Marks:
    """Texts that mark rows as made by a run: PERF-<run>-<process>-<number>."""

    def __init__(self, run_id: str) -> None:
        stamp = "".join(character for character in run_id if character.isdigit())
        self._prefix = f"{_MARK}{stamp}-{secrets.token_hex(3)}"
        self._counter = itertools.count(1)

    def next(self) -> str:
        """A mark never given before."""
        return f"{self._prefix}-{next(self._counter):06d}"


def read(folder: Path) -> Iterator[JournalEntry]:
    """All entries of a run, in the order written. Skips a last line that a crash cut off."""
    for path in sorted(folder.glob("journal*.jsonl")):
        *lines, rest = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                yield msgspec.json.decode(line, type=JournalEntry)
            except msgspec.DecodeError as error:
                raise UsageError(TargetMessage.JOURNAL_DAMAGED(path=path, line=number, why=error)) from error
        if _is_entry(rest):
            yield msgspec.json.decode(rest, type=JournalEntry)


def _is_entry(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=JournalEntry)
    except msgspec.DecodeError:
        return False
    return True


def _end_last_line(path: Path) -> None:
    """Drop a last line that a crash cut off, so that the next entry does not become part of it."""
    if not path.exists():
        return
    content = path.read_bytes()
    rest = content.rpartition(b"\n")[2]
    if not rest:
        return
    with path.open("r+b") as file:
        if _is_entry(rest):
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        else:
            file.truncate(len(content) - len(rest))
