"""Removes the rows of one kind, and reads back whether they are gone.

A row that is not found counts as gone only where the same way of reading has found one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Protocol

from perfsuite.cleanup.actors import Actor, Actors, NotDone
from perfsuite.cleanup.rows import CreatedRow, Finder, row_marked, rows_listed
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model.role import Call
from perfsuite.target import checks
from perfsuite.target.catalogue import Row, RowKind

MOST_REFUSALS = 10
"""After so many refusals in a row for a kind, the others would be refused as well."""
LEAST_READING_S = 60.0
"""Reading back may take as long as deleting took, and at least so long."""
_DELETED, _FORBIDDEN = 200, 403
NOT_FOUND = 404
_LOOKS = 3
"""So many rows are read before the deletion, to see whether reading finds rows that are there."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of one row: gone, kept by the target under `row.status`, or still there for the reason `error`."""

    row: CreatedRow
    error: NotDone | None = None
    never_made: bool = False


class Remover:
    """Removes rows of one kind. `clock`: seconds."""

    def __init__(self, kind: RowKind, actors: Actors, clock: Callable[[], float]) -> None:
        self._kind = kind
        self._actors = actors
        self._clock = clock
        self._admin_first = False
        self._refusals: Counter[tuple[Actor, ...]] = Counter()
        """Refusals in a row by account."""

    def remove(self, rows: Sequence[CreatedRow]) -> Iterator[Removed]:
        """Delete all, then read all back: how each one ended."""
        finder = Finder(self._kind, self._actors, [row for row in rows if row.id])
        known: list[CreatedRow] = []
        for row in rows:
            try:
                identity = row.id or finder.id_of(row)
            except NotDone as error:
                yield Removed(row, error)
                continue
            if identity:
                known.append(replace(row, id=identity))
            else:
                yield Removed(row, never_made=True)
        if known:
            yield from self._remove(known)

    def _remove(self, rows: Sequence[CreatedRow]) -> Iterator[Removed]:
        reading = _reading(self._kind, self._actors, rows)
        began = self._clock()
        deleted: list[tuple[CreatedRow, int]] = []
        for row in rows:
            try:
                deleted.append((row, self._delete(row)))
            except NotDone as error:
                yield Removed(row, error)
        now = self._clock()
        until = now + max(now - began, LEAST_READING_S)
        doubtful: list[tuple[CreatedRow, int]] = []
        for row, status in deleted:
            removed = self._verified(row, status, reading, until)
            if removed.error is None:
                yield removed
            else:
                doubtful.append((row, status))
        # A second attempt: an answer may have failed by chance.
        yield from (self._verified(row, status, reading, until) for row, status in doubtful)

    def _delete(self, row: CreatedRow) -> int:
        """The status of its deletion. Raises NotDone when it was not deleted."""
        actors = tuple(self._actors.for_row(row.by))
        if self._refusals[actors] >= MOST_REFUSALS:
            raise NotDone(CleanupMessage.OTHERS_REFUSED(refused=MOST_REFUSALS), _FORBIDDEN)
        tried: dict[str, NotDone] = {}
        for actor in reversed(actors) if self._admin_first else actors:
            try:
                actor.ask(self._kind.delete, Call(path={self._kind.id_field: row.id}))
            except NotDone as error:
                tried[actor.role.title] = error
            else:
                # The maker first, except for kinds that only the Super Admin may delete.
                self._admin_first = actor is self._actors.admin
                self._refusals[actors] = 0
                return _DELETED
        statuses = {error.status for error in tried.values()}
        admin = tried.get(self._actors.admin_title)
        # Who may not delete a row is refused whether it is there or not; the Super Admin sees all.
        if statuses == {NOT_FOUND} or (admin and admin.status == NOT_FOUND and statuses == {NOT_FOUND, _FORBIDDEN}):
            return NOT_FOUND
        failed = self._not_deleted(tried)
        self._refusals[actors] += not failed.again
        raise failed

    def _not_deleted(self, tried: dict[str, NotDone]) -> NotDone:
        """Why nobody could delete the row: each reason, with the role where they differ."""
        if not tried:
            return self._actors.nobody()
        reasons = {who: str(error) for who, error in tried.items()}
        if len(set(reasons.values())) > 1:
            reasons = {who: text if who in text else f"{text} (as {who})" for who, text in reasons.items()}
        every = list(reasons.values())
        if self._actors.admin is None:
            every.append(CleanupMessage.NO_ADMIN(admin=self._actors.admin_title))
        again = self._actors.admin is None or any(error.again for error in tried.values())
        return NotDone("; ".join(dict.fromkeys(every)), again=again)

    def _verified(self, row: CreatedRow, delete_status: int, reading: _Reading, until: float) -> Removed:
        if self._clock() > until:
            return Removed(row, NotDone(CleanupMessage.NO_TIME_TO_READ()))
        try:
            found = reading.found(row, delete_status)
        except NotDone as error:
            why = CleanupMessage.NOT_VERIFIED(why=str(error))
            return Removed(row, NotDone(why, error.status, again=error.again))
        if found is None:
            return Removed(row)
        if status := self._kind.soft_deleted_as(found):
            return Removed(replace(row, status=status))
        now = self._kind.status_of(found)
        how = "HTTP 404" if delete_status == NOT_FOUND else "success"
        return Removed(row, NotDone(CleanupMessage.STILL_THERE(how=how, status=now)))


# ── reading back ─────────────────────────────────────────────────────────────────────────────────────


class _Reading(Protocol):
    """A way to read rows."""

    def look(self, rows: Sequence[CreatedRow]) -> bool:
        """Before the deletion: does it find rows that are there?"""

    def found(self, row: CreatedRow, delete_status: int) -> Row | None:
        """After it: the row as it is now; None when it is gone. Raises NotDone when nobody can know that.

        A row that its deletion did not find (HTTP 404) either is gone without having been seen before.
        """


def _reading(kind: RowKind, actors: Actors, rows: Sequence[CreatedRow]) -> _Reading:
    """The first way that the API offers and that finds rows that are there; the first of all where none does."""
    readings: list[_Reading] = [_OneByOne(kind, actors, by_id=True)] if kind.read else []
    readings.append(_Listed(kind, actors) if kind.pages else _OneByOne(kind, actors, by_id=False))
    return next((each for each in readings if each.look(rows)), readings[0])


class _OneByOne:
    """Reads each row by itself, by its id or its mark, as the Super Admin first: one request for each deletion."""

    def __init__(self, kind: RowKind, actors: Actors, *, by_id: bool) -> None:
        self._kind, self._actors, self._by_id = kind, actors, by_id
        self._proven: set[Actor] = set()
        """Those who found a row."""

    def look(self, rows: Sequence[CreatedRow]) -> bool:
        for row in rows[:_LOOKS]:
            for actor in reversed(self._actors.for_row(row.by)):
                try:
                    if self._asked(actor, row) is not None:
                        self._proven.add(actor)
                        return True
                except NotDone:
                    continue
        return False

    def found(self, row: CreatedRow, delete_status: int) -> Row | None:
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
            # Whoever was refused will be refused again.
            failed = NotDone(CleanupMessage.NEVER_READ(), again=not refused)
        raise failed

    def _once_more(self, actor: Actor, row: CreatedRow, shown: Row) -> Row:
        """A row that looks untouched may come from a cache; a request that was not made before does not."""
        if self._kind.soft_deleted_as(shown) or not self._kind.find:
            return shown
        try:
            return row_marked(self._kind, actor, row.mark) or shown
        except NotDone:
            return shown

    def _asked(self, actor: Actor, row: CreatedRow) -> Row | None:
        if not self._by_id:
            return row_marked(self._kind, actor, row.mark)
        try:
            body = actor.ask(self._kind.read, Call(path={self._kind.id_field: row.id}))
        except NotDone as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return checks.object_of(body)


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
        self._after: dict[Actor, dict[str, Row] | NotDone] = {}

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

    def found(self, row: CreatedRow, delete_status: int) -> Row | None:
        seen_by = self._seen_by.get(row.mark)
        actor = seen_by or next(iter(self._actors.for_row(row.by)), None)
        if actor is None:
            raise self._actors.nobody()
        shown = self._now(actor).get(row.mark)
        if shown is not None and self._kind.find and not self._kind.soft_deleted_as(shown):
            # The long list may come from a cache; a request that was not made before does not.
            shown = row_marked(self._kind, actor, row.mark)
        if shown is None and seen_by is None and delete_status != NOT_FOUND:
            raise NotDone(CleanupMessage.IN_NO_LIST())
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
