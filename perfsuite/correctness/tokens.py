"""Tokens that a target must refuse."""

from __future__ import annotations

import base64

import msgspec

from perfsuite.correctness.check import TokenKind, Unanswered
from perfsuite.target.session import Session

NONE_EXPIRED = "no token has expired yet"

_UNSIGNED_HEAD = {"alg": "none", "typ": "JWT"}


def token_for(kind: TokenKind, session: Session) -> str:
    """What a request shows in place of the session's token; "" for none. Raises Unanswered where there is no such."""
    own = session.token
    if kind in (TokenKind.OWN, TokenKind.DEACTIVATED):
        return own
    if kind is TokenKind.NONE:
        return ""
    if kind is TokenKind.EXPIRED:
        if not session.expired_token:
            raise Unanswered(NONE_EXPIRED)
        return session.expired_token
    head, _, rest = own.partition(".")
    payload = rest.partition(".")[0]
    if kind is TokenKind.FORGED:
        # The same claims under the signature of somebody who does not know the key.
        return f"{head}.{payload}.{_encoded(bytes(32))}"
    return f"{_encoded(msgspec.json.encode(_UNSIGNED_HEAD))}.{payload}."


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
