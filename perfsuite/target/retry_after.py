"""Waits where the target's rate limit answers: before the load and after it, never within it.

Outside the load nothing is measured, so what counts is that the work gets done, at the pace that the target allows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from perfsuite.clock import utc_s
from perfsuite.target.exchange import Answer, Request, Transport

TOO_MANY = 429
MOST_S = 30.0
"""So long is waited for one request. Whoever is told to wait longer has run into a limit that hinders a load anyway."""
_FIRST_S = 0.5


class RetryAfterClient:
    """A transport that sends a request again where it was answered with 429, after the time that the target asks for.

    Once a request was not let through in `MOST_S`, nothing is waited for any more.
    """

    def __init__(
        self,
        transport: Transport,
        tell: Callable[[str], None] = lambda _line: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._tell = tell
        self._sleep = sleep
        self._told = False
        self._given_up = False

    def exchange(self, request: Request) -> Answer:
        """The answer, which is 429 only where waiting did not help."""
        waited_s, guess_s = 0.0, _FIRST_S
        while (answer := self._transport.exchange(request)).status == TOO_MANY and not self._given_up:
            wait_s = max(asked_wait_s(answer.header("retry-after"), answer.header("date")) or guess_s, _FIRST_S)
            guess_s *= 2
            if waited_s + wait_s > MOST_S:
                self._given_up = True
                break
            self._say(request)
            self._sleep(wait_s)
            waited_s += wait_s
        return answer

    def _say(self, request: Request) -> None:
        if not self._told:
            self._told = True
            path = request.target.split("?")[0]
            self._tell(f"The target's rate limit answers (HTTP 429 to {request.method} {path}): going on more slowly")

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def asked_wait_s(retry_after: str, date: str = "") -> float | None:
    """How long a Retry-After header asks to wait, s; None where there is none or it cannot be read.

    One that names a moment counts from `date`, the target's own clock in the header Date; from ours without it.
    """
    try:
        seconds = float(retry_after)
    except ValueError:
        moment_s = http_date_s(retry_after)
        now_s = http_date_s(date) or utc_s()
        return None if moment_s is None else max(moment_s - now_s, 0.0)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def http_date_s(date: str) -> float | None:
    """The moment that a header names, UTC epoch s; None where it names none."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
