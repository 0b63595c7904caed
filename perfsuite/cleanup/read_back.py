"""Reads rows back after their deletion.

A row that is not found counts as gone only where the same reader has found one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Protocol

from perfsuite.cleanup.actors import NOT_FOUND, Actor, Actors, NotDone
from perfsuite.cleanup.rows import CreatedRow, rows_listed, rows_marked
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model.role import Call
from perfsuite.target import checks
from perfsuite.target.catalogue import Row, RowKind

_LOOKS = 3
"""So many rows are read before the deletion, to see whether reading finds rows that are there."""
_DELETED = 200


class _Reader(Protocol):
    """Reads rows by their mark, or by id."""

    def look(self, rows: Sequence[CreatedRow]) -> bool:
        """Before the deletion: does it find rows that are there?"""

    def found(self, row: CreatedRow, delete_status: int) -> list[Row]:
        """After it: the rows with its mark as they are now; none when they are gone. Raises NotDone when nobody can
        know that.

        A row that its deletion did not find (HTTP 404) either is gone without having been seen before.
        """

    def forget(self) -> None:
        """Read anew what was read."""


class ReadBack:
    """Reads with the first reader that finds rows that are there: all with a mark or, if not, one by its id."""

    def __init__(self, kind: RowKind, actors: Actors, rows: Sequence[CreatedRow]) -> None:
        """Look before the deletion which readers find the rows."""
        self._kind = kind
        readers: list[_Reader] = [_Listed(kind, actors) if kind.pages else _OneByOne(actors, partial(_searched, kind))]
        if kind.read:
            readers.append(_OneByOne(actors, partial(_single, kind)))
        self._first, *self._others = [reader for reader in readers if reader.look(rows)] or readers[-1:]
        self._hides = False
        """A search or list leaves out rows that the target keeps under another status."""
        self._agreed = 0
        """Rows that were neither listed nor there by their id."""

    def found(self, row: CreatedRow, delete_status: int) -> list[Row]:
        """After the deletion: the rows with the mark, as they are now. Raises NotDone when nobody can know that."""
        shown = self._first.found(row, delete_status)
        for reader in self._others:
            if shown:
                shown = [now for each in shown for now in self._once_more(reader, row, each)]
            elif self._hides or self._agreed < _LOOKS:
                shown = self._hidden(reader, row, delete_status)
        return shown

    def forget(self) -> None:
        """Read anew what was read."""
        self._first.forget()

    def _hidden(self, reader: _Reader, row: CreatedRow, delete_status: int) -> list[Row]:
        try:
            found = reader.found(row, delete_status)
        except NotDone:
            return []
        kept = [each for each in found if self._kind.soft_deleted_as(each)]
        self._hides = self._hides or bool(kept)
        self._agreed += not kept
        return kept

    def _once_more(self, reader: _Reader, row: CreatedRow, shown: Row) -> list[Row]:
        """A row that looks untouched may come from a cache; a request that was not made before does not."""
        if self._kind.soft_deleted_as(shown):
            return [shown]
        try:
            return reader.found(replace(row, id=str(shown[self._kind.id_field]), others=()), _DELETED)
        except NotDone:
            return [shown]


def _searched(kind: RowKind, actor: Actor, row: CreatedRow) -> list[Row]:
    return rows_marked(kind, actor, row.mark)


def _single(kind: RowKind, actor: Actor, row: CreatedRow) -> list[Row]:
    found: list[Row] = []
    for identity in (row.id, *row.others):
        try:
            body = actor.ask(kind.read, Call(path={kind.id_field: identity}))
        except NotDone as error:
            if error.status != NOT_FOUND:
                raise
        else:
            found.append(checks.object_of(body))
    return found


class _OneByOne:
    """Reads each row by itself, as the Super Admin first: one request for each deletion."""

    def __init__(self, actors: Actors, ask: Callable[[Actor, CreatedRow], list[Row]]) -> None:
        self._actors, self._ask = actors, ask
        self._proven: set[Actor] = set()
        """Those who found a row."""

    def look(self, rows: Sequence[CreatedRow]) -> bool:
        for row in rows[:_LOOKS]:
            for actor in reversed(self._actors.for_row(row.by)):
                try:
                    if self._ask(actor, row):
                        self._proven.add(actor)
                        return True
                except NotDone:
                    continue
        return False

    def found(self, row: CreatedRow, delete_status: int) -> list[Row]:
        failed, refused = self._actors.nobody(), False
        for actor in reversed(self._actors.for_row(row.by)):
            try:
                shown = self._ask(actor, row)
            except NotDone as error:
                failed, refused = error, not error.again
                continue
            if shown or actor in self._proven or delete_status == NOT_FOUND:
                return shown
            # Whoever was refused will be refused again.
            failed = NotDone(CleanupMessage.NEVER_READ(), again=not refused)
        raise failed

    def forget(self) -> None:
        """Nothing is kept."""


def _common_beginning(texts: Sequence[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(one for one, _other in takewhile(lambda pair: pair[0] == pair[1], pairs))


class _Listed:
    """Reads the lists of those who may see the rows: a request for each hundred rows, before and after."""

    def __init__(self, kind: RowKind, actors: Actors) -> None:
        self._kind = kind
        self._actors = actors
        self._common = ""
        self._seen_by: dict[str, Actor] = {}
        """Mark → whose list showed the row before the deletion."""
        self._after: dict[Actor, dict[str, list[Row]] | NotDone] = {}

    def look(self, rows: Sequence[CreatedRow]) -> bool:
        marks = [row.mark for row in rows]
        self._common = _common_beginning(marks)
        self._see(self._actors.admin, marks)
        for maker in dict.fromkeys(row.by for row in rows if row.mark not in self._seen_by):
            self._see(self._actors.of(maker), marks)
        return bool(self._seen_by)

    def _see(self, actor: Actor | None, marks: Sequence[str]) -> None:
        if actor is None:
            return
        try:
            shown = rows_listed(self._kind, actor, self._common)
        except NotDone:
            return  # another list may show the rows
        for mark in marks:
            if mark in shown:
                self._seen_by.setdefault(mark, actor)

    def found(self, row: CreatedRow, delete_status: int) -> list[Row]:
        seen_by = self._seen_by.get(row.mark)
        actor = seen_by or next(iter(self._actors.for_row(row.by)), None)
        if actor is None:
            raise self._actors.nobody()
        shown = self._now(actor).get(row.mark, [])
        if self._kind.find and not all(self._kind.soft_deleted_as(each) for each in shown):
            # The long list may come from a cache; a request that was not made before does not.
            shown = rows_marked(self._kind, actor, row.mark)
        if not shown and seen_by is None and delete_status != NOT_FOUND:
            raise NotDone(CleanupMessage.IN_NO_LIST())
        return shown

    def forget(self) -> None:
        self._after.clear()

    def _now(self, actor: Actor) -> dict[str, list[Row]]:
        """What the actor's list shows after the deletion; asked for once."""
        if actor not in self._after:
            try:
                self._after[actor] = rows_listed(self._kind, actor, self._common)
            except NotDone as error:
                self._after[actor] = error
        kept = self._after[actor]
        if isinstance(kept, NotDone):
            raise kept
        return kept
