"""After a write was answered, the next read shows it: also a read that a cache has answered just before.

Each check reads, writes, and reads the same once more. Where a row is missing, the same list with another number of
rows proves that the target knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta

from perfsuite.correctness import settings
from perfsuite.correctness.check import (
    NO_DATA,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Reply,
    Row,
    Send,
    Steps,
    Unanswered,
    Violated,
    shortened,
    succeeded,
)
from perfsuite.correctness.own_rows import (
    NOT_LISTED,
    OTHER_PAGE,
    OwnRow,
    delete_surplus,
    give_back,
    rows_in,
    search,
    showing_deletions,
    take,
    uses_of,
)
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.checks import object_of
from perfsuite.target.contract_rules import JUNIOR, SUPER
from perfsuite.target.write_rules import (
    ACCOUNT_UPDATE,
    ANY_ACCOUNT,
    CHANGED_SETTINGS,
    FLAG_UPDATE,
    FLAGS,
    MADE_ROWS,
    OWN_ACCOUNT,
    MadeRows,
)

NEXT_READ = "the next read shows a write"
NOTHING_CHANGED = WhyNot.NOTHING_CHANGED()
SOFT_DELETED = "soft deleted"
"""In `CheckContext.known` where the target keeps deleted rows, under a status or whatever else says so."""
_ADMIN, _OWNER = CheckActor(SUPER), CheckActor(JUNIOR)
_SETTING = "language"


def checks() -> Iterator[Check]:
    """Every operation that changes or deletes a row, and what is read by an id.

    What creates a row, or writes an account, has rules of its own.
    """
    for made in MADE_ROWS:
        maker, uses = CheckActor(made.maker), (made.create, *uses_of(made))
        if made.change:
            yield _check(made.change, (CheckActor(made.changer), maker), 4, _change(made, alone=False), uses)
        yield _check(made.delete, (CheckActor(made.deleter), maker), 4, _deletion(made), uses)
        if made.change and made.read:
            uses = (made.change, *uses)
            yield _check(made.read, (CheckActor(made.changer), maker), 3, _change(made, alone=True), uses)
    yield _check(FLAG_UPDATE, (_ADMIN,), 3, _flag, (FLAGS,))
    yield _check(ANY_ACCOUNT, (_OWNER,), 5, _account, (ACCOUNT_UPDATE, OWN_ACCOUNT), restoring=1)


def _check(
    operation: str,
    actors: tuple[CheckActor, ...],
    requests: int,
    steps: Callable[[CheckContext], Steps],
    uses: tuple[str, ...],
    restoring: int = 0,
) -> Check:
    actors, rule = tuple(dict.fromkeys(actors)), (Invariant.WRITES, NEXT_READ)
    return Check(*rule, operation, actors, requests, steps, writes=True, uses=uses, restoring=restoring)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────


def _change(made: MadeRows, *, alone: bool) -> Callable[[CheckContext], Steps]:
    """A row is changed, and read before and after. `alone`: by its id, for which a cache may keep what lists never
    show; otherwise in a list."""
    changer = CheckActor(made.changer)

    def read(row: OwnRow) -> Generator[tuple[Send, ...], tuple[Reply, ...], tuple[Reply, str]]:
        if not alone:
            listed = yield from search(made, row.mark, changer)
            return listed, _status(row, listed)
        reply = yield from succeeded(Send(changer, made.read, row.path))
        return reply, made.kind.status_of(object_of(reply.body))

    def steps(context: CheckContext) -> Steps:
        row = yield from take(context, made)
        _before, old = yield from read(row)
        write = yield from succeeded(Send(changer, made.change, row.path, made.change_body))
        new = made.kind.status_of(object_of(write.body))
        seen, shown = yield from read(row)
        nameless = made.kind.status_of({}) in (new, old)  # without a status nothing is known to have changed
        if nameless or new.casefold() == old.casefold():
            return NotChecked(NOTHING_CHANGED)
        if shown == old:
            return Violated(f"status: {shortened(new)}", f"status: {shortened(old)}", (write, seen))
        give_back(context, row, changed=True)
        return Held()

    return steps


def _status(row: OwnRow, listed: Reply) -> str:
    """The status of a row in a list. Raises Unanswered where it is not there."""
    rows = row.among(rows_in(listed))
    if not rows:
        raise Unanswered(NOT_LISTED)
    return row.made.kind.status_of(rows[0])


def _deletion(made: MadeRows) -> Callable[[CheckContext], Steps]:
    deleter = CheckActor(made.deleter)

    def steps(context: CheckContext) -> Steps:
        row = yield from take(context, made, changed_too=True)
        before = yield from search(made, row.mark, deleter)
        if not row.among(rows_in(before)):
            return NotChecked(NOT_LISTED)
        deletion = yield from succeeded(Send(deleter, made.delete, row.path))
        seen = yield from search(made, row.mark, deleter)
        if not still_there(context, row, seen):
            deleted_rows(context, made).append((row, deletion))
            yield from delete_surplus(context, made)
            return Held()
        proof = yield from search(made, row.mark, deleter, OTHER_PAGE)
        if still_there(context, row, proof):
            context.known[SOFT_DELETED] = True
            return NotChecked(NOTHING_CHANGED)
        return Violated("no row", "the row as it was", (seen, proof))

    return steps


def deleted_rows(context: CheckContext, made: MadeRows) -> list[tuple[OwnRow, Reply]]:
    """Rows that were deleted, each with the answer to its deletion, and that nobody has looked for since."""
    deleted: list[tuple[OwnRow, Reply]] = context.known.setdefault(f"deleted by {made.delete}", [])
    return deleted


def still_there(context: CheckContext, row: OwnRow, seen: Reply) -> bool:
    """Whether a list, or the answer about the row alone, shows a row that was deleted, and not under such a status."""
    made = row.made
    shown = [object_of(seen.body)] if seen.send.operation == made.read else rows_in(seen)
    there = row.among(shown) if seen.ok else []
    kept = [each for each in there if made.kind.soft_deleted_as(each)]
    if kept:
        context.known[SOFT_DELETED] = True
    if len(kept) < len(there):
        return True
    context.known[showing_deletions(made, seen.send.operation)] = True
    return False


# ── accounts ────────────────────────────────────────────────────────────────────────────────────────


def _account(context: CheckContext) -> Steps:
    """The same of an account, whose language is put back."""
    path = {"user_id": context.user_id(_OWNER)}
    now = yield from settings.read(context, _OWNER, ACCOUNT_UPDATE)
    yield from succeeded(Send(_OWNER, ANY_ACCOUNT, path))
    original = {_SETTING: context.will_change(_OWNER, _SETTING, now[_SETTING])}
    settings.leave(context, _OWNER, original)
    (write,) = yield (Send(_OWNER, ACCOUNT_UPDATE, path, settings.body({_SETTING: CHANGED_SETTINGS[_SETTING]})),)
    if write.unclear:
        raise Unanswered(write.outcome)  # it may be carried out later
    try:
        outcome = yield from _account_shown(context, write, now)
    except Unanswered as why:
        outcome = NotChecked(str(why))
    yield from settings.put_back(context, _OWNER, ACCOUNT_UPDATE, original)
    return outcome


def _account_shown(context: CheckContext, write: Reply, before: settings.Settings) -> Steps:
    if not write.ok:
        return NotChecked(write.outcome)
    seen = yield from succeeded(Send(_OWNER, ANY_ACCOUNT, write.send.path))
    ((field, new),) = settings.body({_SETTING: CHANGED_SETTINGS[_SETTING]}).items()
    shown, old = object_of(seen.body).get(field), before[_SETTING]
    if shown == new:
        return Held()
    if shown != old:
        return NotChecked(settings.SOMEBODY_ELSE)
    # That the write was carried out, the account itself says.
    proof = yield from succeeded(Send(_OWNER, OWN_ACCOUNT))
    if object_of(proof.body).get(field) != new:
        return NotChecked(settings.NOT_TAKEN)
    return Violated(f"{field}: {new}", f"{field}: {shortened(old)}", (proof, seen))


# ── flags ──────────────────────────────────────────────────────────────────────────────


def _flag(context: CheckContext) -> Steps:
    """A flag for tests gets the value that it has: when it was written shows whether a read is older.

    No other flag, which somebody may switch between reading and writing it.
    """
    before = yield from succeeded(Send(_ADMIN, FLAGS))
    flags = [flag for flag in rows_in(before) if str(flag.get("flag_name")).startswith("perf_")]
    if not flags:
        return NotChecked(NO_DATA)
    flag = context.random.choice(flags)
    name = str(flag.get("flag_name"))
    write = yield from succeeded(Send(_ADMIN, FLAG_UPDATE, {"flag_name": name}, {"is_enabled": flag.get("is_enabled")}))
    seen = yield from succeeded(Send(_ADMIN, FLAGS))
    shown = next((each for each in rows_in(seen) if each.get("flag_name") == name), {})
    was, written, read = (_updated(row) for row in (flag, object_of(write.body), shown))
    # Only times of the list are compared: the answer to the write may be of another clock, or more exact.
    resolution = timedelta(seconds=1 if not was.microsecond else 0)
    if written <= was or written - was < resolution:
        return NotChecked(NOTHING_CHANGED)
    if read <= was:
        return Violated(f"updated_at: {written}", f"updated_at: {read}", (write, seen))
    return Held()


def _updated(row: Row) -> datetime:
    """When the row was written. Raises Unanswered where it does not say so."""
    try:
        when = datetime.fromisoformat(str(row.get("updated_at")))
    except ValueError as error:
        raise Unanswered(WhyNot.NO_TIME()) from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)
