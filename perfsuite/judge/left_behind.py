"""What a run leaves at its target, in sentences."""

from __future__ import annotations

from collections import Counter

from perfsuite.format import plural
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.model import Cleanup

REMAINING_FILE = "rows_remaining.csv"
_MOST_REASONS = 3


def rows_remain(cleanup: Cleanup | None) -> str:
    """How many rows should have been removed and were not, of which kinds and why; "" where there are none."""
    if cleanup is None or not cleanup.not_removed:
        return ""
    counts: Counter[str] = Counter()
    for group in cleanup.remaining:
        counts[group.thing] += group.rows
    kinds = ", ".join(things(rows, thing) for thing, rows in counts.most_common())
    reasons = list(dict.fromkeys(group.reason for group in cleanup.remaining))
    more = f"; and {len(reasons) - _MOST_REASONS} more reasons" if len(reasons) > _MOST_REASONS else ""
    because = f" ({'; '.join(reasons[:_MOST_REASONS])}{more})" if reasons else ""
    return f"rows of this run remain at the target: {kinds or len(cleanup.not_removed)}{because}"


def soft_deleted(cleanup: Cleanup | None) -> list[Message]:
    """A note for each kind of row that the target keeps after its deletion."""
    kinds = cleanup.soft_deleted if cleanup else ()
    return [Note.SOFT_DELETED(rows=things(kept.rows, kept.thing), status=kept.status) for kept in kinds]


def things(number: int, thing: str) -> str:
    """ "1 lead", "5 policies"."""
    return plural(number, thing)
