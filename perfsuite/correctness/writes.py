"""What was written is there: once, as it was sent, for the next read, and beside what others write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from perfsuite.correctness import settings
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
    Unanswered,
    Violated,
    ask,
    shortened,
    succeeded,
)
from perfsuite.correctness.own_rows import (
    NOT_LISTED,
    OTHER_PAGE,
    Asking,
    OwnRow,
    delete_surplus,
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
    ANY_ACCOUNT,
    CHANGED_SETTINGS,
    MADE_ROWS,
    OWN_ACCOUNT,
    RIVAL,
    MadeRows,
)

CREATED = "a creation makes one row, as it was sent"
BOTH_COUNT = "two updates of different fields both count"
OTHER_VALUE = "another value"
_PERSONAL = frozenset({"customer_name", "contact_number", "subject", "description"})
"""Fields whose values no evidence shows: they may come from somebody's row."""
_MORE_ATTEMPTS = 3
"""A loss counts when it is seen twice: another run may have put back its own changes of the same account."""

_WRITTEN = settings.body(CHANGED_SETTINGS)

Judging = Generator[tuple[Send, ...], tuple[Reply, ...], Outcome]


def checks() -> Iterator[Check]:
    """Every kind of row that is created, and the operations that change settings of accounts."""
    for made in MADE_ROWS:
        maker, uses = (CheckActor(made.maker),), uses_of(made)
        steps = _created(made)
        yield Check(Invariant.WRITES, CREATED, made.create, maker, len(uses) + 2, steps, writes=True, uses=uses)
    owner, uses = CheckActor(JUNIOR), (OWN_ACCOUNT, ANY_ACCOUNT)
    for operation, other in ((ACCOUNT_UPDATE, CheckActor(RIVAL)), (ACCOUNT_PREFERENCES, owner)):
        actors = tuple(dict.fromkeys((owner, other)))
        steps = _both_count(operation, owner, other)
        yield Check(Invariant.WRITES, BOTH_COUNT, operation, actors, 5, steps, writes=True, uses=uses, restoring=1)


# ── creations ───────────────────────────────────────────────────────────────────────────────────────


def _created(made: MadeRows) -> Callable[[CheckContext], Steps]:
    """The list is searched for the row before there is one: what a cache keeps of that must not be shown later."""

    def steps(context: CheckContext) -> Steps:
        body = yield from new_body(context, made)
        yield from search(made, str(body[made.kind.marked_by]), CheckActor(made.maker))
        row = yield from make(made, body)
        outcome = yield from as_sent(context, row)
        if isinstance(outcome, Held):
            give_back(context, row)
            yield from delete_surplus(context, made)
        return outcome

    return steps


def as_sent(context: CheckContext, row: OwnRow) -> Judging:
    """Whether its maker finds it once in the list, and by its id, with the values that were sent."""
    made, maker = row.made, CheckActor(row.made.maker)
    found = yield from search(made, row.mark, maker)
    listed = rows_in(found)
    if len(listed) > 1:
        return Violated("one row", f"{len(listed)} rows", (row.reply, found))
    # A list may show less of a row than the row alone.
    less = {name for each in listed for name, value in each.items() if value is None and made.read}
    shown = [(found, {name: each[name] for name in each if name not in less}) for each in listed]
    if made.read:
        single = yield from ask(Send(maker, made.read, row.path))
        if not single.ok and (single.status != 404 or single.is_page):
            return NotChecked(single.outcome)
        if not single.ok:
            return Violated("HTTP 200", "HTTP 404", (row.reply, single))
        shown.append((single, object_of(single.body)))
    for reply, seen in shown:
        if name := different(context, row, seen, reply.send.operation):
            sent, now = row.sent[name], seen[name]
            now = OTHER_VALUE if name in _PERSONAL else now
            return Violated(_field(name, sent), _field(name, now), (row.reply, reply))
    if not listed and not context.known.get(f"found {made.create}"):
        # It says something only where such a search finds rows, which nobody has asked for before.
        proof = yield from search(made, row.mark, maker, OTHER_PAGE)
        if not rows_in(proof):
            return NotChecked(NOT_LISTED)
    context.known[f"found {made.create}"] = True
    return Held() if listed else Violated("one row", "no row", (row.reply, found))


def _field(name: str, value: object) -> str:
    return f"{name}: {shortened(value)}"


# ── updates at the same instant ─────────────────────────────────────────────────────────────────────


def _both_count(operation: str, owner: CheckActor, other: CheckActor) -> Callable[[CheckContext], Steps]:
    """The owner changes the language, and at the same instant the other one the time zone of the same account."""

    def steps(context: CheckContext) -> Steps:
        first = yield from _at_once(context, operation, owner, other)
        if not isinstance(first, Violated):
            return first
        for _attempt in range(_MORE_ATTEMPTS):
            again = yield from _at_once(context, operation, owner, other)
            if isinstance(again, Violated):
                return again
        return NotChecked(settings.SOMEBODY_ELSE)

    return steps


def _at_once(context: CheckContext, operation: str, owner: CheckActor, other: CheckActor) -> Judging:
    path = {"user_id": context.user_id(owner)}
    before = yield from settings.read(context, owner, operation)
    original = {setting: context.will_change(owner, setting, value) for setting, value in before.items()}
    settings.leave(context, owner, original)
    replies = yield tuple(
        Send(who, operation, path, settings.body({setting: value}))
        for who, (setting, value) in zip((owner, other), CHANGED_SETTINGS.items(), strict=True)
    )
    if unclear := [reply for reply in replies if reply.unclear]:
        raise Unanswered(unclear[0].outcome)  # it may be carried out later
    try:
        outcome = yield from _both_shown(context, owner, replies, settings.body(before))
    except Unanswered as why:
        outcome = NotChecked(str(why))
    yield from settings.put_back(context, owner, operation, original)
    return outcome


def _both_shown(context: CheckContext, owner: CheckActor, writes: Sequence[Reply], old: Mapping[str, str]) -> Judging:
    """What is not shown is lost where another answer showed it: of its write, of another page of the account, or of
    the same write by itself. An account of which nobody shows any was written by somebody else, or does not have such
    settings."""
    for write in writes:
        if not write.ok:
            return NotChecked(write.outcome)
    seen = yield from succeeded(Send(owner, OWN_ACCOUNT))
    now, shown = object_of(seen.body), _shown(seen)
    missing = [name for name in _WRITTEN if name not in shown]
    taken = context.known.setdefault(f"shown of {writes[0].send.operation}", set[str]())
    taken.update(shown)
    if not missing:
        return Held()
    if any(now.get(name) != old[name] for name in missing):
        return NotChecked(settings.SOMEBODY_ELSE)
    proof: tuple[Reply, ...] = ()
    if not shown:
        proof = ((yield from succeeded(Send(owner, ANY_ACCOUNT, writes[0].send.path))),)
    # That a write answers its own values says little where no page has ever shown such a value.
    own = [write for write in writes if shown or taken.intersection(_shown(write))]
    showing = {name: reply for reply in (*proof, *own) for name in _shown(reply) if name in missing}
    if not showing and shown:
        (lost,) = missing
        (write,) = [write for write in writes if lost in (write.send.body or {})]
        showing[lost] = yield from _alone(owner, write, lost)
    if not showing:
        return NotChecked(settings.SOMEBODY_ELSE)
    name, reply = next(iter(showing.items()))
    return Violated(_field(name, _WRITTEN[name]), _field(name, now.get(name)), (reply, seen))


def _alone(owner: CheckActor, write: Reply, name: str) -> Asking:
    """A write once more, by itself; what shows its value. Raises Unanswered where nothing does: a value that the target
    does not take is not lost."""
    again = yield from succeeded(write.send)
    if name in _shown(again):
        return again
    seen = yield from succeeded(Send(owner, OWN_ACCOUNT))
    if name not in _shown(seen):
        raise Unanswered(settings.NOT_TAKEN)
    return seen


def _shown(reply: Reply) -> list[str]:
    """Fields that have the values which were written."""
    row = object_of(reply.body)
    return [name for name, value in _WRITTEN.items() if row.get(name) == value]
