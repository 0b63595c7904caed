"""Why requests failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a request failed."""

    STATUS = "http status"
    WRONG_ANSWER = "wrong answer"  # the status was fine, the content was not
    REDIRECT = "redirect"
    RATE_LIMIT = "rate limit"  # 429
    CONNECTION_REFUSED = "connection refused"
    CONNECTION_LOST = "connection lost"
    TIMEOUT = "timeout"
    NAME_NOT_FOUND = "name not found"
    TLS = "tls"
    PROXY = "proxy"  # the proxy is not there, or opens no way to the target
    NOT_STARTED = "not started"  # open model: due, but never begun
    UNFINISHED = "unfinished"  # still waiting for an answer when the run had to end
    SUITE_ERROR = "suite error"  # an unexpected exception in the suite or in a role; no statement on the target

    @property
    def never_answered(self) -> bool:
        """True where no HTTP answer came back at all."""
        return self in _NEVER_ANSWERED


_NEVER_ANSWERED = frozenset(
    {
        FailureKind.CONNECTION_REFUSED,
        FailureKind.CONNECTION_LOST,
        FailureKind.TIMEOUT,
        FailureKind.NAME_NOT_FOUND,
        FailureKind.TLS,
        FailureKind.PROXY,
        FailureKind.UNFINISHED,
    }
)


LEFT_OUT = frozenset(
    {
        FailureKind.STATUS,
        FailureKind.WRONG_ANSWER,
        FailureKind.REDIRECT,
        FailureKind.RATE_LIMIT,
        FailureKind.SUITE_ERROR,
    }
)
WAITED_IN_VAIN = frozenset({FailureKind.TIMEOUT, FailureKind.UNFINISHED, FailureKind.NOT_STARTED})
LONG_WAIT_US = 1_000_000
"""From here on a connection that failed has kept its user waiting: one second is the limit up to which a user's flow
of thought is kept (Nielsen 1993)."""


def stays_in(kind: str, elapsed_us: int) -> bool:
    """Does the time of a failed request count in the response times that targets judge?

    Not where an HTTP answer came: an error is not speed. Nor where the suite itself failed. It does where the user
    waited in vain (timeout, unfinished, not started): to leave these out would hide the worst moments. Of all other
    failures, such as a refused connection, one that came back within a second is an error like those that were
    answered, and a slower one is a wait.
    """
    return kind in WAITED_IN_VAIN or (kind not in LEFT_OUT and elapsed_us >= LONG_WAIT_US)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of the same kind, with ids stripped from the message. Times are UTC epoch seconds."""

    role: str
    operation: str
    kind: str
    message: str
    count: int
    first_seen: int
    last_seen: int
    request_id: str


@dataclass(frozen=True, slots=True)
class SuiteErrorGroup:
    """Errors of the suite itself with one place and message; no statement on the target.

    `place`: "module:line function". `message`: "ExceptionType: message". `log`: the file in the run's folder that
    holds the traceback; "" where there is none.
    """

    place: str
    message: str
    count: int
    log: str = ""
