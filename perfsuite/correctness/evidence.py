"""What a violation shows of the requests that led to it: no secret, even if the target repeats one, and of the target's
data ids alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from perfsuite.correctness.check import Reply, TokenKind, Violated, shortened
from perfsuite.model import Account
from perfsuite.model.correctness import CheckStep, Exchanged
from perfsuite.suite_errors import without_secrets
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.journal import is_mark

_OF_THE_SUITE = frozenset({"limit", "offset", "status", "flag_name"})
"""Whose values say nothing about anybody."""
_ACTOR = re.compile(r"\b([a-z_]+)#(-?\d+)")
"""See CheckActor."""


def secrets_of(accounts: Iterable[Account], more: Iterable[str] = ()) -> frozenset[str]:
    """What must be in no evidence: phone numbers and passwords, and `more`; tokens are recognised."""
    return frozenset(text for one in accounts for text in (one.phone_number, one.password)).union(more)


def without_secrets_of(outcome: Violated, secrets: Collection[str]) -> Violated:
    """The same violation; its texts hold none of these."""
    expected, seen = without_secrets(outcome.expected, secrets), without_secrets(outcome.seen, secrets)
    return replace(outcome, expected=expected, seen=seen)


def numbered(text: str, numbers: Mapping[str, Sequence[int]]) -> str:
    """The same text, with accounts called by their number among those of their role in the credentials.

    `numbers`: role → these, in the order in which checks use the accounts.
    """

    def name(found: re.Match[str]) -> str:
        role, position = found[1], int(found[2])
        known, place = numbers.get(role, ()), position - (position > 0)
        return f"{role}#{known[place]}" if -len(known) <= place < len(known) else found[0]

    return _ACTOR.sub(name, text)


def of_violation(
    outcome: Violated, steps: Iterable[CheckStep], secrets: Collection[str], numbers: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """What the record of a violated check has besides its key."""
    outcome = without_secrets_of(outcome, secrets)
    shown = [exchanged(reply, secrets) for reply in outcome.replies]
    return {
        "expected": numbered(outcome.expected, numbers),
        "seen": numbered(outcome.seen, numbers),
        "evidence": tuple(replace(each, actor=numbered(each.actor, numbers)) for each in shown),
        "steps": tuple(replace(step, actor=numbered(step.actor, numbers)) for step in steps),
    }


def exchanged(reply: Reply, secrets: Collection[str] = ()) -> Exchanged:
    """The evidence of one reply. Neither tokens nor bodies are in it."""
    send, operation = reply.send, CATALOGUE[reply.send.operation]
    actor = str(send.actor) if send.token is TokenKind.OWN else f"{send.actor}, token {send.token}"
    path = operation.path.format_map({name: _value(name, value, secrets) for name, value in send.path.items()})
    if send.query:
        more = "&".join(f"{name}={_value(name, value, secrets)}" for name, value in send.query.items())
        path += f"{'&' if '?' in path else '?'}{more}"
    return Exchanged(actor, send.operation, f"{operation.method} {path}", reply.request_id, reply.sent_at, reply.status)


def _value(name: str, value: str, secrets: Collection[str]) -> str:
    """Of a request: an id, a mark, a number of rows …; `{its name}` where it may be somebody's name or phone number."""
    if name.endswith("_id") or name in _OF_THE_SUITE or is_mark(value):
        return shortened(without_secrets(value, secrets))
    return f"{{{name}}}"
