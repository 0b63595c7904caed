"""Rows that checks make: one that no other check uses at the moment, by its mark in a list, or by its id."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perfsuite.correctness.check import (
    NO_DATA,
    WITHOUT_LOAD,
    CheckActor,
    CheckContext,
    Reply,
    Row,
    Send,
    Unanswered,
    ask,
    succeeded,
)
from perfsuite.messages.checks import WhyNot
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import object_of, rows_of
from perfsuite.target.write_rules import MadeRows

SEARCH_IGNORED = WhyNot.SEARCH_IGNORED()
NOT_LISTED = WhyNot.NOT_LISTED()
ENOUGH = 5
"""So many free rows of a kind are enough for the checks that need one."""
PAGE = 20
OTHER_PAGE = 21
"""Another number of rows asks for the same in a way that no cache knows."""
_HIDDEN = re.compile(r"[*•]|[xX]{3}")
_PHONE_DIGITS = 10
_MOST_OFFSET = timedelta(hours=14)

Asking = Generator[tuple[Send, ...], tuple[Reply, ...], Reply]


@dataclass(frozen=True, slots=True)
class OwnRow:
    """`sent`: the body of its creation, `reply`: the answer."""

    made: MadeRows
    sent: Row
    reply: Reply

    @property
    def shown(self) -> Row:
        """As the answer to its creation has it."""
        return object_of(self.reply.body)

    @property
    def mark(self) -> str:
        """The text by which it is found."""
        return str(self.sent[self.made.kind.marked_by])

    @property
    def path(self) -> dict[str, str]:
        """For operations on it."""
        name = self.made.kind.id_field
        return {name: str(self.shown[name])}

    def among(self, rows: Sequence[Row]) -> list[Row]:
        """The row itself: a faulty target may have made others with its mark."""
        ((name, identity),) = self.path.items()
        return [row for row in rows if str(row.get(name)) == identity]


Making = Generator[tuple[Send, ...], tuple[Reply, ...], OwnRow]


def uses_of(made: MadeRows) -> tuple[str, ...]:
    """Operations besides those that write such a row: what a new one resembles, and where it is found."""
    return tuple(name for name in dict.fromkeys((made.like, made.lists, made.read)) if name)


def new_body(context: CheckContext, made: MadeRows) -> Generator[tuple[Send, ...], tuple[Reply, ...], dict[str, Any]]:
    """The body of a new row, with a mark of its own."""
    models: list[Row] | None = context.known.get(f"like {made.create}")
    if models is None:
        models = [{}]
        if made.like:
            reply = yield from succeeded(Send(CheckActor(made.maker), made.like))
            rows = rows_of(CATALOGUE[made.like], reply.body) or []
            found = (row for row in rows if all(row.get(name) for name in made.taken.values()))
            models = [{name: row[of] for name, of in made.taken.items()} for row in found]
            if not models:
                raise Unanswered(NO_DATA)
        context.known[f"like {made.create}"] = models
    taken = context.random.choice(models)  # so that no customer has all rows of checks on the first page of a list
    return {**made.fields, **taken, made.kind.marked_by: context.new_mark()}


def make(made: MadeRows, body: Row) -> Making:
    """Make a row. Raises Unanswered where that failed."""
    reply = yield from succeeded(Send(CheckActor(made.maker), made.create, body=body))
    if not object_of(reply.body).get(made.kind.id_field):
        raise Unanswered(NO_DATA)
    return OwnRow(made, body, reply)


def take(context: CheckContext, made: MadeRows, *, changed_too: bool = False) -> Making:
    """A row that was made before and is free, or a new one. It is the caller's alone until `give_back`.

    `changed_too`: its status may have been changed since.
    """
    for free in (_free(context, made, changed=True) if changed_too else [], _free(context, made)):
        if free:
            return free.pop()
    body = yield from new_body(context, made)
    return (yield from make(made, body))


def give_back(context: CheckContext, row: OwnRow, *, changed: bool = False) -> None:
    """Others may use it. `changed`: its status is not that of a new row."""
    _free(context, row.made, changed=changed).append(row)


def delete_surplus(context: CheckContext, made: MadeRows) -> Generator[tuple[Send, ...], tuple[Reply, ...], None]:
    """Delete a row where more are free than checks need, and a check has seen what a deletion leaves."""
    free = _free(context, made)
    if len(free) > ENOUGH and context.known.get(showing_deletions(made, made.lists)):
        with suppress(Unanswered):  # cleanup deletes it where nothing else does
            yield from ask(Send(CheckActor(made.deleter), made.delete, free.pop(0).path))


def showing_deletions(made: MadeRows, operation: str) -> str:
    """In `CheckContext.known` where the operation has shown that such a row was deleted."""
    return f"{made.delete} shows in {operation}"


def _free(context: CheckContext, made: MadeRows, *, changed: bool = False) -> list[OwnRow]:
    free: list[OwnRow] = context.known.setdefault(f"{'changed' if changed else 'new'} {made.create}", [])
    return free


def search(made: MadeRows, mark: str, reader: CheckActor, limit: int = PAGE) -> Asking:
    """The list, searched for a mark. Raises Unanswered where it shows other rows or none can be read."""
    query = {made.search: mark, "limit": str(limit)}
    reply = yield from succeeded(Send(reader, made.lists, query=query))
    if any(row.get(made.kind.marked_by) != mark for row in rows_in(reply)):
        raise Unanswered(SEARCH_IGNORED)
    return reply


def rows_in(reply: Reply) -> Sequence[Row]:
    """The rows of a list. Raises Unanswered where it has none of the form that the contract gives."""
    rows = rows_of(CATALOGUE[reply.send.operation], reply.body)
    if rows is None:
        raise Unanswered(WhyNot.OTHER_ANSWER())
    return rows


def different(context: CheckContext, row: OwnRow, shown: Row, operation: str) -> str:
    """The first field that was sent and is shown with another value by an operation; "" for none.

    Where the answer to the creation has another value already, the target has a form of its own for it. It may have one
    where that answer leaves the field out, too, until the operation has shown one as it was sent: the load had seen
    that where this is a replay.
    """
    sent, answered, is_replay = row.sent, row.shown, WITHOUT_LOAD in context.known
    known: set[str] = context.known.setdefault(f"shown as sent by {operation}", set())
    as_sent = {name for name in sent if name in shown and same(sent[name], shown[name])}
    compared = [
        name for name in sent if (same(sent[name], answered[name]) if name in answered else is_replay or name in known)
    ]
    known |= as_sent
    return next((name for name in compared if name in shown and name not in as_sent), "")


def same(sent: Any, shown: Any) -> bool:
    """Whether a value is shown as it was sent. Its form may be another one: a number as text, other capitals, a phone
    number with a country code, or hidden in part, a day as its beginning in some time zone."""
    if sent == shown:
        return True
    if isinstance(sent, int | float):
        try:
            return float(shown) == float(sent)
        except (TypeError, ValueError):
            return False
    if not (isinstance(sent, str) and isinstance(shown, str)):
        return False
    if shown.strip().casefold() == sent.strip().casefold() or _HIDDEN.search(shown):
        return True
    if len(sent) >= _PHONE_DIGITS and sent.isdecimal():
        return re.sub(r"\D", "", shown).endswith(sent)
    return _is_day(sent, shown)


def _is_day(sent: str, shown: str) -> bool:
    try:
        day, time = datetime.strptime(sent, "%Y-%m-%d"), datetime.fromisoformat(shown)
    except ValueError:
        return False
    return abs(time.replace(tzinfo=None) - day) <= _MOST_OFFSET
