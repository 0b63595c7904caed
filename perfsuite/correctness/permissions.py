"""What a role may not do, it must not do however busy the target is."""

from __future__ import annotations

from collections.abc import Iterator

from perfsuite.correctness.check import Check, CheckActor, Ground, Held, Outcome, Send, Steps, TokenKind, Violated, ask
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import PUBLIC, ROLES_BY_OPERATION, refused_roles

REFUSED_ROLE = "refused to other roles"
ANONYMOUS = "refused without a token"


def checks() -> Iterator[Check]:
    """Every role × operation that must be refused, and every operation without a token."""
    for name in ROLES_BY_OPERATION:
        operation = CATALOGUE[name]
        if operation.writes or "{" in operation.path:
            continue
        for role in sorted(refused_roles(name)):
            yield _refusal(REFUSED_ROLE, Send(CheckActor(role), name), 403)
        if name not in PUBLIC:
            role = min(ROLES_BY_OPERATION[name])
            yield _refusal(ANONYMOUS, Send(CheckActor(role), name, token=TokenKind.NONE), 401)


def _refusal(rule: str, send: Send, status: int) -> Check:
    def steps(_ground: Ground) -> Steps:
        reply = yield from ask(send)
        outcome: Outcome = Held()
        if reply.status != status:
            outcome = Violated(f"HTTP {status}", f"HTTP {reply.status}", (reply,))
        return outcome

    return Check(Invariant.PERMISSIONS, rule, send.operation, (send.actor,), 1, steps)
