"""After a write was answered, the next read shows it: also a read that a cache has answered just before.

Each check reads, writes, and reads the same once more. Where a row is missing, the same list with another number of
rows proves that the target knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime

from perfsuite.correctness import settings
from perfsuite.correctness.check import (
    Check,
    CheckActor,
    Ground,
    Held,
    NotChecked,
    Reply,
    Send,
    Steps,
    Unanswered,
    Violated,
    shortened,
)
from perfsuite.correctness.own_rows import (
    NO_DATA,
    NOT_LISTED,
    OTHER_PAGE,
    Row,
    give_back,
    make,
    new_body,
    rows_in,
    search,
    succeeded,
    take,
    uses_of,
)
from perfsuite.model.correctness import Invariant
from perfsuite.target.checks import object_of
from perfsuite.target.contract_rules import SUPER, SUPPORT
from perfsuite.target.write_rules import (
    ACCOUNT_WRITES,
    ANY_ACCOUNT,
    CHANGED_SETTINGS,
    FLAG_UPDATE,
    FLAGS,
    MADE_ROWS,
    OWN_ACCOUNT,
    MadeRows,
)

NEXT_READ = "the next read shows a write"
NOTHING_CHANGED = "the write changed nothing"
SOFT_DELETED = "soft deleted"
"""Known to the ground where the target keeps deleted rows under a status."""
_LANGUAGE = "language"
_ADMIN, _OWNER = CheckActor(SUPER), CheckActor(SUPPORT)


def checks() -> Iterator[Check]:
    """Every operation that writes."""
    for made in MADE_ROWS:
        maker, uses = CheckActor(made.maker), uses_of(made)
        yield _check(made.create, (maker,), 3 + bool(made.like), _creation(made), uses)
        more = (made.create, *uses)
        if made.change:
            yield _check(made.change, (CheckActor(made.changer), maker), 4, _change(made), more)
        yield _check(made.delete, (CheckActor(made.deleter), maker), 4, _deletion(made), more)
    yield _check(FLAG_UPDATE, (_ADMIN,), 3, _flag, (FLAGS,))
    for operation in ACCOUNT_WRITES:
        yield _check(operation, (_OWNER,), 4, _setting(operation), (OWN_ACCOUNT, ANY_ACCOUNT))


def _check(
    operation: str,
    actors: tuple[CheckActor, ...],
    requests: int,
    steps: Callable[[Ground], Steps],
    uses: tuple[str, ...],
) -> Check:
    actors = tuple(dict.fromkeys(actors))
    return Check(Invariant.WRITES, NEXT_READ, operation, actors, requests, steps, writes=True, uses=uses)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────


def _creation(made: MadeRows) -> Callable[[Ground], Steps]:
    maker = CheckActor(made.maker)

    def steps(ground: Ground) -> Steps:
        body = yield from new_body(ground, made)
        mark = str(body[made.kind.marked_by])
        yield from search(made, mark, maker)
        row = yield from make(made, body)
        seen = yield from search(made, mark, maker)
        if rows_in(seen):
            give_back(ground, row)
            return Held()
        proof = yield from search(made, mark, maker, OTHER_PAGE)
        return Violated("the new row", "no row", (seen, proof)) if rows_in(proof) else NotChecked(NOT_LISTED)

    return steps


def _change(made: MadeRows) -> Callable[[Ground], Steps]:
    changer = CheckActor(made.changer)

    def steps(ground: Ground) -> Steps:
        row = yield from take(ground, made)
        before = yield from search(made, row.mark, changer)
        old = _status(made, rows_in(before))
        write = yield from succeeded(Send(changer, made.change, row.path, made.change_body))
        new = _status(made, [object_of(write.body)])
        seen = yield from search(made, row.mark, changer)
        shown = _status(made, rows_in(seen))
        if new == old:
            return NotChecked(NOTHING_CHANGED)
        if shown == old:
            return Violated(f"status: {shortened(new)}", f"status: {shortened(old)}", (write, seen))
        give_back(ground, row, changed=True)
        return Held()

    return steps


def _status(made: MadeRows, rows: Sequence[Row]) -> str:
    """The status of the only row. Raises Unanswered where there is none."""
    if not rows:
        raise Unanswered(NOT_LISTED)
    return made.kind.status_of(rows[0])


def _deletion(made: MadeRows) -> Callable[[Ground], Steps]:
    deleter = CheckActor(made.deleter)

    def steps(ground: Ground) -> Steps:
        row = yield from take(ground, made, changed_too=True)
        before = yield from search(made, row.mark, deleter)
        if not rows_in(before):
            return NotChecked(NOT_LISTED)
        yield from succeeded(Send(deleter, made.delete, row.path))
        seen = yield from search(made, row.mark, deleter)
        if not still_there(ground, made, rows_in(seen)):
            return Held()
        proof = yield from search(made, row.mark, deleter, OTHER_PAGE)
        if still_there(ground, made, rows_in(proof)):
            return NotChecked(NOTHING_CHANGED)
        return Violated("no row", "the row as it was", (seen, proof))

    return steps


def still_there(ground: Ground, made: MadeRows, rows: Sequence[Row]) -> bool:
    """Whether one of the rows is not deleted, not even under a status."""
    kept = [row for row in rows if made.kind.soft_deleted_as(row)]
    if kept:
        ground.known[SOFT_DELETED] = True
    return len(kept) < len(rows)


# ── flags and accounts ──────────────────────────────────────────────────────────────────────────────


def _flag(ground: Ground) -> Steps:
    """A flag gets the value that it has: when it was written shows whether a read is older."""
    before = yield from succeeded(Send(_ADMIN, FLAGS))
    flags = rows_in(before)
    if not flags:
        return NotChecked(NO_DATA)
    ours = [flag for flag in flags if str(flag.get("flag_name")).startswith("perf_")]
    flag = ground.random.choice(ours or flags)
    name = str(flag.get("flag_name"))
    write = yield from succeeded(Send(_ADMIN, FLAG_UPDATE, {"flag_name": name}, {"is_enabled": flag.get("is_enabled")}))
    seen = yield from succeeded(Send(_ADMIN, FLAGS))
    shown = next((each for each in rows_in(seen) if each.get("flag_name") == name), {})
    was, written, read = (_updated(row) for row in (flag, object_of(write.body), shown))
    if not was < written:
        return NotChecked(NOTHING_CHANGED)
    if read < written:
        return Violated(f"updated_at: {written}", f"updated_at: {read}", (write, seen))
    return Held()


def _updated(row: Row) -> datetime:
    """When the row was written. Raises Unanswered where it does not say so."""
    try:
        when = datetime.fromisoformat(str(row.get("updated_at")))
    except ValueError as error:
        raise Unanswered("the target does not say when a row was written") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _setting(operation: str) -> Callable[[Ground], Steps]:
    """An account changes its language, reads it, and puts it back."""

    def steps(ground: Ground) -> Steps:
        before, _reply = yield from settings.read(_OWNER)
        path = {"user_id": ground.user_id(_OWNER)}
        original = {_LANGUAGE: ground.will_change(_OWNER, _LANGUAGE, before[_LANGUAGE])}
        changed = settings.body({_LANGUAGE: CHANGED_SETTINGS[_LANGUAGE]})
        (write,) = yield (Send(_OWNER, operation, path, changed),)
        if write.unclear:
            raise Unanswered(write.outcome)  # it may be carried out later: cleanup puts it back
        replies = yield from _reads(path, changed)
        yield from settings.put_back(ground, Send(_OWNER, operation, path, settings.body(original)), original)
        if failed := [reply for reply in (write, *replies) if not reply.ok]:
            return NotChecked(failed[0].outcome)
        seen, *proof = replies
        if not proof:
            return Held()
        ((name, value),) = changed.items()
        if not _shows(proof[0], changed):
            return NotChecked(settings.SOMEBODY_ELSE)
        return Violated(f"{name}: {value}", f"{name}: {shortened(before[_LANGUAGE])}", (seen, proof[0]))

    return steps


def _reads(path: dict[str, str], changed: Row) -> Generator[tuple[Send, ...], tuple[Reply, ...], list[Reply]]:
    """The page that was read before; where it does not show what was written, also another one of the account."""
    (seen,) = yield (Send(_OWNER, OWN_ACCOUNT),)
    if not seen.ok or _shows(seen, changed):
        return [seen]
    (proof,) = yield (Send(_OWNER, ANY_ACCOUNT, path),)
    return [seen, proof]


def _shows(reply: Reply, values: Row) -> bool:
    return object_of(reply.body).items() >= values.items()
