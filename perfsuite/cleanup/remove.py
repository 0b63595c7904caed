"""Removes the rows of one kind and reads back what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from perfsuite.cleanup.actors import Actor, Actors, NotDone
from perfsuite.cleanup.find import Finder
from perfsuite.cleanup.journaled import Made
from perfsuite.cleanup.read_back import NOT_FOUND, ReadBack
from perfsuite.model.role import Call
from perfsuite.target.catalogue import RowKind

MOST_REFUSALS = 10
"""So many rows of a kind refused and none removed: the others would be refused as well."""
LEAST_READING_S = 60.0
"""Reading back may take as long as deleting took, and so long at least."""
_DELETED, _FORBIDDEN = 200, 403


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of one row: gone, kept by the target under `row.status`, or still there for the reason `error`."""

    row: Made
    error: NotDone | None = None
    never_made: bool = False


class Remover:
    """Removes rows of one kind. `clock`: seconds."""

    def __init__(self, kind: RowKind, actors: Actors, clock: Callable[[], float]) -> None:
        self._kind = kind
        self._actors = actors
        self._clock = clock
        self._finder = Finder(kind, actors)
        self._read_back = ReadBack(kind, actors)
        self._admin_first = False
        self._refusals: Counter[tuple[Actor, ...]] = Counter()
        """Who was refused so often in a row."""

    def remove(self, rows: Sequence[Made]) -> Iterator[Removed]:
        """Delete all, then read all back: how each one ended."""
        known: list[Made] = []
        for row in rows:
            try:
                identity = row.id or self._finder.id_of(row)
            except NotDone as error:
                yield Removed(row, error)
                continue
            if identity:
                known.append(replace(row, id=identity))
            else:
                yield Removed(row, never_made=True)
        if known:
            yield from self._remove(known)

    def _remove(self, rows: Sequence[Made]) -> Iterator[Removed]:
        self._read_back.look(rows)
        began = self._clock()
        deleted: list[tuple[Made, int]] = []
        for row in rows:
            try:
                deleted.append((row, self._delete(row)))
            except NotDone as error:
                yield Removed(row, error)
        now = self._clock()
        until = now + max(now - began, LEAST_READING_S)
        doubtful: list[tuple[Made, int]] = []
        for row, status in deleted:
            removed = self._verified(row, status, until)
            if removed.error is None:
                yield removed
            else:
                doubtful.append((row, status))
        # An answer that failed by chance leaves no row in doubt.
        yield from (self._verified(row, status, until) for row, status in doubtful)

    # ── deleting ───────────────────────────────────────────────────────────────────────────────────

    def _delete(self, row: Made) -> int:
        """With which status it was deleted. Raises NotDone when it was not."""
        actors = tuple(self._actors.for_row(row.by))
        if self._refusals[actors] >= MOST_REFUSALS:
            raise NotDone(f"not tried: {MOST_REFUSALS} others of its kind were refused in a row", _FORBIDDEN)
        tried: dict[str, NotDone] = {}
        for actor in reversed(actors) if self._admin_first else actors:
            try:
                actor.ask(self._kind.delete, Call(path={self._kind.id_field: row.id}))
            except NotDone as error:
                tried[actor.role.title] = error
            else:
                # The maker first, but for kinds that only the Super Admin may delete: those are not asked for twice.
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
        """Why nobody could delete the row: each reason with who was given it, where they differ."""
        if not tried:
            return self._actors.nobody()
        reasons = {who: str(error) for who, error in tried.items()}
        if len(set(reasons.values())) > 1:
            reasons = {who: text if who in text else f"{text} (as {who})" for who, text in reasons.items()}
        told = list(reasons.values())
        if self._actors.admin is None:
            told.append(f"the credentials hold no {self._actors.admin_title}")
        merged = NotDone("; ".join(dict.fromkeys(told)))
        merged.again = self._actors.admin is None or any(error.again for error in tried.values())
        return merged

    # ── reading back ───────────────────────────────────────────────────────────────────────────────

    def _verified(self, row: Made, delete_status: int, until: float) -> Removed:
        if self._clock() > until:
            return Removed(row, NotDone("deleted, but there was no time left to read it back"))
        try:
            found = self._read_back.found(row, delete_status)
        except NotDone as error:
            return Removed(row, _like(error, f"its deletion was not verified: {error}"))
        if found is None:
            return Removed(row)
        if status := self._kind.soft_deleted_as(found):
            return Removed(replace(row, status=status))
        now = self._kind.status_of(found)
        how = "answered with HTTP 404" if delete_status == NOT_FOUND else "answered with success"
        return Removed(row, NotDone(f"its deletion was {how}, and it is still there (status {now})"))


def _like(error: NotDone, reason: str) -> NotDone:
    """The same with other words."""
    other = NotDone(reason, error.status)
    other.again = error.again
    return other
