"""What a run creates and changes at the target, recorded before it is sent.

`journal.jsonl`: one entry per line, each handed to the operating system at once, so that the file says what has to be
removed even after a crash of the suite. The *mark* of a row is a text in the row itself: cleanup finds the row by it
even if the answer with its id never came.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.messages.target import TargetMessage

FILE_NAME, PREFLIGHT_JOURNAL = "journal.jsonl", "journal-preflight.jsonl"
_MARK = "PERF-"
NOBODY = "000000"
"""In a mark, in place of the account that made the row: nobody else is wrong to see it."""


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


def is_of_a_check(text: str) -> bool:
    """True for a mark of a row that no user of a load made: a check of correctness may delete it at any time."""
    return text.startswith(_MARK) and f"-{NOBODY}-" in text


class Marks:
    """Texts that mark rows as made by a run: PERF-<run>-<process>-<creator>-<number>."""

    def __init__(self, run_id: str) -> None:
        self._run = "".join(character for character in run_id if character.isdigit())
        self._prefix = f"{_MARK}{self._run}-"
        self._process = secrets.token_hex(3)
        self._counter = itertools.count(1)
        self._in_text = self._prefix.encode()
        self._creators = re.compile(re.escape(self._in_text) + rb"[0-9a-f]{6}-([0-9a-f]{6})-")

    def next(self, phone_number: str = "") -> str:
        """A mark never given before. `phone_number`: of the account that makes the row, "" where nobody owns it."""
        creator = self.creator(phone_number) if phone_number else NOBODY
        return f"{self._prefix}{self._process}-{creator}-{next(self._counter):06d}"

    def creator(self, phone_number: str) -> str:
        """What marks of the run call an account: the same in every process, and no way back to its number."""
        return hashlib.blake2s(f"{self._run}/{phone_number}".encode(), digest_size=3).hexdigest()

    def creators_in(self, body: bytes) -> set[str]:
        """Whose marks of the run, of any of its processes, stand in a text: what `creator` calls them."""
        if self._in_text not in body:
            return set()
        return {creator.decode() for creator in self._creators.findall(body)} - {NOBODY}


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
