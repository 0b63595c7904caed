"""What a violation shows of the requests that led to it: no secret, even if the target repeats one, and of the target's
data ids alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from perfsuite.correctness.check import CheckActor, Reply, TokenKind, Violated, shortened
from perfsuite.model import Account
from perfsuite.model.correctness import CheckStep, Exchanged
from perfsuite.suite_errors import without_secrets
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.journal import is_mark

_OF_THE_SUITE = frozenset({"limit", "offset", "status", "flag_name"})
"""Whose values say nothing about anybody."""


def secrets_of(accounts: Iterable[Account], more: Iterable[str] = ()) -> frozenset[str]:
    """What must be in no evidence: phone numbers and passwords, and `more`; tokens are recognised."""
    return frozenset(text for one in accounts for text in (one.phone_number, one.password)).union(more)


def without_secrets_of(outcome: Violated, secrets: Collection[str]) -> Violated:
    """The same violation; its texts hold none of these."""
    expected, seen = without_secrets(outcome.expected, secrets), without_secrets(outcome.seen, secrets)
    return replace(outcome, expected=expected, seen=seen)


def of_violation(
    outcome: Violated, steps: Iterable[CheckStep], secrets: Collection[str], name: Callable[[CheckActor], str]
) -> dict[str, Any]:
    """What the record of a violated check has besides its key. `name`: see CheckContext."""
    outcome = without_secrets_of(outcome, secrets)
    return {
        "expected": outcome.expected,
        "seen": outcome.seen,
        "evidence": tuple(exchanged(reply, name(reply.send.actor), secrets) for reply in outcome.replies),
        "steps": tuple(steps),
    }


def exchanged(reply: Reply, actor: str, secrets: Collection[str] = ()) -> Exchanged:
    """The evidence of one reply. Neither tokens nor bodies are in it. `actor`: what its account is called."""
    send, operation = reply.send, CATALOGUE[reply.send.operation]
    if send.token is not TokenKind.OWN:
        actor = f"{actor}, token {send.token}"
    template = reply.template or operation.path
    path = template.format_map({name: _value(name, value, secrets) for name, value in send.path.items()})
    if send.query:
        more = "&".join(f"{name}={_value(name, value, secrets)}" for name, value in send.query.items())
        path += f"{'&' if '?' in path else '?'}{more}"
    return Exchanged(actor, send.operation, f"{operation.method} {path}", reply.request_id, reply.sent_at, reply.status)


def _value(name: str, value: str, secrets: Collection[str]) -> str:
    """Of a request: an id, a mark, a number of rows …; `{its name}` where it may be somebody's name or phone number."""
    if name.endswith("_id") or name in _OF_THE_SUITE or is_mark(value):
        return shortened(without_secrets(value, secrets))
    return f"{{{name}}}"
