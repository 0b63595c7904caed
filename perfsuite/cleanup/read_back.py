"""Is a deleted row really gone? Read back one by one where rows can be read alone, from lists elsewhere.

That a row is not found proves something only where the same way of asking has found one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Protocol

from perfsuite.cleanup.actors import Actor, Actors, NotDone
from perfsuite.cleanup.journaled import Made
from perfsuite.cleanup.lists import row_marked, rows_listed
from perfsuite.model.role import Call
from perfsuite.target import checks
from perfsuite.target.catalogue import Row, RowKind

NOT_FOUND = 404
_LOOKS = 3
"""So many rows are tried before the deletion, to see whether reading shows what is there."""


class _Way(Protocol):
    """One way of reading rows back."""

    def look(self, rows: Sequence[Made]) -> bool:
        """Before the deletion: does it show rows that are there?"""

    def found(self, row: Made, delete_status: int) -> Row | None:
        """After it: the row as it is now; None when it is gone. Raises NotDone when that cannot be known."""


class ReadBack:
    """Reads rows of one kind, in the first way of those that the API offers which shows what is there."""

    def __init__(self, kind: RowKind, actors: Actors) -> None:
        self._ways: list[_Way] = []
        if kind.read:
            self._ways.append(_ById(kind, actors))
        self._ways.append(_Listed(kind, actors) if kind.pages else _ByMark(kind, actors))
        self._way = self._ways[0]

    def look(self, rows: Sequence[Made]) -> None:
        """Before the deletion: find out which way shows what is there; the first where none does."""
        self._way = next((way for way in self._ways if way.look(rows)), self._ways[0])

    def found(self, row: Made, delete_status: int) -> Row | None:
        """After it: the row as it is now; None when it is gone. Raises NotDone when that cannot be known.

        A row that its deletion did not find (HTTP 404) either is gone without having been seen before.
        """
        return self._way.found(row, delete_status)


class _OneByOne:
    """Asks for each row by itself, as the Super Admin first: one request for each deletion."""

    def __init__(self, kind: RowKind, actors: Actors) -> None:
        self._kind = kind
        self._actors = actors
        self._proven: set[Actor] = set()
        """Who was shown a row."""

    def look(self, rows: Sequence[Made]) -> bool:
        for row in rows[:_LOOKS]:
            for actor in reversed(self._actors.for_row(row.by)):
                try:
                    if self._asked(actor, row) is not None:
                        self._proven.add(actor)
                        return True
                except NotDone:
                    continue
        return False

    def found(self, row: Made, delete_status: int) -> Row | None:
        failed, refused = self._actors.nobody(), False
        for actor in reversed(self._actors.for_row(row.by)):
            try:
                shown = self._asked(actor, row)
            except NotDone as error:
                failed, refused = error, not error.again
                continue
            if shown is not None:
                return self._once_more(actor, row, shown)
            if actor in self._proven or delete_status == NOT_FOUND:
                return None
            failed = NotDone("it is not found, as it was before its deletion")
            failed.again = not refused  # whoever was refused will be refused again
        raise failed

    def _once_more(self, actor: Actor, row: Made, shown: Row) -> Row:
        """A row that looks untouched may come from a cache; a question that was not asked before does not."""
        if self._kind.soft_deleted_as(shown) or not self._kind.find:
            return shown
        try:
            return row_marked(self._kind, actor, row.mark) or shown
        except NotDone:
            return shown

    def _asked(self, actor: Actor, row: Made) -> Row | None:
        raise NotImplementedError


class _ById(_OneByOne):
    def _asked(self, actor: Actor, row: Made) -> Row | None:
        try:
            body = actor.ask(self._kind.read, Call(path={self._kind.id_field: row.id}))
        except NotDone as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return checks.object_of(body)


class _ByMark(_OneByOne):
    def _asked(self, actor: Actor, row: Made) -> Row | None:
        return row_marked(self._kind, actor, row.mark)


def _common_beginning(texts: Sequence[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(one for one, _other in takewhile(lambda pair: pair[0] == pair[1], pairs))


class _Listed:
    """Looks through the lists of those who may see the rows: a request for each hundred of them, before and after."""

    def __init__(self, kind: RowKind, actors: Actors) -> None:
        self._kind = kind
        self._actors = actors
        self._common = ""
        self._seen_by: dict[str, Actor] = {}
        """Mark → whose list showed the row before the deletion."""
        self._after: dict[Actor, dict[str, Row] | NotDone] = {}

    def look(self, rows: Sequence[Made]) -> bool:
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
            return  # then rows are not seen here, and perhaps in another list
        for mark in marks:
            if mark in shown:
                self._seen_by.setdefault(mark, actor)

    def found(self, row: Made, delete_status: int) -> Row | None:
        seen_by = self._seen_by.get(row.mark)
        actor = seen_by or next(iter(self._actors.for_row(row.by)), None)
        if actor is None:
            raise self._actors.nobody()
        shown = self._now(actor).get(row.mark)
        if shown is not None and self._kind.find and not self._kind.soft_deleted_as(shown):
            # The long list may come from a cache; a question that was not asked before does not.
            shown = row_marked(self._kind, actor, row.mark)
        if shown is None and seen_by is None and delete_status != NOT_FOUND:
            raise NotDone("no list of the target showed it, neither before nor after")
        return shown

    def _now(self, actor: Actor) -> dict[str, Row]:
        """What the actor's list shows after the deletion; asked for once, a second time where that failed."""
        if actor not in self._after:
            shown = self._listed(actor)
            self._after[actor] = self._listed(actor) if isinstance(shown, NotDone) else shown
        kept = self._after[actor]
        if isinstance(kept, NotDone):
            raise kept
        return kept

    def _listed(self, actor: Actor) -> dict[str, Row] | NotDone:
        try:
            return rows_listed(self._kind, actor, self._common)
        except NotDone as error:
            return error
