"""What a violation shows of the requests that led to it."""

from __future__ import annotations

from perfsuite.correctness.check import Reply, TokenKind, shortened
from perfsuite.model.correctness import Exchanged
from perfsuite.target.catalogue import CATALOGUE


def exchanged(reply: Reply) -> Exchanged:
    """The evidence of one reply. Neither tokens nor bodies are in it."""
    send, operation = reply.send, CATALOGUE[reply.send.operation]
    actor = str(send.actor) if send.token is TokenKind.OWN else f"{send.actor}, token {send.token}"
    path = operation.path.format_map({name: shortened(value) for name, value in send.path.items()})
    if send.query:
        more = "&".join(f"{name}={shortened(value)}" for name, value in send.query.items())
        path += f"{'&' if '?' in path else '?'}{more}"
    return Exchanged(actor, send.operation, f"{operation.method} {path}", reply.request_id, reply.sent_at, reply.status)
