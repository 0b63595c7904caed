"""Why requests failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from perfsuite.format import duration, number, ordinal
from perfsuite.messages import Message
from perfsuite.messages.failures import FailureMessage


class FailureKind(StrEnum):
    """Why a request failed."""

    STATUS = "http status"
    WRONG_ANSWER = "wrong answer"  # the status was fine, the content was not
    REDIRECT = "redirect"
    RATE_LIMIT = "rate limit"  # 429
    CONNECTION_REFUSED = "connection refused"
    CONNECTION_LOST = "connection lost"
    INVALID_RESPONSE = "invalid response"  # not HTTP/1.1, or not framed or encoded as its head says
    IDLE_CLOSED = "idle connection closed"  # by the target, just as a request was sent over it
    TIMEOUT = "timeout"
    NAME_NOT_FOUND = "name not found"
    TLS = "tls"
    PROXY = "proxy"  # the proxy is unreachable, or does not connect to the target
    NOT_STARTED = "not started"  # open model: due, but never begun
    UNFINISHED = "unfinished"  # still waiting for an answer when the run had to end
    GENERATOR = "generator"  # a limit of the load machine (ports, open files, buffers, memory): it never left it
    SUITE_ERROR = "suite error"  # an unexpected exception in the suite or in a role; no statement on the target

    @property
    def never_answered(self) -> bool:
        """True where the target was asked and no HTTP answer came back at all."""
        return self in _NEVER_ANSWERED


_NEVER_ANSWERED = frozenset(
    {
        FailureKind.CONNECTION_REFUSED,
        FailureKind.CONNECTION_LOST,
        FailureKind.INVALID_RESPONSE,
        FailureKind.IDLE_CLOSED,
        FailureKind.TIMEOUT,
        FailureKind.NAME_NOT_FOUND,
        FailureKind.TLS,
        FailureKind.PROXY,
        FailureKind.UNFINISHED,
    }
)
NEVER_THE_TARGETS = frozenset({FailureKind.SUITE_ERROR, FailureKind.GENERATOR})
"""Failures of the load machine and of the suite: they say nothing about the target."""

LEFT_OUT = frozenset(
    {
        FailureKind.STATUS,
        FailureKind.WRONG_ANSWER,
        FailureKind.REDIRECT,
        FailureKind.RATE_LIMIT,
        *NEVER_THE_TARGETS,
    }
)
WAITED_IN_VAIN = frozenset({FailureKind.TIMEOUT, FailureKind.UNFINISHED, FailureKind.NOT_STARTED})
LONG_WAIT_US = 1_000_000
"""From here on a connection that failed has kept its user waiting: one second is the limit up to which a user's flow
of thought is kept (Nielsen 1993)."""


def stays_in(kind: str, elapsed_us: int) -> bool:
    """Does the time of a failed request count in the response times that targets judge?

    Not where an HTTP answer came: an error is not speed. Nor where the suite or its machine failed. It does where the
    user waited in vain (timeout, unfinished, not started): to leave these out would hide the worst moments. Of all
    other failures, such as a refused connection, one that came back within a second is an error like those that were
    answered, and a slower one is a wait.
    """
    return kind in WAITED_IN_VAIN or (kind not in LEFT_OUT and elapsed_us >= LONG_WAIT_US)


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Why a request failed. The message contains no secret."""

    kind: FailureKind
    message: str


_MAX_MESSAGE = 300

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"eyJ[\w.-]+|PERF-[\w-]+|(?<=Bearer )\S+|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{16,}\b")
_NUMBER = re.compile(r"\d{4,}")


def without_ids(message: str) -> str:
    """The message with ids, tokens and long numbers replaced, so that alike failures are one group."""
    return _NUMBER.sub("{n}", _TOKEN.sub("{…}", _UUID.sub("{id}", message)))[:_MAX_MESSAGE]


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


MANY_OPERATIONS = 3
"""From here on failures with one message count as spread."""


@dataclass(frozen=True, slots=True)
class FailurePattern:
    """All failures of one kind and message, over all roles and operations. Times are UTC epoch seconds.

    `operations` and `roles` that met it, the most frequent first. `every_requests`: after how many requests it came
    again, None where no such number can be seen; `exact`: it was always the same. `every_s`: after how many seconds,
    None where neither is regular. `seen_before`: what had failed in the same way before the load, as "operation as
    role"; None where that was not looked at.
    """

    kind: str
    message: str
    count: int
    operations: tuple[str, ...]
    roles: tuple[str, ...]
    first_seen: int
    last_seen: int
    every_requests: int | None = None
    exact: bool = False
    every_s: float | None = None
    seen_before: tuple[str, ...] | None = None
    request_id: str = ""
    """One of them, to be looked for in the server's log."""

    @property
    def what(self) -> str:
        """Kind and message: "HTTP 500: …", "timeout: no answer in time"; once where both are the same."""
        return self.message if self.kind in (FailureKind.STATUS, self.message) else f"{self.kind}: {self.message}"

    @property
    def where(self) -> str:
        """ "in policies.list as policyholder", "across 6 operations"."""
        if len(self.operations) > 1:
            return f"across {number(len(self.operations))} operations"
        return f"in {self.operations[0]}" + (f" as {self.roles[0]}" if len(self.roles) == 1 else "")

    @property
    def spacing(self) -> str:
        """ "about every 101st request, every 2.1 s"; "" where nothing is regular."""
        if self.every_s is None:
            return ""
        seconds = f"every {duration(self.every_s)}"
        if self.every_requests is None:
            return f"about {seconds}"
        return f"{'' if self.exact else 'about '}every {ordinal(self.every_requests)} request, {seconds}"

    @property
    def sentence(self) -> Message:
        """ "HTTP 500: …, 40 times, every 101st request, across 8 operations: likely …; not seen before the load"."""
        times = "once" if self.count == 1 else f"{number(self.count)} times"
        fields = {"what": self.what, "times": times, "where": self.where}
        if self.spacing:
            sentence = FailureMessage.REGULAR_PATTERN(**fields, spacing=self.spacing)
        else:
            sentence = FailureMessage.PATTERN(**fields)
        in_front = self.every_requests is not None and len(self.operations) >= MANY_OPERATIONS
        if in_front and self.kind not in NEVER_THE_TARGETS:
            sentence = sentence.also(FailureMessage.LIKELY_IN_FRONT(), separator=": ")
        if self.seen_before is None:
            return sentence
        before = FailureMessage.SEEN_BEFORE(where=self.seen_before[:3])
        return sentence.also(before if self.seen_before else FailureMessage.NOT_SEEN_BEFORE())


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
