"""What was written is there: once, as it was sent, for the next read, and beside what others write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from perfsuite.correctness import settings
from perfsuite.correctness.check import (
    Check,
    CheckActor,
    Ground,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Steps,
    Unanswered,
    Violated,
    ask,
    shortened,
)
from perfsuite.correctness.own_rows import (
    NOT_LISTED,
    OwnRow,
    different,
    give_back,
    make,
    new_body,
    rows_in,
    search,
    uses_of,
)
from perfsuite.model.correctness import Invariant
from perfsuite.target.checks import object_of
from perfsuite.target.contract_rules import JUNIOR
from perfsuite.target.write_rules import (
    ACCOUNT_PREFERENCES,
    ACCOUNT_UPDATE,
    CHANGED_SETTINGS,
    MADE_ROWS,
    OWN_ACCOUNT,
    RIVAL,
    MadeRows,
)

CREATED = "a creation makes one row, as it was sent"
BOTH_COUNT = "two updates of different fields both count"
_MORE_ATTEMPTS = 3
"""A loss counts when it is seen twice: another run may have put back its own changes of the same account."""

Judging = Generator[tuple[Send, ...], tuple[Reply, ...], Outcome]


def checks() -> Iterator[Check]:
    """Every kind of row that is created, and the operations that change settings of accounts."""
    for made in MADE_ROWS:
        maker, uses = (CheckActor(made.maker),), uses_of(made)
        steps = _created(made)
        yield Check(Invariant.WRITES, CREATED, made.create, maker, len(uses) + 1, steps, writes=True, uses=uses)
    owner, uses = CheckActor(JUNIOR), (OWN_ACCOUNT,)
    for operation, other in ((ACCOUNT_UPDATE, CheckActor(RIVAL)), (ACCOUNT_PREFERENCES, owner)):
        actors = tuple(dict.fromkeys((owner, other)))
        steps = _both_count(operation, owner, other)
        yield Check(Invariant.WRITES, BOTH_COUNT, operation, actors, 5, steps, writes=True, uses=uses)


# ── creations ───────────────────────────────────────────────────────────────────────────────────────


def _created(made: MadeRows) -> Callable[[Ground], Steps]:
    def steps(ground: Ground) -> Steps:
        body = yield from new_body(ground, made)
        row = yield from make(made, body)
        outcome = yield from as_sent(ground, row)
        if isinstance(outcome, Held):
            give_back(ground, row)
        return outcome

    return steps


def as_sent(ground: Ground, row: OwnRow) -> Judging:
    """Whether its maker finds it once in the list, and by its id, with the values that were sent."""
    made, maker = row.made, CheckActor(row.made.maker)
    found = yield from search(made, row.mark, maker)
    listed = rows_in(found)
    if len(listed) > 1:
        return Violated("one row", f"{len(listed)} rows", (row.reply, found))
    shown = [(found, each) for each in listed]
    if made.read:
        single = yield from ask(Send(maker, made.read, row.path))
        if single.status != 404 and not single.ok:
            return NotChecked(f"HTTP {single.status}")
        if not single.ok:
            return Violated("HTTP 200", "HTTP 404", (row.reply, single))
        shown.append((single, object_of(single.body)))
    for reply, seen in shown:
        if name := different(row.sent, seen):
            return Violated(_field(name, row.sent[name]), _field(name, seen[name]), (row.reply, reply))
    return _found(ground, row, found) if not listed else _remembered(ground, made)


def _remembered(ground: Ground, made: MadeRows) -> Outcome:
    ground.known[f"found {made.create}"] = True
    return Held()


def _found(ground: Ground, row: OwnRow, empty: Reply) -> Outcome:
    """What an empty list says: something only where the same search has found rows."""
    if ground.known.get(f"found {row.made.create}"):
        return Violated("one row", "no row", (row.reply, empty))
    return NotChecked(NOT_LISTED)


def _field(name: str, value: object) -> str:
    return f"{name}: {shortened(value)}"


# ── updates at the same instant ─────────────────────────────────────────────────────────────────────


def _both_count(operation: str, owner: CheckActor, other: CheckActor) -> Callable[[Ground], Steps]:
    """The owner changes the language, and at the same instant the other one the time zone of the same account."""

    def steps(ground: Ground) -> Steps:
        first = yield from _at_once(ground, operation, owner, other)
        if not isinstance(first, Violated):
            return first
        for _attempt in range(_MORE_ATTEMPTS):
            again = yield from _at_once(ground, operation, owner, other)
            if isinstance(again, Violated):
                return again
        return NotChecked(settings.SOMEBODY_ELSE)

    return steps


def _at_once(ground: Ground, operation: str, owner: CheckActor, other: CheckActor) -> Judging:
    path = {"user_id": ground.user_id(owner)}
    before, _reply = yield from settings.read(owner)
    original = {setting: ground.will_change(owner, setting, value) for setting, value in before.items()}
    replies = yield tuple(
        Send(who, operation, path, settings.body({setting: value}))
        for who, (setting, value) in zip((owner, other), CHANGED_SETTINGS.items(), strict=True)
    )
    if unclear := [reply for reply in replies if reply.unclear]:
        raise Unanswered(unclear[0].outcome)  # it may be carried out later: cleanup puts it back
    (after,) = yield (Send(owner, OWN_ACCOUNT),)
    yield from settings.put_back(ground, Send(owner, operation, path, settings.body(original)), original)
    if refused := [reply for reply in (*replies, after) if not reply.ok]:
        return NotChecked(refused[0].outcome)
    now, old, new = object_of(after.body), settings.body(before), settings.body(CHANGED_SETTINGS)
    lost = [(name, reply) for name, reply in zip(new, replies, strict=True) if now.get(name) != new[name]]
    if not lost:
        return Held()
    name, written = lost[0]
    if len(lost) > 1 or now.get(name) != old[name]:
        return NotChecked(settings.SOMEBODY_ELSE)
    return Violated(_field(name, new[name]), _field(name, now.get(name)), (written, after))
