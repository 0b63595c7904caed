"""One request and its answer, and the seam at which transports are exchanged."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from perfsuite import __version__
from perfsuite.clock import utc_s
from perfsuite.model import FailureKind, Remark
from perfsuite.suite_errors import message_of, place_of
from perfsuite.target.server_time import server_time

USER_AGENT = f"agentmitra-performance/{__version__}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, in words that hold no secret."""

    kind: FailureKind
    message: str


def cut_by(error: BaseException, secrets: Iterable[str] = ()) -> Failure:
    """Why a request that was sent came to no end: an error of the suite, or its user was told to die."""
    if isinstance(error, Exception):
        return suite_failure(error, secrets)
    return Failure(FailureKind.UNFINISHED, "cut off before its end")


def suite_failure(error: BaseException, secrets: Iterable[str] = ()) -> Failure:
    """The failure of a request in which the suite or a role raised what nobody expected; "module:line function: …"."""
    return Failure(FailureKind.SUITE_ERROR, f"{place_of(error)}: {message_of(error, secrets)}")


_OF_PROXY = {
    FailureKind.CONNECTION_REFUSED: "nothing listens at the proxy's address",
    FailureKind.NAME_NOT_FOUND: "the name of the proxy is not known",
}


def of_proxy(failure: Failure) -> Failure:
    """The same where a proxy is between: what could not be connected to was not the target."""
    told = _OF_PROXY.get(failure.kind)
    return Failure(FailureKind.PROXY, told) if told else failure


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target` is path and query, beginning with "/"."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class NestedTooDeepError(msgspec.DecodeError):
    """JSON has more levels than can be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is 0 where no answer came; then `failure` tells why.

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
    """Set-up of the connection within `elapsed_us`; None where one was open already."""
    tls_us: int | None = None

    @property
    def service_us(self) -> int:
        """From the send on: `elapsed_us` less the set-up of the connection."""
        return self.elapsed_us - (self.connect_us or 0) - (self.tls_us or 0)

    def server_time(self) -> tuple[int | None, Remark | None]:
        """The server's own time, µs, as the answer reports it in X-Process-Time or Server-Timing.

        None where it reports none or where it cannot be true; then the remark tells why.
        """
        return server_time(self.header, self.service_us)

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError when it is not JSON, UnicodeDecodeError when it is no UTF-8."""
        try:
            return msgspec.json.decode(self.body)
        except RecursionError:
            raise NestedTooDeepError("JSON nested too deeply") from None

    def header(self, name: str) -> str:
        """A header by its lower-case name, several of one name joined with commas; "" when absent."""
        return self.headers.get(name, "")


def none_came(sent_at: float) -> Answer:
    """What stands for the answer to a request, sent at that time (UTC epoch s), whose transport raised."""
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
