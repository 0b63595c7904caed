"""What checks learn about accounts, and the rows that they make for each other. Each is asked for once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from perfsuite.correctness.check import (
    NO_DATA,
    OTHERS_ANSWER,
    CheckActor,
    CheckContext,
    Reply,
    Row,
    Send,
    Unanswered,
    succeeded,
)
from perfsuite.messages.checks import WhyNot
from perfsuite.target.catalogue import CATALOGUE, CREATIONS
from perfsuite.target.checks import object_of, rows_of
from perfsuite.target.contract_rules import HOLDER
from perfsuite.target.write_rules import LEADS, POLICIES, TICKETS

NO_AGENT_NAMED = WhyNot.NO_AGENT_NAMED()


@dataclass(frozen=True, slots=True)
class Learnt:
    """Rows, never none, and the answer that had them."""

    rows: tuple[Row, ...]
    reply: Reply

    @property
    def row(self) -> Row:
        """The first of them."""
        return self.rows[0]


Learning = Generator[tuple[Send, ...], tuple[Reply, ...], Learnt]
"""Steps that end with what was learnt. They raise Unanswered where it cannot be."""


def field_of(row: Row, name: str) -> Any:
    """What a row has there. Raises Unanswered where it has nothing."""
    value = row.get(name)
    if value is None:
        raise Unanswered(WhyNot.FIELD_MISSING(name=name))
    return value


def own_agent(context: CheckContext, actor: CheckActor) -> Learning:
    """The agent behind an account."""
    known: Learnt | None = context.known.get(f"agent of {actor}")
    if known is None:
        reply = yield from succeeded(Send(actor, "agents.profile"))
        row = object_of(reply.body)
        if str(row.get("user_id")) != context.user_id(actor):
            raise Unanswered(OTHERS_ANSWER)
        if not row.get("agent_id"):
            raise Unanswered(NO_DATA)
        known = context.known[f"agent of {actor}"] = Learnt((row,), reply)
    return known


def policies_of(context: CheckContext, actor: CheckActor) -> Learning:
    """What an account sees first in its list of policies."""
    return (yield from listed(context, Send(actor, "policies.list"), "policy_id"))


def forget_listed(context: CheckContext, operation: str, actor: CheckActor) -> None:
    """Some rows may be gone."""
    context.known.pop(f"{operation} of {actor}", None)


def foreign_policies(context: CheckContext, asker: CheckActor, owner: CheckActor) -> Learning:
    """Of the policies that `owner` sees those that are certainly not of `asker`, even if lists are wrong."""
    learnt = yield from policies_of(context, owner)
    if asker.role == HOLDER:
        return _foreign(context, owner, learnt, lambda row: _holder(row) != context.user_id(asker))
    agent = yield from own_agent(context, asker)
    return _of_other_agents(context, owner, learnt, agent)


def foreign_leads(context: CheckContext, asker: CheckActor, owner: CheckActor) -> Learning:
    """Of the leads that `owner` sees those that are certainly not of `asker`."""
    learnt = yield from listed(context, Send(owner, "leads.list"), "lead_id")
    agent = yield from own_agent(context, asker)
    return _of_other_agents(context, owner, learnt, agent)


def perf_flag(context: CheckContext, admin: CheckActor) -> Learning:
    """A flag that is there for tests."""
    flags = yield from listed(context, Send(admin, "flags.list"), "flag_name")
    rows = tuple(row for row in flags.rows if str(row.get("flag_name")).startswith("perf_"))
    if not rows:
        raise Unanswered(NO_DATA)
    return Learnt(rows, flags.reply)


def made_lead(context: CheckContext, maker: CheckActor) -> Learning:
    """A lead that a check has made as this agent."""
    return (yield from _made(context, maker, "lead", new_lead(context)))


def made_policy(context: CheckContext, maker: CheckActor) -> Learning:
    """A policy that a check has made as this agent."""
    body: dict[str, Any] = {}
    if f"policy made by {maker}" not in context.known:
        body = yield from new_policy(context, maker)
    return (yield from _made(context, maker, "policy", body))


def made_ticket(context: CheckContext, maker: CheckActor) -> Learning:
    """A ticket that a check has made as this member of the support staff."""
    body: dict[str, Any] = {}
    if f"ticket made by {maker}" not in context.known:
        body = yield from new_ticket(context, maker)
    return (yield from _made(context, maker, "ticket", body))


def forget_made(context: CheckContext, kind: str, maker: CheckActor) -> None:
    """The row may be gone."""
    context.known.pop(f"{kind} made by {maker}", None)


Writing = Generator[tuple[Send, ...], tuple[Reply, ...], dict[str, Any]]
"""Steps that end with the body of a creation."""


def new_lead(context: CheckContext) -> dict[str, Any]:
    """The body of a new lead."""
    return {**LEADS.fields, LEADS.kind.marked_by: context.new_mark()}


def new_policy(context: CheckContext, seller: CheckActor) -> Writing:
    """The body of a policy that an agent may sell."""
    agent = yield from own_agent(context, seller)
    sold = yield from policies_of(context, seller)
    return policy_body(sold.row, str(agent.row["agent_id"]), context.new_mark())


def new_ticket(context: CheckContext, maker: CheckActor) -> Writing:
    """The body of a ticket of some customer."""
    policies = yield from policies_of(context, maker)
    if not policies.row.get("policyholder_id"):
        raise Unanswered(NO_DATA)
    taken = {"customer_id": policies.row["policyholder_id"]}
    return {**TICKETS.fields, **taken, TICKETS.kind.marked_by: context.new_mark()}


def policy_body(sold: Row, agent_id: str, mark: str) -> dict[str, Any]:
    """A new policy, with this number, like one that was sold before. Raises Unanswered where that does not say whose
    it is."""
    if not (sold.get("policyholder_id") and sold.get("provider_id")):
        raise Unanswered(NO_DATA)
    return {
        **POLICIES.fields,
        "policy_number": mark,
        "policyholder_id": sold["policyholder_id"],
        "agent_id": agent_id,
        "provider_id": sold["provider_id"],
        "policy_type": sold.get("policy_type") or "term_life",
        "plan_name": sold.get("plan_name") or "Term plan",
    }


def _made(context: CheckContext, maker: CheckActor, kind: str, body: Row) -> Learning:
    known: Learnt | None = context.known.get(f"{kind} made by {maker}")
    if known is None:
        reply = yield from succeeded(Send(maker, CREATIONS[kind].name, body=body))
        row = object_of(reply.body)
        if not row.get(f"{kind}_id"):
            raise Unanswered(NO_DATA)
        known = context.known[f"{kind} made by {maker}"] = Learnt((row,), reply)
    return known


def listed(context: CheckContext, send: Send, key: str) -> Learning:
    """The rows that a list begins with, those that have this field."""
    known: Learnt | None = context.known.get(f"{send.operation} of {send.actor}")
    if known is None:
        reply = yield from succeeded(send)
        rows = tuple(row for row in rows_of(CATALOGUE[send.operation], reply.body) or () if row.get(key))
        if not rows:
            raise Unanswered(NO_DATA)
        known = context.known[f"{send.operation} of {send.actor}"] = Learnt(rows, reply)
    return known


def _of_other_agents(context: CheckContext, owner: CheckActor, learnt: Learnt, agent: Learnt) -> Learnt:
    """Another agent may see the rows of a team, and one that names nobody may be of anybody."""
    if all(row.get("agent_id") is None for row in learnt.rows):
        raise Unanswered(NO_AGENT_NAMED)
    return _foreign(context, owner, learnt, lambda row: row.get("agent_id") not in (None, agent.row["agent_id"]))


def _foreign(context: CheckContext, owner: CheckActor, learnt: Learnt, is_foreign: Callable[[Row], bool]) -> Learnt:
    rows = tuple(filter(is_foreign, learnt.rows))
    if not rows:  # a list that was wrong once need not be wrong the next time
        forget_listed(context, learnt.reply.send.operation, owner)
        raise Unanswered(OTHERS_ANSWER)
    return Learnt(rows, learnt.reply)


def _holder(policy: Row) -> str:
    """The account of its policyholder; "" where the row does not name it."""
    info = policy.get("policyholder_info")
    return str(info.get("user_id") or "") if isinstance(info, dict) else ""
