"""What the load's own answers show. A run sends none of these checks, since it looks at its answers (`watch`).

`replay` sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from perfsuite.correctness.caches import figures_of
from perfsuite.correctness.check import (
    NO_DATA,
    WITHOUT_LOAD,
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
    ask,
    shortened,
    succeeded,
)
from perfsuite.correctness.facts import field_of, made_lead, own_agent, policies_of, policy_body
from perfsuite.correctness.own_rows import same
from perfsuite.correctness.schedule import Rule
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE, CREATIONS, Operation
from perfsuite.target.checks import IDS, RowOwners, echo_failure, object_of, parent_failure, rows_of
from perfsuite.target.contract_rules import OWN_LISTS, OWNER_FIELDS, ROLES_BY_OPERATION, SENIOR

OWN_ANSWER = "one's own answer"
ASKED = "what was asked for"
AS_SENT = "a new row is read as it was sent"
OWN_ROWS = "rows of one's own only"

DASHBOARD = "dashboard.senior_agent"
"""Its answer names no owner, and may show the leads of a team: it is somebody else's only as a whole."""
_FIXED = {"offset": "0", "status": "active"}
"""`{name}` of a path that is no id → its value."""


def checks() -> Iterator[Check]:
    """Lists with an owner, answers about the own account, and rows that are asked for by an id."""
    for name, role in OWNER_FIELDS:
        if _FIXED.keys() >= set(CATALOGUE[name].names):
            yield _check((Invariant.ISOLATION, OWN_LISTS), name, role, _one_owner)
            yield _check((Invariant.CACHES, OWN_ANSWER), name, role, _own_list)
    for name, operation in CATALOGUE.items():
        for role in sorted(ROLES_BY_OPERATION.get(name, ())):
            if operation.identity:
                yield _check((Invariant.CACHES, OWN_ANSWER), name, role, _own_account)
            elif operation.method == "GET" and not IDS.isdisjoint(operation.names):
                yield _check((Invariant.ISOLATION, ASKED), name, role, _asked)
    yield _check((Invariant.CACHES, OWN_ANSWER), DASHBOARD, SENIOR, _own_dashboard, makes=("leads.create",))
    yield _check((Invariant.WRITES, AS_SENT), "policies.read", SENIOR, _as_sent, makes=("policies.create",))


def differing(sent: Mapping[str, Any], read: Mapping[str, Any]) -> str:
    """A field of a policy that was sent and is read with another value; "" without one.

    Dates may come in another form. Nothing that others change is among them.
    """
    for name, value in sent.items():
        is_number = isinstance(value, float | int) and isinstance(read.get(name), float | int)
        if (is_number or name in CREATIONS["policy"].echoes) and name in read and not same(value, read[name]):
            return name
    return ""


_Judge = Callable[..., Steps]
"""Of the context, the operation, who asks, and for some another account of the role."""


def _check(rule: Rule, name: str, role: str, judge: _Judge, *, makes: tuple[str, ...] = ()) -> Check:
    # The last accounts: a cache that mixes accounts up shows it where neither of them has written anything.
    asker, other = CheckActor(role, -1), CheckActor(role, -2)
    actors, requests = ((asker, other), 2) if judge in _OF_TWO else ((CheckActor(role),), 3)

    def steps(context: CheckContext) -> Steps:
        return judge(context, name, *actors)

    return Check(*rule, name, actors, requests + 2 * len(makes), steps, writes=bool(makes), uses=makes)


def _one_owner(context: CheckContext, name: str, asker: CheckActor) -> Steps:
    """Those who see everybody's rows ask first: a cache that mixes roles up has an answer then."""
    for role in sorted(ROLES_BY_OPERATION[name]):
        if role in context.known.get(WITHOUT_LOAD, ()) and (name, role) not in OWNER_FIELDS:
            with suppress(Unanswered):  # whoever asks alone may show it, too
                yield from ask(Send(CheckActor(role), name, _path(name)))
    reply = yield from succeeded(Send(asker, name, _path(name)))
    owners = _owners(reply)
    if not owners:
        return NotChecked(NO_DATA)
    return Held() if len(owners) == 1 else Violated(OWN_ROWS, "rows of several accounts", (reply,))


def _own_list(context: CheckContext, name: str, asker: CheckActor, other: CheckActor) -> Steps:
    """The other one asks first: a cache that mixes them up has an answer then."""
    first = yield from succeeded(Send(other, name, _path(name)))
    second = yield from succeeded(Send(asker, name, _path(name)))
    if not _owners(second):
        return NotChecked(NO_DATA)
    if len(_owners(second)) == 1 and _owners(first) == _owners(second):
        return Violated(OWN_ROWS, f"rows of {context.name(other)}", (first, second))
    return Held()


def _path(name: str) -> dict[str, str]:
    return {key: _FIXED[key] for key in CATALOGUE[name].names}


def _owners(reply: Reply) -> set[str]:
    """Whose rows came."""
    field = OWNER_FIELDS[reply.send.operation, reply.send.actor.role]
    rows = rows_of(CATALOGUE[reply.send.operation], reply.body) or []
    return {str(row[field]) for row in rows if row.get(field) is not None}


def _own_account(context: CheckContext, name: str, asker: CheckActor, other: CheckActor) -> Steps:
    first = yield from succeeded(Send(other, name))
    second = yield from succeeded(Send(asker, name))
    for reply in (first, second):
        if str(object_of(reply.body).get(CATALOGUE[name].identity)) != context.user_id(reply.send.actor):
            return Violated("one's own account", "somebody else's account", (first, second))
    return Held()


def _own_dashboard(context: CheckContext, name: str, asker: CheckActor, other: CheckActor) -> Steps:
    """Both have made as much: a cache that forgets its answer after each write of the account keeps the other's."""
    theirs = yield from made_lead(context, other)
    yield from made_lead(context, asker)
    first = yield from succeeded(Send(other, name))
    second = yield from succeeded(Send(asker, name))
    lead = str(field_of(theirs.row, "customer_name")).encode()
    if lead not in first.content:
        return NotChecked(WhyNot.LEAD_NOT_SHOWN())
    if lead not in second.content or figures_of(name, first.body) != figures_of(name, second.body):
        return Held()
    return Violated("one's own dashboard", f"the dashboard of {context.name(other)}", (first, second))


def _as_sent(context: CheckContext, name: str, asker: CheckActor) -> Steps:
    agent = yield from own_agent(context, asker)
    sold = yield from policies_of(context, asker)
    body = policy_body(sold.row, str(agent.row["agent_id"]), context.new_mark())
    created = yield from succeeded(Send(asker, "policies.create", body=body))
    reply = yield from succeeded(Send(asker, name, {"policy_id": str(object_of(created.body).get("policy_id"))}))
    read = object_of(reply.body)
    if field := differing(body, read):
        return Violated(f"{field} {shortened(body[field])}", f"{field} {shortened(read[field])}", (created, reply))
    return Held()


def _asked(context: CheckContext, name: str, asker: CheckActor) -> Steps:
    operation, seen = CATALOGUE[name], RowOwners()
    found = yield from paths(context, operation, asker)
    replies: tuple[Reply, ...] = ()
    for path in found:
        replies = (*replies, (yield from succeeded(Send(asker, name, path))))
        body = replies[-1].body
        if failure := echo_failure(operation, body, path) or parent_failure(operation, body, path, seen):
            return Violated(ASKED, failure.message, replies)
    return Held() if replies else NotChecked(NO_DATA)


def paths(
    context: CheckContext, operation: Operation, asker: CheckActor
) -> Generator[tuple[Send, ...], tuple[Reply, ...], list[Mapping[str, str]]]:
    """At most two ways to ask for a row that the actor may see."""
    (name,) = operation.names
    shown_by = shows_ids(operation.name, asker.role)
    if not shown_by:
        rows: tuple[Row, ...] = ({name: context.user_id(asker)},)
    elif shown_by == "agents.profile":
        rows = (yield from own_agent(context, asker)).rows
    elif shown_by == "policies.list":
        rows = (yield from policies_of(context, asker)).rows
    else:
        rows = yield from _listed(shown_by, asker)
    found = dict.fromkeys(str(row[name]) for row in rows if row.get(name))
    return [{name: value} for value in [*found][:2]]


def shows_ids(name: str, role: str) -> str:
    """The operation that shows a role what it can ask an operation for; "" where it needs none."""
    match next((each for each in CATALOGUE[name].names if each in IDS), ""):
        case "" | "user_id":
            return ""
        case "agent_id":
            return "agents.profile" if role in ROLES_BY_OPERATION["agents.profile"] else "agents.list"
        case "ticket_id":
            return "tickets.list"
        case _:
            return "policies.list"


def _listed(name: str, actor: CheckActor) -> Generator[tuple[Send, ...], tuple[Reply, ...], tuple[Row, ...]]:
    reply = yield from succeeded(Send(actor, name))
    return tuple(rows_of(CATALOGUE[name], reply.body) or ())


_OF_TWO = (_own_list, _own_account, _own_dashboard)
