"""What is refused without load is refused the same way under it, and what is right never gets an error of the server.

Requests that nobody can grant are made once before the load: with ids that do not exist, pages that are too long,
bodies without what they need, by roles that may not make them. Under load each must get the same status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.correctness.arguments import Arguments, ArgumentSource, Finding, source_of
from perfsuite.correctness.check import (
    NO_DATA,
    SERVER_ERROR,
    WITHOUT_LOAD,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Send,
    Steps,
    Unanswered,
    Unavailable,
    Violated,
    answered,
    ask,
)
from perfsuite.correctness.drive import Carrier
from perfsuite.correctness.facts import forget_made
from perfsuite.correctness.permissions import routes
from perfsuite.correctness.possible import NO_ACCOUNT
from perfsuite.correctness.watched import paths, shows_ids
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import IDS
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
NOT_EACH_TIME = WhyNot.NOT_EACH_TIME()
NOT_REFUSED_BEFORE = WhyNot.NOT_REFUSED_BEFORE()

BEFORE = "statuses before the load"
"""What `CheckContext.known` has them under: `Refusal.name` → status."""
TIMES, FOR_S = 3, 5.0
"""An operation fails as a role where so many answers in a row are errors of the server, over so many s. Single ones,
and those of a moment, are failed requests: targets judge them."""
_PAUSE_S = FOR_S / (TIMES - 1)
_FIXED = {"offset": "0", "status": "active", "region": "", "search": "9"}
"""`{name}` of a path that is no id → its value."""
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
                yield _answered(name, CheckActor(role))


def replays() -> Iterator[Check]:
    """What the load's own answers show besides: writes, and other ways to use a route. A run sends none of these."""
    sent = {check.key for check in checks()}
    for name, roles in ROLES_BY_OPERATION.items():
        for role in sorted(roles):
            check = _answered(name, CheckActor(role))
            if check.key not in sent:
                yield check


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
    """Without load one error is enough: none comes by chance."""
    operation, source = CATALOGUE[name], source_of(name) if CATALOGUE[name].writes else None

    def steps(context: CheckContext) -> Steps:
        found = yield from _written(context, source, actor) if source else _readable(context, name, actor)
        send = Send(actor, name, found.path, found.body)
        replies = [(yield from ask(send))]
        while replies[-1].status == SERVER_ERROR and len(replies) < TIMES and not context.known.get(WITHOUT_LOAD):
            yield _PAUSE_S
            replies.append((yield from ask(send)))
        first, *more = replies
        if replies[-1].status == SERVER_ERROR:
            return Violated(NO_SERVER_ERROR, f"HTTP {SERVER_ERROR}", (first, *more[-1:]))
        if more:
            return NotChecked(NOT_EACH_TIME)
        return Held() if first.ok else NotChecked(WhyNot.ANSWERED(outcome=first.outcome))

    uses = source.uses if source else tuple(filter(None, (shows_ids(name, actor.role),)))
    return Check(Invariant.ERRORS, NO_SERVER_ERROR, name, (actor,), 1 + len(uses), steps, operation.writes, uses=uses)


def _written(context: CheckContext, source: ArgumentSource, actor: CheckActor) -> Finding:
    alone = all(actor.role in ROLES_BY_OPERATION[name] for name in source.uses)
    helper = actor if alone else CheckActor(source.role)
    if helper.role not in context.known.get(WITHOUT_LOAD, (helper.role,)):
        raise Unavailable(NO_ACCOUNT)
    found = yield from source.find(context, helper)
    if source.made:
        forget_made(context, source.made, helper)  # afterwards it may be gone
    return found


def _readable(context: CheckContext, name: str, actor: CheckActor) -> Finding:
    """Of a row that the actor may see."""
    operation = CATALOGUE[name]
    if IDS.isdisjoint(operation.names):
        return Arguments({key: _FIXED[key] for key in operation.names})
    found = yield from paths(context, operation, actor)
    if not found:
        raise Unanswered(NO_DATA)
    return Arguments(found[0])
