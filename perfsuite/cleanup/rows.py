"""The rows of a run: what its journals say of them, and where they are found at the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from perfsuite.cleanup.actors import Actor, Actors, NotDone
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.target.catalogue import CATALOGUE, Row, RowKind
from perfsuite.target.journal import JournalEntry

_MAX_PAGES = 50
_PROOFS = 3
"""So many rows that are there are searched for, to see whether the search finds them."""


@dataclass(frozen=True, slots=True)
class CreatedRow:
    """One row of the run. `id` is "" where the answer to its creation never came; `by`: phone number of its maker."""

    thing: str
    mark: str
    id: str = ""
    by: str = ""
    status: str = ""
    """Under which the target keeps the row after its deletion; "" while it is not deleted."""
    others: tuple[str, ...] = ()
    """Ids of further rows with the mark: a target may have accepted what only one of several creations may be."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What an account had set before the run changed it. `at`: UTC epoch s of the change."""

    before: str | None
    by: str
    at: float


@dataclass(slots=True)
class JournalContent:
    """Rows by thing and mark, those that are still to remove in `rows`; values to restore."""

    rows: dict[tuple[str, str], CreatedRow] = field(default_factory=dict)
    soft_deleted: dict[tuple[str, str], CreatedRow] = field(default_factory=dict)
    created: int = 0
    """All rows, also those removed by now."""
    flags: dict[str, bool] = field(default_factory=dict)
    preferences: dict[tuple[str, str], Preference] = field(default_factory=dict)
    """Setting and user id → the value."""
    not_restorable: dict[str, int] = field(default_factory=dict)


def read_journal(entries: Iterable[JournalEntry]) -> JournalContent:
    """The content of the entries, in the order in which they were written."""
    found = JournalContent()
    removed: set[tuple[str, str]] = set()
    unanswered: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        key = (entry.thing, entry.mark)
        match entry.what:
            case "create" | "created" | "refused":
                _note_creation(found.rows, unanswered, entry)
            case "removed":
                found.rows.pop(key, None)
                removed.add(key)
            case "soft deleted":
                row = found.rows.pop(key, CreatedRow(entry.thing, entry.mark))
                found.soft_deleted[key] = replace(row, id=entry.id or row.id, status=entry.status)
            case "flag":
                found.flags.setdefault(entry.mark, bool(entry.before))
            case "preference":
                _keep_first(found.preferences, entry)
            case "restored" if entry.thing == "flag":
                found.flags.pop(entry.mark, None)
            case "restored":
                found.preferences.pop(key, None)
            case "not restorable":
                found.not_restorable[entry.thing] = found.not_restorable.get(entry.thing, 0) + 1
    found.created = len(found.rows) + len(found.soft_deleted) + len(removed)
    return found


def _note_creation(
    rows: dict[tuple[str, str], CreatedRow], unanswered: Counter[tuple[str, str]], entry: JournalEntry
) -> None:
    """A mark may be sent more than once: a refusal says nothing of the other creations."""
    key = (entry.thing, entry.mark)
    row = rows.get(key, CreatedRow(entry.thing, entry.mark, by=entry.by))
    unanswered[key] += 1 if entry.what == "create" else -1
    if entry.what == "create":
        rows.setdefault(key, row)
    elif entry.what == "created":
        others = (*row.others, row.id) if row.id not in ("", entry.id) else row.others
        rows[key] = replace(row, id=entry.id, others=others)
    elif unanswered[key] <= 0 and not row.id:
        rows.pop(key, None)


def _keep_first(preferences: dict[tuple[str, str], Preference], entry: JournalEntry) -> None:
    """Of several processes, the one that changed it first saw the value from before the run."""
    key = (entry.thing, entry.mark)
    known = preferences.get(key)
    if known is None or entry.at < known.at:
        before = None if entry.before is None else str(entry.before)
        preferences[key] = Preference(before, entry.by, entry.at)


def rows_marked(kind: RowKind, actor: Actor, mark: str) -> list[Row]:
    """The rows with that mark, one where the target is right. Raises NotDone when the search ignored the mark."""
    rows = actor.rows(kind.find, **{kind.find_by: mark})
    found = kind.by_mark(rows).get(mark, [])
    if rows and not found:
        raise NotDone(CleanupMessage.SEARCH_IGNORES_MARKS())
    return found


def rows_listed(kind: RowKind, actor: Actor, common: str) -> dict[str, list[Row]]:
    """Mark → its rows, of all pages. `common`: the beginning of all marks, where the list can be searched.

    A page may be shorter than was asked for. Raises NotDone when there are too many pages.
    """
    listed: dict[str, Row] = {}
    offset = 0
    for _page in range(_MAX_PAGES):
        rows = actor.rows(kind.pages, **_parameters(kind.pages, offset, common))
        known = len(listed)
        listed |= {str(row.get(kind.id_field)): row for row in rows}
        if len(listed) == known:  # the end, or a target that answers the same page each time
            return kind.by_mark(listed.values())
        offset += len(rows)
    raise NotDone(CleanupMessage.TOO_MANY_ROWS(rows=offset, thing=kind.thing))


def _parameters(operation: str, offset: int = 0, search: str = "") -> dict[str, str]:
    """Those that the operation has."""
    path = CATALOGUE[operation].path
    return {name: value for name, value in (("offset", str(offset)), ("search", search)) if f"{{{name}}}" in path}


class Finder:
    """Finds rows of one kind whose creation was sent and not answered. `known`: rows of the kind that have an id."""

    def __init__(self, kind: RowKind, actors: Actors, known: Sequence[CreatedRow]) -> None:
        self._kind, self._actors, self._known = kind, actors, known
        self._listed: dict[Actor, dict[str, list[Row]]] = {}
        self._proven: dict[Actor, bool] = {}

    def id_of(self, row: CreatedRow) -> str:
        """The id; "" when the target does not have the row. Raises NotDone when nobody can know that."""
        failed = self._actors.nobody()
        for actor in reversed(self._actors.for_row(row.by)):
            try:
                found = self._found(actor, row.mark)
            except NotDone as error:
                failed = error
                continue
            if found:
                return str(found[0][self._kind.id_field])
            if actor is not self._actors.admin and not self._kind.makers_see_theirs:
                failed = NotDone(CleanupMessage.NOT_VISIBLE(role=actor.role.title))
            elif self._finds_rows(actor):
                return ""
            else:
                failed = NotDone(CleanupMessage.SEARCH_UNPROVEN())
        raise failed

    def _found(self, actor: Actor, mark: str) -> list[Row]:
        if self._kind.find:
            return rows_marked(self._kind, actor, mark)
        if actor not in self._listed:
            self._listed[actor] = rows_listed(self._kind, actor, "")
        return self._listed[actor].get(mark, [])

    def _finds_rows(self, actor: Actor) -> bool:
        """An empty answer proves something only where the same search has found a row that is there."""
        if actor not in self._proven:
            try:
                self._proven[actor] = self._finds_any(actor)
            except NotDone:
                self._proven[actor] = False
        return self._proven[actor]

    def _finds_any(self, actor: Actor) -> bool:
        if any(self._found(actor, row.mark) for row in self._known[:_PROOFS]):
            return True
        rows = actor.rows(self._kind.sample, **_parameters(self._kind.sample))
        marks = [str(row[self._kind.marked_by]) for row in rows if row.get(self._kind.marked_by)]
        return any(self._found(actor, mark) for mark in marks[:_PROOFS])
