"""Passwords and tokens."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mitra_backend.permissions import canonical_role

ALGORITHM = "HS256"
# OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
MEMORY_COST_KIB = 19 * 1024
TIME_COST = 2
_MAX_KNOWN_TOKENS = 2000


def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_COST_KIB, parallelism=1)


def hash_password(password: str) -> str:
    """Return the argon2id hash with its parameters and salt."""
    return _hasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Return whether the password fits. Takes tens of milliseconds on purpose."""
    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def verify_at_cost(password_hash: str, password: str, cost_s: float) -> bool:
    """Return whether the password fits, after `cost_s` of processor time outside the interpreter lock."""
    until = time.thread_time() + cost_s
    fits = verify_password(password_hash, password)
    while time.thread_time() < until:
        hashlib.pbkdf2_hmac("sha256", b"only to take time", b"salt", 2_000)
    return fits


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the token says. The three last ids are None where the role has none."""

    user_id: str
    role: str
    permissions: frozenset[str]
    expires_at: float
    agent_id: str | None = None
    policyholder_id: str | None = None
    provider_id: str | None = None


class TokenError(Exception):
    """The token is not ours, not whole, or too old; the text is for the client."""


class Tokens:
    """Makes and reads access tokens."""

    def __init__(self, secret_key: str, lifetime_s: int) -> None:
        self._secret_key = secret_key
        self.lifetime_s = lifetime_s
        self._known: dict[str, Caller] = {}

    def issue(self, claims: dict[str, Any], kind: str = "access") -> str:
        """Return a signed token with the claims, its kind and its time of expiry."""
        # Seconds, not dates: no calendar has room for every lifetime.
        now = int(time.time())
        return jwt.encode(
            {**claims, "iat": now, "exp": now + self.lifetime_s, "type": kind}, self._secret_key, ALGORITHM
        )

    def read(self, token: str) -> Caller:
        """Return the caller; raises TokenError. Verified tokens are remembered until they expire."""
        caller = self._known.get(token)
        if caller is None:
            caller = self._verify(token)
            if len(self._known) >= _MAX_KNOWN_TOKENS:
                self._known.clear()
            self._known[token] = caller
        if caller.expires_at <= time.time():
            self._known.pop(token, None)
            raise TokenError("Token has expired")
        return caller

    def _verify(self, token: str) -> Caller:
        try:
            claims = jwt.decode(token, self._secret_key, [ALGORITHM], options={"require": ["sub", "exp", "type"]})
        except jwt.ExpiredSignatureError:
            raise TokenError("Token has expired") from None
        except jwt.InvalidTokenError:
            raise TokenError("Invalid token") from None
        if claims["type"] != "access":
            raise TokenError("Invalid token")
        roles = claims.get("roles") or [""]
        return Caller(
            user_id=claims["sub"],
            role=canonical_role(roles[0]),
            permissions=frozenset(claims.get("permissions", ())),
            expires_at=float(claims["exp"]),
            agent_id=claims.get("agent_id"),
            policyholder_id=claims.get("policyholder_id"),
            provider_id=claims.get("provider_id"),
        )
