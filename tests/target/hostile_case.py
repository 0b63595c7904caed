"""One answer of a server that is odd or broken, what a client must make of it, and how such answers are written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from perfsuite.model import FailureKind

BODY = b'{"a":1}'


class Then(Enum):
    """What the server does after its last byte."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    """The connection ends with RST instead of FIN."""
    NO_NOTIFY = auto()
    """The connection ends with FIN; over TLS without close_notify before it."""


@dataclass(frozen=True)
class Case:
    """`parts`: what is sent, each part 20 ms after the one before. Without `failure` the answer is `status` and `body`.

    `mentions`: what the failure's message must contain. `kept`: the next request goes over the same connection.
    `method`: that of the request. `surplus`: how many of the bytes belong to no answer; where they come later than it,
    nobody can know that before the next request.
    """

    name: str
    parts: tuple[bytes, ...]
    status: int = 200
    body: bytes = field(default=BODY, repr=False)
    then: Then = Then.KEEP
    kept: bool = True
    failure: FailureKind | None = None
    mentions: tuple[str, ...] = ()
    method: str = "GET"
    surplus: int = 0

    @property
    def content(self) -> bytes:
        """All bytes of the answer."""
        return b"".join(self.parts)


def head(*lines: str, status: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> bytes:
    """A head with its empty line."""
    return (end.join([status, *lines]) + end + end).encode("latin-1")


def whole(body: bytes = BODY, *lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """An answer with Content-Length."""
    return head(*lines, f"Content-Length: {len(body)}", status=status) + body


def chunked(*chunks: bytes, size: str = "%x", last: bytes = b"0\r\n\r\n") -> bytes:
    """The body as chunks."""
    return b"".join((size % len(chunk)).encode() + b"\r\n" + chunk + b"\r\n" for chunk in chunks) + last


def ok(name: str, *parts: bytes, **more: object) -> Case:
    return replace(Case(name, parts), **more)  # type: ignore[arg-type]


def closed(name: str, *parts: bytes, **more: object) -> Case:
    """A good answer whose end is that of the connection, or after which the server closes."""
    return replace(Case(name, parts, then=Then.CLOSE, kept=False), **more)  # type: ignore[arg-type]


def broken(name: str, content: bytes, *mentions: str, **more: object) -> Case:
    """No answer: a failure whose message mentions the oddity. The server would keep the connection, the client not."""
    case = Case(name, (content,), 0, b"", kept=False, failure=FailureKind.INVALID_RESPONSE, mentions=mentions)
    return replace(case, **more)  # type: ignore[arg-type]


def cut(name: str, content: bytes, then: Then = Then.CLOSE) -> Case:
    """No answer, since the connection ends too early."""
    return broken(name, content, then=then, failure=FailureKind.CONNECTION_LOST)
