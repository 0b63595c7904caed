"""One request and its answer: what is sent, what comes back, the server's own time, and who observes it."""

from __future__ import annotations

import itertools
import math
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from perfsuite import __version__
from perfsuite.clock import utc_s
from perfsuite.format import quantity
from perfsuite.model import FailureKind, Remark
from perfsuite.suite_errors import message_of, place_of

USER_AGENT = f"agentmitra-performance/{__version__}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed. The message contains no secret."""

    kind: FailureKind
    message: str


def cut_by(error: BaseException, secrets: Iterable[str] = ()) -> Failure:
    """Why a request that was sent did not end: an error of the suite, or its user was stopped."""
    if isinstance(error, Exception):
        return suite_failure(error, secrets)
    return Failure(FailureKind.UNFINISHED, "cut off before its end")


def suite_failure(error: BaseException, secrets: Iterable[str] = ()) -> Failure:
    """The failure of a request in which the suite or a role raised an exception: "module:line function: …"."""
    return Failure(FailureKind.SUITE_ERROR, f"{place_of(error)}: {message_of(error, secrets)}")


_OF_PROXY = {
    FailureKind.CONNECTION_REFUSED: "nothing listens at the proxy's address",
    FailureKind.NAME_NOT_FOUND: "the name of the proxy is not known",
}


def of_proxy(failure: Failure) -> Failure:
    """The failure behind a proxy: what the connection did not reach was the proxy, not the target."""
    message = _OF_PROXY.get(failure.kind)
    return Failure(FailureKind.PROXY, message) if message else failure


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target` is path and query, beginning with "/"."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class NestedTooDeepError(msgspec.DecodeError):
    """JSON with more levels than can be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Where no answer came, `status` is 0 and `failure` says why.

    `sent_at` is UTC epoch seconds; `elapsed_us` runs from before the send (connecting included) to the
    last byte of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sent_at: float
    elapsed_us: int
    failure: Failure | None = None
    connect_us: int | None = None
    """Connection set-up, part of `elapsed_us`; None where a connection was open."""
    tls_us: int | None = None
    retries: int = 0
    """How often it was sent once more, since the target closed the idle connection that it was sent over."""
    remarks: tuple[Remark, ...] = ()
    """What the client noticed on the way."""

    @property
    def service_us(self) -> int:
        """From the send to the last byte: `elapsed_us` without the connection set-up."""
        return self.elapsed_us - (self.connect_us or 0) - (self.tls_us or 0)

    def server_time(self) -> tuple[int | None, Remark | None]:
        """The server's own time in µs, see `server_time`."""
        return server_time(self.header, self.service_us)

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError when it is not JSON, UnicodeDecodeError when it is not UTF-8."""
        try:
            return msgspec.json.decode(self.body)
        except RecursionError:
            raise NestedTooDeepError("JSON nested too deeply") from None

    def header(self, name: str) -> str:
        """A header by its lower-case name; "" without it. Several headers of one name are joined with commas."""
        return self.headers.get(name, "")


def none_came(sent_at: float) -> Answer:
    """The answer to a request, sent at that time (UTC epoch s), whose transport raised an exception."""
    return Answer(0, {}, b"", sent_at, max(round((utc_s() - sent_at) * 1e6), 0))


class Transport(Protocol):
    """Sends one request to the one host it was made for. Never raises for what the target does."""

    def exchange(self, request: Request) -> Answer:
        """Send and wait for the whole answer. Redirects are not followed."""

    def close(self) -> None:
        """Close the connections."""


class RequestIds:
    """Unique ids for X-Request-ID and traceparent: random per process, counted within it."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(8)
        self._counter = itertools.count(1)

    def headers(self) -> tuple[str, dict[str, str]]:
        """The next id, and the headers that carry it (W3C Trace Context; not sampled, so tracing costs nothing)."""
        number = f"{next(self._counter):016x}"
        request_id = self._prefix + number
        return request_id, {"X-Request-ID": request_id, "traceparent": f"00-{request_id}-{number}-00"}


@dataclass(frozen=True, slots=True)
class Observed:
    """One request as it happened, checked. `sent_at`: UTC epoch seconds."""

    role: str
    behaviour: str
    operation: str
    method: str
    request_id: str
    sent_at: float
    elapsed_us: int
    status: int
    length: int
    failure: Failure | None
    due_at: float | None = None
    """When the request was due, where that was before `sent_at` (open model)."""
    service_us: int | None = None
    server_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    remarks: tuple[Remark, ...] = ()
    """What the answer reported and the suite does not believe, and what the client noticed."""
    retries: int = 0
    expired: bool = False
    """Refused with 401 because the token had expired, and sent again after a login. Neither a success nor a failure of
    the operation."""

    @property
    def response_us(self) -> int:
        """From the moment it was due to the last byte."""
        late_us = 0 if self.due_at is None else round((self.sent_at - self.due_at) * 1e6)
        return self.elapsed_us + max(late_us, 0)


class Observer(Protocol):
    """Hears of all that a session does."""

    def request(self, observed: Observed) -> None:
        """A request has ended."""

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """An operation was not possible; `why`: what it needs, and what the target answered when asked for it."""


class LastRequest:
    """An observer that keeps the last request and counts all."""

    observed: Observed | None = None
    count = 0

    def request(self, observed: Observed) -> None:
        """See Observer."""
        self.observed = observed
        self.count += 1

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """Only requests count."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """One action, timed from the moment it was due.

    `requests` is 0 where no step was possible or the login before it failed.
    """

    behaviour: str
    began_at: float
    elapsed_us: int
    requests: int
    succeeded: bool


X_PROCESS_TIME = "X-Process-Time"
SERVER_TIMING = "Server-Timing"
SERVER_TIME_HEADERS = frozenset({X_PROCESS_TIME, SERVER_TIMING})

# The entry "total" where there is one, else the first with a duration.
_DURATION = re.compile(r"(?:.*\btotal\b[^,]*?|^[^,]*?);\s*dur=([-+0-9.eE]+)")

_TOLERANCE_SHARE, _TOLERANCE_US = 0.05, 1000
"""The server measures within the time that we measure. The tolerance covers its rounding, and two clocks."""
_ALIKE = 10
_LONGEST = 40
_A_YEAR_US = 365 * 24 * 3600 * 1e6


def server_time(header: Callable[[str], str], service_us: int) -> tuple[int | None, Remark | None]:
    """The server's own time in µs, from X-Process-Time (seconds) or else Server-Timing (ms); None without either.

    `header` returns a header by its lower-case name. A time that is not a number, negative, or longer than the answer
    took (`service_us`) by more than 5 % and 1 ms is not used: then it is None, and the remark says why.
    """
    value, name, unit_us = header("x-process-time").strip(), X_PROCESS_TIME, 1e6
    if not value:
        found = _DURATION.search(header("server-timing"))
        if found is None:
            return None, None
        value, name, unit_us = found.group(1), SERVER_TIMING, 1e3
    why, reported_us = _doubt(value, unit_us, service_us)
    if not why:
        return round(reported_us), None
    return None, Remark(name, why, f"{_short(value)} for an answer that took {_span(service_us)}")


def _doubt(value: str, unit_us: float, service_us: int) -> tuple[str, float]:
    """Why a time is not used, "" where it is; and the time, µs."""
    try:
        reported_us = float(value) * unit_us
    except ValueError:
        return ("there is more than one" if "," in value else "it is not a number"), 0.0
    most_us = service_us * (1 + _TOLERANCE_SHARE) + _TOLERANCE_US
    if not math.isfinite(reported_us):
        return "it is not a number", 0.0
    if reported_us < 0:
        return "it is negative", 0.0
    if reported_us <= most_us:
        return "", reported_us
    if reported_us > _A_YEAR_US:
        return "it looks like a point in time", 0.0
    for factor, unit in ((1e3, "milliseconds"), (1e6, "microseconds")) if unit_us == 1e6 else ():
        if _same_size(reported_us / factor, service_us):
            return f"it looks like {unit}", 0.0
    return "the server cannot have taken longer than the answer", 0.0


def _same_size(reported_us: float, service_us: int) -> bool:
    """At most ten times as long as the answer took, or 1 ms."""
    return reported_us <= _ALIKE * max(service_us, _TOLERANCE_US)


def _short(value: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in value)
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}…"


def _span(span_us: int) -> str:
    return quantity(span_us / 1000, "ms")
