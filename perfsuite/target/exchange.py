"""One request and its answer: what is sent, what comes back, the server's own time, and who observes it."""

from __future__ import annotations

import itertools
import json
import math
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from perfsuite import __version__
from perfsuite.clock import utc_s
from perfsuite.format import quantity
from perfsuite.model import FailureKind, Remark
from perfsuite.model.failures import Failure as Failure
from perfsuite.model.sample import Sample as Sample
from perfsuite.suite_errors import message_of, place_of
from perfsuite.target.response import Headers

_MOST_DIGITS = 4000
"""Of a whole number that is kept exactly."""
USER_AGENT = f"agentmitra-performance/{__version__}"


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


class Request(msgspec.Struct, frozen=True, gc=False):
    """What is sent. `target` is path and query, beginning with "/".

    `headers`: by name, or ready to be sent: header lines that each end with CRLF.
    """

    method: str
    target: str
    headers: Mapping[str, str] | bytes = b""
    body: bytes | None = None

    @property
    def header_lines(self) -> bytes:
        """The headers as they are sent."""
        if isinstance(self.headers, bytes):
            return self.headers
        return "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode("latin-1")

    def __repr__(self) -> str:  # without headers and body, which hold secrets
        return f"Request(method={self.method!r}, target={self.target!r})"


class NestedTooDeepError(msgspec.DecodeError):
    """JSON with more levels than can be read."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back. Where no answer came, `status` is 0 and `failure` says why.

    `sent_at` is UTC epoch seconds; `elapsed_us` runs from before the send (connecting included) to the
    last byte of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
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

    def __repr__(self) -> str:  # without headers and body
        what = self.failure or f"{len(self.body)} bytes"
        return f"Answer(status={self.status}, {what}, elapsed_us={self.elapsed_us})"

    @property
    def service_us(self) -> int:
        """From the send to the last byte: `elapsed_us` without the connection set-up."""
        return self.elapsed_us - (self.connect_us or 0) - (self.tls_us or 0)

    def server_time(self) -> tuple[int | None, Remark | None]:
        """The server's own time in µs, see `server_time`."""
        headers = self.headers
        if isinstance(headers, Headers) and not headers.timed:
            return None, None  # at once, since it is asked of every answer
        return server_time(self.header, self.service_us)

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError when it is not JSON, UnicodeDecodeError when it is not UTF-8."""
        return json_of(self.body)

    def decoded_by(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """The body as a decoder of a certain type returns it. Raises what the decoder raises."""
        return decoder.decode(self.body)

    def header(self, name: str) -> str:
        """A header by its lower-case name; "" without it. Several headers of one name are joined with commas."""
        return self.headers.get(name, "")


def json_of(body: bytes | msgspec.Raw) -> Any:
    """The value of a JSON text. Raises as `Answer.json`."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise NestedTooDeepError("JSON nested too deeply") from None
    except msgspec.ValidationError:
        return _with_huge_numbers(bytes(body))


def _with_huge_numbers(body: bytes) -> Any:
    """A number that no float can hold, such as 1e999, is JSON all the same."""
    try:
        return json.loads(body.decode(), parse_int=_integer, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise
    except RecursionError:
        raise NestedTooDeepError("JSON nested too deeply") from None
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None


def _integer(text: str) -> float:
    return int(text) if len(text) < _MOST_DIGITS else float(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def none_came(sent_at: float) -> Answer:
    """The answer to a request, sent at that time (UTC epoch s), whose transport raised an exception."""
    return Answer(0, {}, b"", sent_at, max(round((utc_s() - sent_at) * 1e6), 0))


class Transport(Protocol):
    """Sends one request to the one host it was made for. Never raises for what the target does."""

    def exchange(self, request: Request) -> Answer:
        """Send and wait for the whole answer. Redirects are not followed."""

    def close(self) -> None:
        """Close the connections."""


_ID_LINES = b"X-Request-ID: %b\r\ntraceparent: 00-%b-%b-00\r\n"


class RequestIds:
    """Unique ids for X-Request-ID and traceparent: random per process, counted within it."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = (prefix or secrets.token_hex(8)).encode()
        self._counter = itertools.count(1)

    def next(self) -> tuple[str, bytes]:
        """The next id, and the header lines that carry it (W3C Trace Context; not sampled: tracing is free)."""
        number = b"%016x" % next(self._counter)
        request_id = self._prefix + number
        return request_id.decode(), _ID_LINES % (request_id, request_id, number)


class Observer(Protocol):
    """Hears of all that a session does."""

    def request(self, sample: Sample) -> None:
        """A request has ended."""

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """An operation was not possible; `why`: what it needs, and what the target answered when asked for it."""


class LastRequest:
    """An observer that keeps the last request and counts all."""

    sample: Sample | None = None
    count = 0

    def request(self, sample: Sample) -> None:
        """See Observer."""
        self.sample = sample
        self.count += 1

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """Only requests count."""


class Action(msgspec.Struct, gc=False):
    """One action, timed from the moment it was due.

    `requests` is 0 where no step was possible or the login before it failed.
    """

    behaviour: str
    began_at: float = 0.0
    elapsed_us: int = 0
    requests: int = 0
    succeeded: bool = True
    due_at: float | None = None
    """Open model: when it should have begun, until the first request has taken it over."""


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
