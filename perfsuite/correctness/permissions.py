"""What a role may not do, and what nobody may do without a valid token, is refused however busy the target is.

A request that must be refused could be granted otherwise: see `arguments`. So a target that forgets to refuse it shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from perfsuite.correctness.arguments import ArgumentSource, source_of
from perfsuite.correctness.check import (
    NO_DATA,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Reply,
    Send,
    Steps,
    TokenKind,
    Unanswered,
    Violated,
    ask,
    succeeded,
)
from perfsuite.correctness.facts import forget_listed, forget_made
from perfsuite.correctness.refusal import refusal
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import object_of
from perfsuite.target.contract_rules import HOLDER, PUBLIC, ROLES_BY_OPERATION, SUPER, refused_roles

REFUSED_ROLE = "refused to other roles"
REFUSED_TOKENS: Mapping[TokenKind, str] = {
    TokenKind.NONE: "refused without a token",
    TokenKind.FORGED: "refused with a forged token",
    TokenKind.UNSIGNED: "refused with an unsigned token",
    TokenKind.EXPIRED: "refused with an expired token",
}
DEACTIVATED = "refused to deactivated accounts"
NEVER_EXPIRED = "it needs a token that has expired, and fresh sessions have none"
NO_STATUS = WhyNot.NO_STATUS()
NOT_ACTIVE = WhyNot.NOT_ACTIVE()
REACTIVATED = WhyNot.REACTIVATED()

SPARE = CheckActor(HOLDER, -3)
"""The account that is deactivated: no user of the load has it, and no other check."""
_TRIES = 3
_TRY_AGAIN_S = 0.5


def checks() -> Iterator[Check]:
    """Every route with every role that it must be refused to, and with every token that is not valid."""
    for name in routes():
        for role in sorted(refused_roles(name)):
            yield _refused(REFUSED_ROLE, Send(CheckActor(role), name), 403)
        for kind, rule in REFUSED_TOKENS.items():
            if kind is TokenKind.NONE or not CATALOGUE[name].writes:
                yield _refused(rule, Send(CheckActor(min(ROLES_BY_OPERATION[name])), name, token=kind), 401)
    admin = CheckActor(SUPER)
    uses = ("users.update", "users.read")
    yield Check(
        Invariant.PERMISSIONS,
        DEACTIVATED,
        "users.me",
        (SPARE, admin),
        5,
        _deactivated,
        writes=True,
        uses=uses,
        spare=True,
        restoring=1,
    )


def refused_too(allowed: Mapping[str, Collection[str]]) -> Iterator[Check]:
    """Of operations whose roles are these: those that the contract lets in and these do not."""
    for name, roles in allowed.items():
        for role in sorted(ROLES_BY_OPERATION[name].difference(roles)):
            yield _refused(REFUSED_ROLE, Send(CheckActor(role), name), 403)


def routes() -> list[str]:
    """An operation for each route that needs a login: the first of the catalogue."""
    found: dict[tuple[str, str], str] = {}
    for name, operation in CATALOGUE.items():
        if name in ROLES_BY_OPERATION and name not in PUBLIC:
            found.setdefault((operation.method, operation.template), name)
    return list(found.values())


def _refused(rule: str, send: Send, status: int) -> Check:
    source, actor = source_of(send.operation), send.actor
    helper = CheckActor(source.role) if source.role else actor
    # To a role that may not see a row, there may be none.
    wanted = (status, 404) if status == 403 and "{" in CATALOGUE[send.operation].template else (status,)

    def steps(context: CheckContext) -> Steps:
        found = yield from source.find(context, helper)
        reply = yield from ask(replace(send, path=found.path, body=found.body))
        outcome = refusal(reply, wanted)
        if (
            isinstance(outcome, Held)
            and reply.status == 404
            and actor != helper
            and not CATALOGUE[send.operation].writes
        ):
            outcome = yield from _of_a_row(context, Send(helper, send.operation, found.path), source)
        if source.made and not isinstance(outcome, Held):
            forget_made(context, source.made, helper)
        return outcome

    writes = any(CATALOGUE[each].writes for each in (send.operation, *source.uses))
    actors = tuple(dict.fromkeys((actor, helper)))
    requests, no_replay = 1 + len(source.uses), NEVER_EXPIRED if send.token is TokenKind.EXPIRED else ""
    return Check(
        Invariant.PERMISSIONS,
        rule,
        send.operation,
        actors,
        requests,
        steps,
        writes,
        uses=source.uses,
        no_replay=no_replay,
    )


def _of_a_row(context: CheckContext, right: Send, source: ArgumentSource) -> Steps:
    """Held where the row that was not found is there; it may have been deleted since. `right`: by who sees it."""
    reply = yield from ask(right)
    if reply.ok:
        return Held()
    for operation in source.uses:
        forget_listed(context, operation, right.actor)
    return NotChecked(NO_DATA)


# ── accounts that are deactivated ───────────────────────────────────────────────────────────────────


def _deactivated(context: CheckContext) -> Steps:
    admin, path = CheckActor(SUPER), {"user_id": context.user_id(SPARE)}
    if _status((yield from succeeded(Send(admin, "users.read", path)))) != "active":
        return NotChecked(NOT_ACTIVE)
    before = context.will_change(SPARE, "status", "active", by=admin)
    try:
        changed = yield from ask(Send(admin, "users.update", path, {"status": "inactive"}))
        if 400 <= changed.status < 500:
            context.put_back(SPARE, "status")
            return NotChecked(NO_STATUS)
        outcome = yield from _while_inactive(admin, path, changed)
    except Unanswered as why:
        outcome = NotChecked(str(why))
    restoring = Send(admin, "users.update", path, {"status": before}, restores=True)
    for attempt in range(_TRIES):
        if attempt:
            yield _TRY_AGAIN_S
        with suppress(Unanswered):  # cleanup restores it where nothing else does
            reply = yield from ask(restoring)
            if _status(reply) == before:
                context.put_back(SPARE, "status")
                break
    return outcome


def _while_inactive(admin: CheckActor, path: Mapping[str, str], changed: Reply) -> Steps:
    if _status(changed) != "inactive":
        return NotChecked(NO_STATUS)
    reply = yield from ask(Send(SPARE, "users.me", token=TokenKind.DEACTIVATED))
    outcome = refusal(reply, (401, 403), changed)
    if isinstance(outcome, Violated):
        now = yield from succeeded(Send(admin, "users.read", path))
        if _status(now) != "inactive":
            return NotChecked(REACTIVATED)
    return outcome


def _status(reply: Reply) -> str:
    """Of the account in an answer; "" without one."""
    return str(object_of(reply.body).get("status", "")) if reply.ok else ""
