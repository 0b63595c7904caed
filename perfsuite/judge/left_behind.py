"""What a run leaves at its target, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perfsuite.format import plural
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.model import Cleanup, Remaining

REMAINING_FILE = "rows_remaining.csv"
_MOST_REASONS = 3


def rows_remain(cleanup: Cleanup | None) -> str:
    """How many rows should have been removed and were not, or may have been; of which kinds and why. "" without any."""
    if cleanup is None or not cleanup.not_removed:
        return ""
    if not cleanup.remaining:  # an older file
        return f"rows of this run remain at the target: {len(cleanup.not_removed)}"
    certain = [group for group in cleanup.remaining if not group.uncertain]
    uncertain = [group for group in cleanup.remaining if group.uncertain]
    both = (("remain", certain), ("may remain", uncertain))
    return "; ".join(f"rows of this run {verb} at the target: {_groups(groups)}" for verb, groups in both if groups)


def _groups(groups: Sequence[Remaining]) -> str:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.thing] += group.rows
    kinds = ", ".join(things(rows, thing) for thing, rows in counts.most_common())
    reasons = list(dict.fromkeys(group.reason for group in groups))
    more = f"; and {len(reasons) - _MOST_REASONS} more reasons" if len(reasons) > _MOST_REASONS else ""
    return f"{kinds} ({'; '.join(reasons[:_MOST_REASONS])}{more})"


def soft_deleted(cleanup: Cleanup | None) -> list[Message]:
    """A note for each kind of row that the target keeps after its deletion."""
    kinds = cleanup.soft_deleted if cleanup else ()
    return [Note.SOFT_DELETED(rows=things(kept.rows, kept.thing), status=kept.status) for kept in kinds]


def things(number: int, thing: str) -> str:
    """ "1 lead", "5 policies"."""
    return plural(number, thing)
