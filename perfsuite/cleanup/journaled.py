"""What the journals of a run say: the rows it made, what became of them, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from perfsuite.target.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class Made:
    """One row of the run. `id` is "" where the answer to its creation never came; `by`: phone number of its maker."""

    thing: str
    mark: str
    id: str = ""
    by: str = ""
    status: str = ""
    """Under which the target keeps the row after its deletion; "" while it is not deleted."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What an account had set before the run changed it. `at`: UTC epoch s of the change."""

    before: str | None
    by: str
    at: float


@dataclass(slots=True)
class Journaled:
    """Rows by thing and mark, those that are still to remove in `rows`; values to put back."""

    rows: dict[tuple[str, str], Made] = field(default_factory=dict)
    soft_deleted: dict[tuple[str, str], Made] = field(default_factory=dict)
    created: int = 0
    """All of them, those removed by now among them."""
    flags: dict[str, bool] = field(default_factory=dict)
    themes: dict[str, Preference] = field(default_factory=dict)
    """User id → theme."""
    not_restorable: dict[str, int] = field(default_factory=dict)

    @property
    def for_good(self) -> tuple[str, ...]:
        """What was changed and has no way back, by kind."""
        return tuple(f"{thing} (changed on {count})" for thing, count in self.not_restorable.items())


def read(entries: Iterable[JournalEntry]) -> Journaled:
    """All of it, from the entries in the order in which they were written."""
    found = Journaled()
    removed: set[tuple[str, str]] = set()
    for entry in entries:
        key = (entry.thing, entry.mark)
        match entry.what:
            case "create":
                found.rows.setdefault(key, Made(entry.thing, entry.mark, by=entry.by))
            case "created":
                row = found.rows.get(key, Made(entry.thing, entry.mark, by=entry.by))
                found.rows[key] = replace(row, id=entry.id)
            case "refused":
                found.rows.pop(key, None)
            case "removed":
                found.rows.pop(key, None)
                removed.add(key)
            case "soft deleted":
                row = found.rows.pop(key, Made(entry.thing, entry.mark))
                found.soft_deleted[key] = replace(row, id=entry.id or row.id, status=entry.status)
            case "flag":
                found.flags.setdefault(entry.mark, bool(entry.before))
            case "preference":
                _keep_first(found.themes, entry)
            case "restored" if entry.thing == "flag":
                found.flags.pop(entry.mark, None)
            case "restored":
                found.themes.pop(entry.mark, None)
            case "not restorable":
                found.not_restorable[entry.thing] = found.not_restorable.get(entry.thing, 0) + 1
    found.created = len(found.rows) + len(found.soft_deleted) + len(removed)
    return found


def _keep_first(themes: dict[str, Preference], entry: JournalEntry) -> None:
    """Of several processes, the one that changed it first saw what was there before the run."""
    known = themes.get(entry.mark)
    if known is None or entry.at < known.at:
        before = None if entry.before is None else str(entry.before)
        themes[entry.mark] = Preference(before, entry.by, entry.at)
