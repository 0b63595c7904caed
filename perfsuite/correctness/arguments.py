"""Arguments for any operation: the id of a row that exists, a body that is right.

What would write gets a row of the run, a body that changes nothing, or a new row with a mark.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.correctness.check import CheckActor, CheckContext, Reply, Send
from perfsuite.correctness.facts import (
    Learning,
    field_of,
    listed,
    made_lead,
    made_policy,
    made_ticket,
    new_lead,
    new_policy,
    new_ticket,
    own_agent,
    perf_flag,
    policies_of,
)
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import SENIOR, SUPER, SUPPORT


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a request works on."""

    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


Finding = Generator[tuple[Send, ...], tuple[Reply, ...], Arguments]


@dataclass(frozen=True, slots=True)
class ArgumentSource:
    """How arguments are found. `role`: of who helps, "" where that is who asks; `uses`: what is sent for it at most.

    `made`: kind of row of the run that they name; "" for none.
    """

    find: Callable[[CheckContext, CheckActor], Finding]
    role: str = ""
    uses: tuple[str, ...] = ()
    made: str = ""


def source_of(name: str) -> ArgumentSource:
    """How the arguments of an operation are found."""
    operation = CATALOGUE[name]
    kind = operation.path.partition("{")[2].partition("}")[0]
    if name in _WITH_BODY:
        return _WITH_BODY[name]
    return _WRITTEN[kind] if operation.writes else _READ[kind]


def _nothing(_context: CheckContext, _helper: CheckActor) -> Finding:
    yield from ()
    return Arguments()


def _any_region(_context: CheckContext, _helper: CheckActor) -> Finding:
    yield from ()
    return Arguments({"region": ""})


def _account(context: CheckContext, helper: CheckActor) -> Finding:
    yield from ()
    return Arguments({"user_id": context.user_id(helper)})


def _unchanged_account(context: CheckContext, helper: CheckActor) -> Finding:
    account = yield from _account(context, helper)
    return Arguments(account.path, {})


def _flag(context: CheckContext, helper: CheckActor) -> Finding:
    learnt = yield from perf_flag(context, helper)
    unchanged = {"is_enabled": bool(field_of(learnt.row, "is_enabled"))}
    return Arguments({"flag_name": str(learnt.row["flag_name"])}, unchanged)


def _lead(context: CheckContext, _helper: CheckActor) -> Finding:
    yield from ()
    return Arguments(body=new_lead(context))


def _policy(context: CheckContext, helper: CheckActor) -> Finding:
    body = yield from new_policy(context, helper)
    return Arguments(body=body)


def _ticket(context: CheckContext, helper: CheckActor) -> Finding:
    body = yield from new_ticket(context, helper)
    return Arguments(body=body)


def _id(
    kind: str, learn: Callable[[CheckContext, CheckActor], Learning], body: Mapping[str, Any] | None = None
) -> Callable[[CheckContext, CheckActor], Finding]:
    def find(context: CheckContext, helper: CheckActor) -> Finding:
        learnt = yield from learn(context, helper)
        return Arguments({kind: str(learnt.row[kind])}, body)

    return find


def _tickets(context: CheckContext, helper: CheckActor) -> Learning:
    return (yield from listed(context, Send(helper, "tickets.list"), "ticket_id"))


_SALE = ("agents.profile", "policies.list")
_READ: Mapping[str, ArgumentSource] = {
    "": ArgumentSource(_nothing),
    "region": ArgumentSource(_any_region),
    "user_id": ArgumentSource(_account),
    "agent_id": ArgumentSource(_id("agent_id", own_agent), SENIOR, ("agents.profile",)),
    "policy_id": ArgumentSource(_id("policy_id", policies_of), SENIOR, ("policies.list",)),
    "ticket_id": ArgumentSource(_id("ticket_id", _tickets), SUPPORT, ("tickets.list",)),
}
"""`{name}` of the path → how it is found for an operation that reads."""
_WRITTEN: Mapping[str, ArgumentSource] = {
    "user_id": ArgumentSource(_unchanged_account),
    "policy_id": ArgumentSource(_id("policy_id", made_policy), SENIOR, (*_SALE, "policies.create"), "policy"),
    "lead_id": ArgumentSource(_id("lead_id", made_lead), SENIOR, ("leads.create",), "lead"),
    "ticket_id": ArgumentSource(_id("ticket_id", made_ticket), SUPPORT, ("policies.list", "tickets.create"), "ticket"),
}
"""The same for an operation that writes."""
_WITH_BODY: Mapping[str, ArgumentSource] = {
    "policies.create": ArgumentSource(_policy, SENIOR, _SALE),
    "leads.create": ArgumentSource(_lead),
    "tickets.create": ArgumentSource(_ticket, SUPPORT, ("policies.list",)),
    "tickets.status": ArgumentSource(
        _id("ticket_id", made_ticket, {"status": "in_progress"}),
        SUPPORT,
        ("policies.list", "tickets.create"),
        "ticket",
    ),
    "flags.update": ArgumentSource(_flag, SUPER, ("flags.list",)),
}
"""The same for single operations."""
