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
