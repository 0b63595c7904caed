"""Removes the rows of one kind, and reads back whether they are gone.

A target that is wrong may have made several rows for one creation: reading back finds them by their mark, and they
are removed, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from perfsuite.cleanup.actors import NOT_FOUND, Actor, Actors, NotDone
from perfsuite.cleanup.read_back import ReadBack
from perfsuite.cleanup.rows import CreatedRow, Finder
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model.role import Call
from perfsuite.target.catalogue import Row, RowKind

MOST_REFUSALS = 10
"""After so many refusals in a row for a kind, the others would be refused as well."""
LEAST_READING_S = 60.0
"""Reading back may take as long as deleting took, and at least so long."""
_DELETED, _FORBIDDEN = 200, 403
_PERHAPS_DELETED = 0
"""By a request that failed: its maker did not find the row the second time. Nobody else may delete it."""
_ANSWERED_WITH = {_DELETED: "success", NOT_FOUND: "HTTP 404", _PERHAPS_DELETED: "HTTP 404 the second time"}


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
        reading = ReadBack(self._kind, self._actors, rows)
        began = self._clock()
        deleted: list[tuple[CreatedRow, int]] = []
        for row in rows:
            try:
                status = self._delete(row)
                for identity in row.others:
                    self._delete(replace(row, id=identity))
                deleted.append((row, status))
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
        # A second attempt: an answer may have failed by chance, and other rows with the mark were removed meanwhile.
        reading.forget()
        yield from (self._verified(row, status, reading, until) for row, status in doubtful)

    def _delete(self, row: CreatedRow) -> int:
        """The status of its deletion, or `_PERHAPS_DELETED`. Raises NotDone when it was not deleted."""
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
        errors = tried.values()
        statuses = {error.status for error in errors}
        admin = tried.get(self._actors.admin_title)
        # Who may not delete a row is refused whether it is there or not; the Super Admin sees all.
        if statuses == {NOT_FOUND} or (admin and admin.status == NOT_FOUND and statuses == {NOT_FOUND, _FORBIDDEN}):
            return NOT_FOUND
        gone_since = any(error.repeated and error.status == NOT_FOUND for error in errors)
        if gone_since and statuses == {NOT_FOUND, _FORBIDDEN}:
            return _PERHAPS_DELETED
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

    def _verified(self, row: CreatedRow, delete_status: int, reading: ReadBack, until: float) -> Removed:
        if self._clock() > until:
            return Removed(row, NotDone(CleanupMessage.NO_TIME_TO_READ()))
        try:
            found = reading.found(row, delete_status)
        except NotDone as error:
            why = CleanupMessage.NOT_VERIFIED(why=str(error))
            return Removed(row, NotDone(why, error.status, again=error.again))
        there = [each for each in found if not self._kind.soft_deleted_as(each)]
        if there:
            return Removed(row, self._not_gone(row, delete_status, there))
        return Removed(replace(row, status=self._kind.soft_deleted_as(found[0]))) if found else Removed(row)

    def _not_gone(self, row: CreatedRow, delete_status: int, there: Sequence[Row]) -> NotDone:
        """Why rows with the mark are there: those that the journal does not know are deleted only now."""
        try:
            for identity in {str(each[self._kind.id_field]) for each in there} - {row.id}:
                self._delete(replace(row, id=identity))
        except NotDone as error:
            return error
        how = _ANSWERED_WITH[delete_status]
        return NotDone(CleanupMessage.STILL_THERE(how=how, status=self._kind.status_of(there[0])))
