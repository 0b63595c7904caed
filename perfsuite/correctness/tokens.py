"""Tokens that a target must refuse."""

from __future__ import annotations

import base64

import msgspec

from perfsuite.correctness.check import TokenKind, Unavailable
from perfsuite.messages.checks import WhyNot
from perfsuite.target.session import Session
from perfsuite.target.token import claims_of

NONE_EXPIRED = WhyNot.NONE_EXPIRED()
NO_END = WhyNot.NO_END()
NO_SIGNATURE = WhyNot.NO_SIGNATURE()

_PARTS = 3
"""Of a JSON Web Token: header, claims and signature."""
_UNSIGNED_HEAD = {"alg": "none", "typ": "JWT"}


def token_for(kind: TokenKind, session: Session) -> str:
    """What a request shows in place of the session's token; "" for none. Raises Unavailable where there is no such."""
    own = session.token
    if kind in (TokenKind.OWN, TokenKind.DEACTIVATED):
        return own
    if kind is TokenKind.NONE:
        return ""
    if kind is TokenKind.EXPIRED:
        if "exp" not in claims_of(own):  # each use may lengthen its life
            raise Unavailable(NO_END)
        if not session.expired_token:
            raise Unavailable(NONE_EXPIRED)
        return session.expired_token
    parts = own.split(".")
    if len(parts) != _PARTS:  # it would be refused as a text that nobody knows, not for its signature
        raise Unavailable(NO_SIGNATURE)
    head, payload, _signature = parts
    if kind is TokenKind.FORGED:
        # The same claims under the signature of somebody who does not know the key.
        return f"{head}.{payload}.{_encoded(bytes(32))}"
    return f"{_encoded(msgspec.json.encode(_UNSIGNED_HEAD))}.{payload}."


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
