"""Tokens that a target must refuse."""

from __future__ import annotations

import base64

import msgspec

from perfsuite.correctness.check import TokenKind

_UNSIGNED_HEAD = {"alg": "none", "typ": "JWT"}


def token_for(kind: TokenKind, own: str) -> str:
    """What a request shows in place of its own token; "" for none."""
    if kind is TokenKind.OWN:
        return own
    if kind is TokenKind.NONE:
        return ""
    head, _, rest = own.partition(".")
    payload = rest.partition(".")[0]
    if kind is TokenKind.FORGED:
        # The same claims under the signature of somebody who does not know the key.
        return f"{head}.{payload}.{_encoded(bytes(32))}"
    return f"{_encoded(msgspec.json.encode(_UNSIGNED_HEAD))}.{payload}."


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
