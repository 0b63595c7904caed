"""What only one of several can have, exactly one gets, at whatever instant they ask for it."""

from __future__ import annotations

from collections.abc import Iterator

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
    answered,
    shortened,
    succeeded,
)
from perfsuite.correctness.own_rows import OwnRow, delete_surplus, give_back, new_body, rows_in, search, take, uses_of
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.checks import object_of
from perfsuite.target.write_rules import POLICIES, RIVAL, TICKET_STATES, TICKETS

ONE_NUMBER = "a policy number is given once"
ONE_STATE = "a ticket moved twice ends in one of the two states"
_TAKEN = 409


def checks() -> Iterator[Check]:
    """One policy number, one ticket."""
    rivals = (CheckActor(POLICIES.maker), CheckActor(RIVAL))
    uses: tuple[str, ...] = (POLICIES.lists,)
    yield Check(Invariant.CONTESTS, ONE_NUMBER, POLICIES.create, rivals, 4, _one_number, writes=True, uses=uses)
    users = (CheckActor(TICKETS.maker), CheckActor(RIVAL))
    uses = (TICKETS.create, *uses_of(TICKETS))
    yield Check(Invariant.CONTESTS, ONE_STATE, TICKETS.change, users, 5, _one_state, writes=True, uses=uses)


def _one_number(context: CheckContext) -> Steps:
    """The maker and the Super Admin create a policy with the same number."""
    maker, rival = CheckActor(POLICIES.maker), CheckActor(RIVAL)
    body = yield from new_body(context, POLICIES)
    replies = yield (Send(maker, POLICIES.create, body=body), Send(rival, POLICIES.create, body=body))
    given = [reply for reply in replies if reply.ok]
    expected = "one HTTP 201, otherwise HTTP 409"
    if len(given) > 1:
        return Violated(expected, f"{len(given)} creations accepted", tuple(given[:2]))
    others = [answered(reply) for reply in replies if not reply.ok]
    if any(reply.status != _TAKEN for reply in others):
        return NotChecked(f"HTTP {next(reply.status for reply in others if reply.status != _TAKEN)}")
    found = yield from search(POLICIES, str(body[POLICIES.kind.marked_by]), rival)
    rows = rows_in(found)
    policies = {str(row.get(POLICIES.kind.id_field)) for row in rows}
    if len(policies) > 1:
        return Violated("one policy with the number", f"{len(policies)} policies", (*given[:1], found))
    if not given:
        if rows:
            return NotChecked(WhyNot.ANSWER_LOST())
        # Where the number is taken for one alone, too, there is another reason.
        yield from succeeded(Send(maker, POLICIES.create, body=body))
        return Violated(expected, "all refused, and there is no such policy", tuple(replies[:2]))
    if not rows:
        return NotChecked(WhyNot.NOT_LISTED())
    row = OwnRow(POLICIES, body, given[0])
    if row.shown.get(POLICIES.kind.id_field):
        give_back(context, row)
    yield from delete_surplus(context, POLICIES)
    return Held()


def _one_state(context: CheckContext) -> Steps:
    """Two who may do so set different states of a ticket."""
    row = yield from take(context, TICKETS)
    users = (CheckActor(TICKETS.maker), CheckActor(RIVAL))
    replies = yield tuple(
        Send(user, TICKETS.change, row.path, {"status": state})
        for user, state in zip(users, TICKET_STATES, strict=True)
    )
    moved = [reply for reply in replies if reply.ok]
    if not moved:
        return NotChecked(f"HTTP {answered(replies[0]).status}")
    # What was not answered may have counted all the same.
    possible = [_sent(reply) for reply in replies if reply.ok or reply.unclear]
    after = yield from succeeded(Send(users[0], TICKETS.read, row.path))
    outcome: Outcome = Held()
    status, nothing = TICKETS.kind.status_of(object_of(after.body)), TICKETS.kind.status_of({})
    # The target may have names of its own for the states.
    named = {TICKETS.kind.status_of(object_of(reply.body)) for reply in moved} - {TICKETS.kind.status_of(row.shown)}
    if status == nothing:
        outcome = NotChecked(WhyNot.STATE_NOT_SHOWN())
    elif status.casefold() not in {each.casefold() for each in (*possible, *named)}:
        outcome = Violated(" or ".join(possible), shortened(status), (moved[0], after))
    give_back(context, row, changed=True)
    return outcome


def _sent(reply: Reply) -> str:
    return str((reply.send.body or {}).get("status"))
