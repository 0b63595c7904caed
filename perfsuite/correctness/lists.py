"""Pages of a list hold each row once, and figures count the rows that are there."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from perfsuite.correctness.check import (
    OTHERS_ANSWER,
    WITHOUT_LOAD,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Reply,
    Send,
    Steps,
    Unanswered,
    Violated,
    succeeded,
)
from perfsuite.correctness.drive import Carrier, drive
from perfsuite.correctness.facts import own_agent
from perfsuite.correctness.next_reads import SOFT_DELETED
from perfsuite.correctness.own_rows import PAGE, Making, give_back, make, new_body, rows_in, uses_of
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import SUPER, owner_field
from perfsuite.target.journal import is_mark
from perfsuite.target.write_rules import COUNTERS, OWN_AGENT, POLICIES, QUIET_LISTS, counted

PAGES = "pages hold each row once"
COUNTS = "figures count the rows"
TOO_FEW = WhyNot.TOO_FEW()
NO_PAGES = WhyNot.NO_PAGES()
CHANGING = WhyNot.CHANGING()
NOT_COMPARED_BEFORE = WhyNot.NOT_COMPARED_BEFORE()
OTHER_ROWS = WhyNot.OTHER_ROWS()
UNCOUNTED = "figures before the load"
"""What `CheckContext.known` has them under: operation → how many rows more the list had."""
_WHOLE = 51
"""So many rows are the whole; more are asked for."""
_USUAL = 0.5
"""So often the first page that is drawn is the one that users ask for second."""
_MOST = 100
_LOOKS = 4
"""So often a list or a figure is read until two looks in a row agree."""
PAUSE_S = 0.5
"""Between two looks: of a write that was not answered yet, one answer may show more than another."""
_NEW_POLICIES = 5
_FIGURES = dict(COUNTERS)
_ADMIN = CheckActor(SUPER)


def checks() -> Iterator[Check]:
    """Every list, and every figure that counts policies."""
    for operation, role, key in QUIET_LISTS:
        uses: tuple[str, ...] = (OWN_AGENT,) if "{agent_id}" in CATALOGUE[operation].path else ()
        steps = _pages(operation, CheckActor(role), key)
        yield Check(Invariant.LISTS, PAGES, operation, (CheckActor(role),), 2 + len(uses), steps, uses=uses)
    uses = (POLICIES.create, *uses_of(POLICIES))
    for operation, name in COUNTERS:
        actors, steps = (_ADMIN, CheckActor(POLICIES.maker)), _counts(operation, name)
        yield Check(Invariant.LISTS, COUNTS, operation, actors, 3, steps, writes=True, shares_accounts=True, uses=uses)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────


def _pages(operation: str, actor: CheckActor, key: str) -> Callable[[CheckContext], Steps]:
    """Some page is the part of the whole that it should be: the whole is read before and, if it is not, after it.

    A difference counts when it is seen twice, each time with the same rows before and after. Each time a page is
    drawn, since one that is kept for a while would be wrong twice.
    """
    has_pages = f"pages of {operation}"

    def steps(context: CheckContext) -> Steps:
        path = yield from _path(context, operation, actor)
        before = yield from _whole(context, actor, operation, path, key)
        seen = wrong_from = 0
        for _look in range(_LOOKS):
            rows = len(before.ids)
            if rows < 2:
                return NotChecked(TOO_FEW)
            size, offset = _drawn(context.random, rows, wrong_from)
            query = {"limit": str(size), "offset": str(offset)}
            page = yield from _listed(Send(actor, operation, path, query=query), key)
            wanted = before.ids[offset : offset + size]
            if sorted(page.ids) == sorted(wanted):
                context.known[has_pages] = True
                return NotChecked(CHANGING) if seen else Held()
            after = yield from _whole(context, actor, operation, path, key)
            if len(page.owners | before.owners | after.owners) > 1:
                return NotChecked(OTHERS_ANSWER)
            seen, wrong_from = (seen + 1, offset) if after.ids == before.ids else (0, 0)
            if len(page.ids) > size or (page.ids == before.ids[:size] and has_pages not in context.known):
                return NotChecked(NO_PAGES)
            if seen > 1:
                missing = len(set(wanted) - set(page.ids))
                expected = f"rows {offset + 1} to {offset + size} of the list"
                return Violated(expected, f"{missing} of them missing", (page.reply, after.reply))
            yield PAUSE_S
            before = yield from _whole(context, actor, operation, path, key)
        return NotChecked(CHANGING)

    return steps


def _drawn(random: Random, rows: int, wrong_from: int) -> tuple[int, int]:
    """Size and offset of a page: often the one that users ask for second. `wrong_from`: offset of a page that was
    wrong, 0 for none. Another one is drawn, not before it, as far as there are many of them."""
    if not wrong_from and rows >= 2 * PAGE and random.random() < _USUAL:
        return PAGE, PAGE
    least = min(wrong_from, PAGE, rows // 2) or 1
    sizes = [size for size in range(1, rows // 2 + 1) if (rows // size - 1) * size >= least]
    size = random.choice(sizes)
    return size, size * random.randint(math.ceil(least / size), rows // size - 1)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Rows of a list: their ids, and whose they are, where each must be the caller's."""

    ids: tuple[str, ...]
    owners: frozenset[Any]
    reply: Reply


def _whole(
    context: CheckContext, actor: CheckActor, operation: str, path: Mapping[str, str], key: str
) -> Generator[tuple[Send, ...], tuple[Reply, ...], _Listed]:
    """The first rows. Each time another number of them is asked for, so that no cache knows the answer."""
    query = {"limit": str(context.random.randint(_WHOLE, _MOST)), "offset": "0"}
    found = yield from _listed(Send(actor, operation, path, query=query), key)
    return replace(found, ids=found.ids[:_WHOLE])


def _listed(send: Send, key: str) -> Generator[tuple[Send, ...], tuple[Reply, ...], _Listed]:
    reply = yield from succeeded(send)
    rows, owner = rows_in(reply), owner_field(send.operation, send.actor.role)
    owners = frozenset(row.get(owner) for row in rows) if owner else frozenset[Any]()
    return _Listed(tuple(str(row.get(key)) for row in rows), owners, reply)


def _path(
    context: CheckContext, operation: str, actor: CheckActor
) -> Generator[tuple[Send, ...], tuple[Reply, ...], Mapping[str, str]]:
    if "{agent_id}" not in CATALOGUE[operation].path:
        return {}
    agent = yield from own_agent(context, actor)
    return {"agent_id": str(agent.row["agent_id"])}


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────


def uncounted(context: CheckContext, carrier: Carrier, possible: Callable[[Check], bool]) -> dict[str, int]:
    """Operation → how many policies more than its figure says the list has, now or when one was sold: a figure may
    leave out new ones, or be kept for a while. Those that the target is too busy for are left out. `possible`: whether
    a check can be made."""
    of_policies = (check for check in checks() if check.rule == COUNTS and possible(check))
    before = _all_compared([check.operation for check in of_policies], carrier)
    if not before:
        return {}
    try:
        drive(_sold(context), carrier)
    except Unanswered:
        return {}
    after = _all_compared(before, carrier)
    return {operation: before[operation] or more for operation, more in after.items()}


def _all_compared(operations: Iterable[str], carrier: Carrier) -> dict[str, int]:
    found: dict[str, int] = {}
    for operation in operations:
        with suppress(Unanswered):
            found[operation] = drive(_compared(operation, _FIGURES[operation], times=1), carrier).more
    return found


def _sold(context: CheckContext) -> Making:
    body = yield from new_body(context, POLICIES)
    row = yield from make(POLICIES, body)
    give_back(context, row)
    return row


def _counts(operation: str, name: str) -> Callable[[CheckContext], Steps]:
    """A figure that counted all rows before the load counts all of them under it.

    Nobody says which rows a figure counts: one that differed before is not checked. Without load some policies are
    added, of which it counts all or none.
    """

    def steps(context: CheckContext) -> Steps:
        found = yield from _compared(operation, name)
        if context.known.get(WITHOUT_LOAD):
            before = found.more
            for _number in range(_NEW_POLICIES):
                yield from _sold(context)
            found = yield from _compared(operation, name)
            if found.more - before == _NEW_POLICIES:
                return NotChecked(OTHER_ROWS)
        else:
            before = context.known.get(UNCOUNTED, {}).get(operation)
            if before is None:
                return NotChecked(NOT_COMPARED_BEFORE)
            if before or (found.more and (yield from _keeps_deleted(context))):
                return NotChecked(OTHER_ROWS)
        if found.more == before:
            return Held()
        figure, bound = found.figure, "at least" if found.more > before else "at most"
        expected = f"{name}: {bound} {figure.count + found.more - before}"
        return Violated(expected, f"{name}: {figure.count}", (figure.reply, found.listed))

    return steps


def _keeps_deleted(context: CheckContext) -> Generator[tuple[Send, ...], tuple[Reply, ...], bool]:
    """Whether the list keeps policies that this run has deleted, or the cleanup of another one: a figure need not count
    them."""
    if context.known.get(SOFT_DELETED):
        return True
    reply = yield from succeeded(Send(_ADMIN, POLICIES.lists, query={"status": "cancelled", "limit": str(_MOST)}))
    kind = POLICIES.kind
    return any(kind.soft_deleted_as(row) and is_mark(str(row.get(kind.marked_by))) for row in rows_in(reply))


@dataclass(frozen=True, slots=True)
class _Figure:
    count: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class _Compared:
    """How many rows more than a figure says a list has at least; below 0: fewer."""

    more: int
    figure: _Figure
    listed: Reply


def _compared(
    operation: str, name: str, times: int = 2
) -> Generator[tuple[Send, ...] | float, tuple[Reply, ...], _Compared]:
    """A list beside the figure before it and, where that is another number, the figure a while after it.

    Meanwhile rows may be added: then the list has as many as one of the two figures, or some between them, and is read
    again. A difference beyond counts when it is seen so many `times` in a row in the same direction; it may grow.
    """
    seen, too_low = 0, None
    before = yield from _figure(operation, name)
    for _look in range(_LOOKS):
        more, listed = yield from _beyond(before)
        if not more:
            return _Compared(0, before, listed)
        yield PAUSE_S
        after = yield from _figure(operation, name)
        found = _Compared(more, before, listed)
        if more > 0:
            found = _Compared(max(before.count + more - after.count, 0), after, listed)
        if not found.more or after.count < before.count:
            seen = 0
        else:
            seen, too_low = seen + 1 if (more > 0) is too_low else 1, more > 0
        if seen == times:
            return found
        before = after
    if found.more or too_low is not None:
        raise Unanswered(CHANGING)
    return found


def _beyond(figure: _Figure) -> Generator[tuple[Send, ...], tuple[Reply, ...], tuple[int, Reply]]:
    """How many rows more than the figure says the list has, by its rows from the last one on that the figure counts.
    Where it has fewer, nobody knows how many: -1."""
    query = {"limit": str(_MOST), "offset": str(max(figure.count - 1, 0))}
    listed = yield from succeeded(Send(_ADMIN, POLICIES.lists, query=query))
    rows = len(rows_in(listed))
    if rows == _MOST:
        raise Unanswered(OTHER_ROWS)
    return rows - min(figure.count, 1), listed


def _figure(operation: str, name: str) -> Generator[tuple[Send, ...], tuple[Reply, ...], _Figure]:
    reply = yield from succeeded(Send(_ADMIN, operation))
    count = counted(operation, name, reply.body)
    if count is None:
        raise Unanswered(WhyNot.NO_FIGURE())
    return _Figure(count, reply)
