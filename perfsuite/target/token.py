"""The access token of a session: its lifetime, its renewal, its end."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from perfsuite.clock import utc_s
from perfsuite.format import duration
from perfsuite.model import Remark
from perfsuite.target.exchange import Answer
from perfsuite.target.retry_after import asked_wait_s, http_date_s

LIFETIME = "the token's lifetime"
"""Subject of this module's remarks."""
SHORTEST_S = 5.0
"""Shorter lifetimes are ignored: renewing by them would mean a login before every action."""
LONGEST_S = 10 * 366 * 86_400.0
"""Longer lifetimes are ignored, too, such as that of an `exp` in milliseconds: no token would ever expire."""
LONGEST_WAIT_S = 60.0
"""The longest wait before the next login, whatever Retry-After asks for."""
HELD_OFF_S = 60.0
"""An operation that was refused with a fresh token causes no further login within this time."""
_FOR_THE_LOAD = frozenset({408, 425, 429})
"""Client errors that depend on the load: another try may succeed."""
_ROUNDED_S = 1.0
"""Times in tokens and in the header Date are cut to whole seconds: the token may live this much shorter."""

EXPIRED_FOR_S = 300.0
"""So long after its expiry a token certainly has expired: targets may allow for clocks that differ by minutes."""

_UNTIL_REFUSED = "it is used until the target refuses it"


class Token:
    """The token of a session. Times are seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.value = ""
        self.login_rejected = False
        """The last login was refused for itself, not for the load."""
        self._clock = clock
        self._renew_at = self._expires_at = 0.0
        self._login_at = 0.0
        self._expired = self._before = ""
        self._before_expires_at = 0.0
        self.held_off: dict[str, float] = {}
        """Operation → until when, since it was refused with a fresh token, it causes no further login."""

    @property
    def usable(self) -> bool:
        """True while there is a token that is not due for renewal."""
        return bool(self.value) and self._clock() < self._renew_at

    @property
    def alive(self) -> bool:
        """True while there is a token that has not expired."""
        return bool(self.value) and self._clock() < self._expires_at

    @property
    def expired(self) -> str:
        """An earlier token that has certainly expired by now; "" without one."""
        is_over = bool(self._before) and self._clock() >= self._before_expires_at + EXPIRED_FOR_S
        return self._before if is_over else self._expired

    @property
    def login_wait_s(self) -> float:
        """How long the next login has to wait, s; 0 where it may be tried."""
        return max(self._login_at - self._clock(), 0.0) if self._login_at else 0.0

    def take(self, body: Mapping[str, Any], date: str, share: float) -> Remark | None:
        """Take the token of a login's answer, to be renewed after `share` of its life. `date`: its header Date.

        A token without a known or plausible lifetime is used until the target refuses it; a remark reports an
        implausible one.
        """
        self._expired = self.expired
        self._before, self._before_expires_at = self.value, self._expires_at
        self.value, self._login_at, self.login_rejected = str(body["access_token"]), 0.0, False
        life_s, doubt = _life(self.value, body.get("expires_in"), date)
        if life_s is None or doubt:
            life_s = math.inf
        self._expires_at = self._clock() + life_s
        self._renew_at = self._clock() + (life_s - _ROUNDED_S) * share
        return Remark(LIFETIME, _UNTIL_REFUSED, doubt) if doubt else None

    def refused_login(self, answer: Answer) -> None:
        """A login failed. If the target is overloaded and names a time, the next login waits for it."""
        self.login_rejected = 400 <= answer.status < 500 and answer.status not in _FOR_THE_LOAD
        if answer.status in (429, 503):
            wait_s = asked_wait_s(answer.header("retry-after"), answer.header("date")) or 0.0
            self._login_at = self._clock() + min(wait_s, LONGEST_WAIT_S)

    def has_expired(self, operation: str, answer: Answer) -> bool:
        """True when an answer of 401 says that the token has expired, or cannot mean anything else.

        False where the operation was just refused with a fresh token, or no login is possible now.
        """
        if self._is_held_off(operation) or self.login_wait_s:
            return False
        text = f"{answer.header('www-authenticate')} {answer.body[:1000].decode('utf-8', 'replace')}".lower()
        return "expire" in text or self._clock() >= self._expires_at or self._expires_at == math.inf

    def may_renew(self, operation: str) -> bool:
        """After another 401: whether a login may help. True now and then for an operation that stays refused."""
        if self._is_held_off(operation) or self.login_wait_s:
            return False
        self.hold_off(operation)
        return True

    def hold_off(self, operation: str) -> None:
        """The operation was refused with a fresh token: it causes no further login for some time."""
        self.held_off[operation] = self._clock() + HELD_OFF_S

    def accepted(self, operation: str) -> None:
        """The operation succeeded: a later 401 is about the token again."""
        self.held_off.pop(operation, None)

    def _is_held_off(self, operation: str) -> bool:
        return self._clock() < self.held_off.get(operation, -math.inf)


def _life(token: str, expires_in: object, date: str) -> tuple[float | None, str]:
    """A token's lifetime in s, from its `exp` or else from `expires_in`; and why it is implausible, "" where it is not.

    None where neither is there.
    """
    claims = claims_of(token)
    if "exp" in claims:
        expires_at, issued_at = _number(claims["exp"]), _number(claims.get("iat"))
        if expires_at is None:
            return None, f"not known: exp is {_shown(claims['exp'])}"
        # By the target's clock, which may differ from ours.
        now_s = issued_at if issued_at is not None else http_date_s(date) or utc_s()
        life_s = expires_at - now_s
    elif expires_in is None:
        return None, ""
    else:
        number = _number(expires_in)
        if number is None:
            return None, f"not known: expires_in is {_shown(expires_in)}"
        life_s = number
    return life_s, "" if SHORTEST_S <= life_s <= LONGEST_S else duration(life_s)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; {} for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _number(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
