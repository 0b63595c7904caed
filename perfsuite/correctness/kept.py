"""What was written stays as it was sent, and what was deleted stays deleted, also when every cache has expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from perfsuite.correctness.check import (
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Steps,
    Violated,
    ask,
    succeeded,
)
from perfsuite.correctness.next_reads import NOTHING_CHANGED, SOFT_DELETED, deleted_rows, still_there
from perfsuite.correctness.own_rows import (
    NOT_LISTED,
    OwnRow,
    give_back,
    rows_in,
    search,
    showing_deletions,
    take,
    uses_of,
)
from perfsuite.correctness.writes import Judging, as_sent
from perfsuite.model.correctness import Invariant
from perfsuite.target.contract_rules import MAX_AGE_S
from perfsuite.target.write_rules import MADE_ROWS, MadeRows

STAYS = "a row stays as it was sent"
STAYS_DELETED = "a deleted row stays deleted"
WAIT_S = MAX_AGE_S + 1.0
_GONE = frozenset({403, 404, 410})


def checks() -> Iterator[Check]:
    """Every kind of row that is created. They wait with rows of their own, so others may use the accounts meanwhile."""
    for made in MADE_ROWS:
        uses = uses_of(made)
        for rule, operation, steps, who, more in (
            (STAYS, made.create, _stays(made), (made.maker,), 0),
            (STAYS_DELETED, made.delete, _stays_deleted(made), (made.deleter, made.maker), 4),
        ):
            actors = tuple(CheckActor(role) for role in dict.fromkeys(who))
            yield Check(
                Invariant.WRITES,
                rule,
                operation,
                actors,
                len(uses) + 1 + more,
                steps,
                writes=True,
                shares_accounts=True,
                uses=uses if rule == STAYS else (made.create, *uses),
            )


def _stays(made: MadeRows) -> Callable[[CheckContext], Steps]:
    def steps(context: CheckContext) -> Steps:
        row = yield from take(context, made)
        yield WAIT_S
        outcome = yield from as_sent(context, row)
        if isinstance(outcome, Held):
            give_back(context, row)
        return outcome

    return steps


def _stays_deleted(made: MadeRows) -> Callable[[CheckContext], Steps]:
    deleter = CheckActor(made.deleter)

    def steps(context: CheckContext) -> Steps:
        if deleted := deleted_rows(context, made):
            row, deletion = deleted.pop()
        else:
            row = yield from take(context, made, changed_too=True)
            before = yield from search(made, row.mark, deleter)
            if not row.among(rows_in(before)):
                return NotChecked(NOT_LISTED)
            deletion = yield from succeeded(Send(deleter, made.delete, row.path))
            outcome = yield from _is_gone(context, row, deletion)
            if not isinstance(outcome, Held):
                return outcome
        yield WAIT_S
        return (yield from _is_gone(context, row, deletion))

    return steps


def _is_gone(context: CheckContext, row: OwnRow, deletion: Reply) -> Judging:
    """Whether neither the list nor its id shows the row, except as deleted.

    What has never shown that a row was deleted may say so in a way of its own.
    """
    made, reader = row.made, deletion.send.actor
    found = yield from search(made, row.mark, reader)
    if still_there(context, row, found):
        return _wrong(context, Violated("no such row in the list", "the row as it was", (deletion, found)), row)
    if not made.read:
        return Held()
    single = yield from ask(Send(reader, made.read, row.path))
    if not single.ok and single.status not in _GONE:
        return NotChecked(single.outcome)
    if still_there(context, row, single):
        return _wrong(context, Violated("HTTP 404", f"HTTP {single.status}", (deletion, single)), row)
    return Held()


def _wrong(context: CheckContext, violated: Violated, row: OwnRow) -> Outcome:
    _deletion, seen = violated.replies
    if context.known.get(showing_deletions(row.made, seen.send.operation)):
        return violated
    context.known[SOFT_DELETED] = True
    return NotChecked(NOTHING_CHANGED)
