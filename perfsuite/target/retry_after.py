"""Waits for the target's rate limit: before and after the load, never during it.

Outside the load nothing is measured: the suite does its work at the pace that the target allows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from perfsuite.clock import utc_s
from perfsuite.messages.target import TargetMessage
from perfsuite.target.exchange import Answer, Request, Transport

TOO_MANY = 429
MOST_S = 30.0
"""The longest wait for one request. A target that asks for more has a limit that hinders a load anyway."""
_FIRST_S = 0.5


class RetryAfterClient:
    """A transport that repeats a request that was answered with 429, after the time that the target asks for.

    Once a request did not get through within `MOST_S`, it waits no more. `report` gets one line about the first wait.
    """

    def __init__(
        self,
        transport: Transport,
        report: Callable[[str], None] = lambda _line: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._report = report
        self._sleep = sleep
        self._reported = False
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
            self._report_wait(request)
            self._sleep(wait_s)
            waited_s += wait_s
        return answer

    def _report_wait(self, request: Request) -> None:
        if not self._reported:
            self._reported = True
            self._report(TargetMessage.RATE_LIMITED(method=request.method, path=request.target.split("?")[0]))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def asked_wait_s(retry_after: str, date: str = "") -> float | None:
    """The wait in s that a Retry-After header asks for; None without one or where it cannot be read.

    A time counts from `date`, the target's clock in the header Date, or without it from ours.
    """
    try:
        seconds = float(retry_after)
    except ValueError:
        until_s = http_date_s(retry_after)
        now_s = http_date_s(date) or utc_s()
        return None if until_s is None else max(until_s - now_s, 0.0)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def http_date_s(date: str) -> float | None:
    """The time in a header, UTC epoch s; None where there is none."""
    try:
        time_of_day = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (time_of_day if time_of_day.tzinfo else time_of_day.replace(tzinfo=UTC)).timestamp()
