"""What is refused without load is refused the same way under it, and what is right never gets an error of the server.

Requests that nobody can grant are made once before the load: with ids that do not exist, pages that are too long,
bodies without what they need, by roles that may not make them. Under load each must get the same status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.correctness.arguments import source_of
from perfsuite.correctness.check import (
    SERVER_ERROR,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Send,
    Steps,
    Unanswered,
    Violated,
    answered,
    ask,
)
from perfsuite.correctness.drive import Carrier
from perfsuite.correctness.permissions import routes
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import (
    HOLDER,
    JUNIOR,
    PROVIDER,
    REGIONAL,
    ROLES_BY_OPERATION,
    SENIOR,
    SUPER,
    SUPPORT,
)

SAME_REFUSAL = "refused as before the load"
NO_SERVER_ERROR = "no error of the server"
NOT_REFUSED_BEFORE = "it is not known how it was refused before the load"

BEFORE = "statuses before the load"
"""What `CheckContext.known` has them under: `Refusal.name` → status."""
_ALWAYS_RIGHT = "users.me"
_NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that must be refused, whoever asks."""

    role: str
    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Identifies it."""
        return f"{self.operation} as {self.role}"

    def send(self, context: CheckContext) -> Send:
        """The request. A creation has its mark and nothing else: cleanup finds what should not have been made."""
        operation = CATALOGUE[self.operation]
        body = {operation.marked_by: context.new_mark()} if operation.creates else self.body
        return Send(CheckActor(self.role), self.operation, self.path, body, query=self.query)


REFUSALS = (
    Refusal(SUPER, "policies.read", {"policy_id": _NOBODY}),
    Refusal(SUPER, "users.read", {"user_id": _NOBODY}),
    Refusal(PROVIDER, "agents.read", {"agent_id": _NOBODY}),
    Refusal(REGIONAL, "agents.customers", {"agent_id": _NOBODY}),
    Refusal(SUPPORT, "tickets.read", {"ticket_id": _NOBODY}),
    Refusal(HOLDER, "policies.coverage", {"policy_id": _NOBODY}),
    Refusal(HOLDER, "policies.list", query={"limit": "1000"}),
    Refusal(SENIOR, "leads.list", query={"offset": "-1"}),
    Refusal(SUPPORT, "users.list", query={"limit": "none"}),
    Refusal(HOLDER, "users.list"),
    Refusal(JUNIOR, "dashboard.system"),
    Refusal(JUNIOR, "leads.create"),
    Refusal(SENIOR, "policies.create"),
    Refusal(SUPPORT, "tickets.status", {"ticket_id": _NOBODY}, body={"status": "in_progress"}),
)


def checks() -> Iterator[Check]:
    """The requests that must be refused, and a right one for each route that reads, as every role that may make it."""
    for each in REFUSALS:
        yield _same_refusal(each)
    for name in routes():
        if not CATALOGUE[name].writes:
            for role in sorted(ROLES_BY_OPERATION[name]):
                if source_of(name).role in ("", role):
                    yield _answered(name, CheckActor(role))


def statuses(
    context: CheckContext, carrier: Carrier, possible: Callable[[Check], bool] = lambda _check: True
) -> dict[str, int]:
    """How the target refuses now: `Refusal.name` → status. Requests that it is too busy for, or grants, are left out.

    `possible`: whether a check of such a request can be made.
    """
    found: dict[str, int] = {}
    for each in filter(lambda refusal: possible(_same_refusal(refusal)), REFUSALS):
        try:
            (reply,) = carrier.exchange((each.send(context),))
            answered(reply)
        except Unanswered:
            continue
        if 400 <= reply.status < SERVER_ERROR:
            found[each.name] = reply.status
    return found


def _same_refusal(refusal: Refusal) -> Check:
    def steps(context: CheckContext) -> Steps:
        before = context.known.get(BEFORE, {}).get(refusal.name)
        if before is None:
            return NotChecked(NOT_REFUSED_BEFORE)
        reply = yield from ask(refusal.send(context))
        if reply.status == before:
            return Held()
        if 400 <= reply.status < SERVER_ERROR:
            # A gateway that finds the load too much may refuse whatever this account asks for.
            right = yield from ask(Send(reply.send.actor, _ALWAYS_RIGHT))
            if reply.is_page or not right.ok:
                return NotChecked(reply.outcome)
        return Violated(f"HTTP {before}, as before the load", f"HTTP {reply.status}", (reply,))

    writes = CATALOGUE[refusal.operation].writes
    actors = (CheckActor(refusal.role),)
    return Check(
        Invariant.ERRORS, SAME_REFUSAL, refusal.operation, actors, 1, steps, writes, True, shares_accounts=True
    )


def _answered(name: str, actor: CheckActor) -> Check:
    source = source_of(name)

    def steps(context: CheckContext) -> Steps:
        found = yield from source.find(context, actor)
        reply = yield from ask(Send(actor, name, found.path, found.body))
        if reply.status == SERVER_ERROR:
            return Violated(NO_SERVER_ERROR, f"HTTP {reply.status}", (reply,))
        return Held() if reply.ok else NotChecked(f"answered with HTTP {reply.status}")

    uses = source.uses
    return Check(Invariant.ERRORS, NO_SERVER_ERROR, name, (actor,), 1 + len(uses), steps, uses=uses)
