"""One request and its answer, and the seam at which transports are exchanged."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from perfsuite import __version__
from perfsuite.model import FailureKind

USER_AGENT = f"agentmitra-performance/{__version__}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, in words that hold no secret."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target` is path and query, beginning with "/"."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


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

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError when it is not JSON."""
        return msgspec.json.decode(self.body)

    def header(self, name: str) -> str:
        """A header by its lower-case name; "" when absent."""
        return self.headers.get(name, "")


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
