"""The HTTP/1.1 client of the suite: one kept-alive connection, used by preflight, cleanup, fingerprint and load.

It works on the sockets of a `Network`: blocking ones in the parent process, those of an event loop in a worker. One
request is sent once. The one exception is a GET on a kept-alive connection that the target closed just then: if no byte
of a response came, it is sent again over a new connection. Redirects are not followed; certificates are verified.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from perfsuite.clock import utc_s
from perfsuite.model import FailureKind, Remark
from perfsuite.target.addresses import ConnectionReport, connect
from perfsuite.target.common_response import common_response
from perfsuite.target.connection import ConnectionSettings, destination_of, shared_tls_context, tls_message
from perfsuite.target.content_encoding import ResponseError
from perfsuite.target.exchange import Answer, Failure, Request, of_proxy
from perfsuite.target.failures import LONG_IDLE_S, generator_failure, idle_closed, idle_closed_remark
from perfsuite.target.response import Response
from perfsuite.target.response_reader import WITHOUT_RESPONSE, CutOffError, ResponseReader
from perfsuite.target.sockets import BlockingNetwork, Interrupted, Network, Socket
from perfsuite.target.tls import TlsSocket

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
_AT_ONCE_S = 0.1
"""A connection that breaks later than this after a request was sent was not closed before the request was read."""


class ByteCount(Protocol):
    """Bytes of HTTP: heads and bodies, without TLS and what lies below it."""

    sent_bytes: int
    received_bytes: int


@dataclass(slots=True)
class _OwnByteCount:
    sent_bytes: int = 0
    received_bytes: int = 0


class ProxyRefusal(OSError):
    """The proxy opens no tunnel to the target; its answer in words."""


class IdleClosed(OSError):
    """The target closed a kept-alive connection just as a request was sent."""

    def __init__(self, idle_s: float) -> None:
        super().__init__()
        self.idle_s = idle_s


class HttpClient:
    """Sends requests to one target over one connection, which is opened when needed; see Transport.

    `traffic`: where its bytes are counted. `report`: hears of its connections.
    """

    # One per virtual user: thousands of them must stay small.
    __slots__ = (
        "_answer_timeout_s",
        "_began_ns",
        "_clock_ns",
        "_connect_timeout_s",
        "_connect_us",
        "_ended_ns",
        "_idle_since",
        "_network",
        "_remarks",
        "_report",
        "_retries",
        "_sent_at",
        "_session",
        "_settings",
        "_socket",
        "_tls_us",
        "_to",
        "_traffic",
    )

    def __init__(
        self,
        settings: ConnectionSettings,
        network: Network | None = None,
        *,
        traffic: ByteCount | None = None,
        report: ConnectionReport | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._settings = settings
        self._to = destination_of(settings)
        self._network = network or BlockingNetwork()
        self._traffic = traffic or _OwnByteCount()
        self._report = report
        self._clock_ns = clock_ns
        self._answer_timeout_s = settings.timeout_s or ANSWER_TIMEOUT_S  # from before the send to the last byte
        self._connect_timeout_s = min(connect_timeout_s, self._answer_timeout_s)
        self._socket: Socket | None = None
        self._session: ssl.SSLSession | None = None
        self._idle_since = 0.0
        self._sent_at = 0.0
        self._began_ns = self._ended_ns = 0
        self._connect_us: int | None = None
        self._tls_us: int | None = None
        self._retries = 0
        self._remarks: tuple[Remark, ...] = ()

    # ── one request ────────────────────────────────────────────────────────────────────────────────

    def exchange(self, request: Request) -> Answer:
        """Send and wait for the whole answer; a failure to get one is part of the answer.

        A caller that is interrupted while it waits gets UNFINISHED once: the request was sent and has to be counted.
        """
        self._connect_us = self._tls_us = None
        self._retries, self._remarks = 0, ()
        encoded = self._encoded(request)
        failure: Failure
        try:
            response = self._round_trip(request.method, encoded)
        except Interrupted:
            failure = Failure(FailureKind.UNFINISHED, "no answer yet when the run had to end")
        except (OSError, MemoryError, ResponseError) as error:
            failure = _failure_of(error)
            if self._to.proxied:
                failure = of_proxy(failure)
        except BaseException:  # the answer may still come: it must not become that of the next request
            self._drop()
            raise
        else:
            came = (response.status, response.headers, response.body, self._sent_at)
            elapsed_us = (self._ended_ns - self._began_ns) // 1000
            if self._connect_us is None:
                return Answer(*came, elapsed_us)
            return Answer(*came, elapsed_us, None, *self._connecting())
        elapsed_us = (self._clock_ns() - self._began_ns) // 1000
        self._drop()
        return Answer(0, {}, b"", self._sent_at, elapsed_us, failure, *self._connecting())

    def _connecting(self) -> tuple[int | None, int | None, int, tuple[Remark, ...]]:
        return self._connect_us, self._tls_us, self._retries, self._remarks

    def close(self) -> None:
        """Close the connection."""
        self._drop()

    def _encoded(self, request: Request) -> bytes:
        line = f"{request.method} {self._to.before_path}{request.target} HTTP/1.1\r\n".encode("latin-1")
        body = request.body
        if body or request.method in ("POST", "PUT"):
            body = body or b""
            return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (
                line,
                self._to.header_lines,
                request.header_lines,
                len(body),
                body,
            )
        headers = request.headers
        return (
            line + self._to.header_lines + (headers if isinstance(headers, bytes) else request.header_lines) + b"\r\n"
        )

    def _round_trip(self, method: str, encoded: bytes) -> Response:
        connected, began_ns = self._socket, self._clock_ns()
        began_s = began_ns / 1e9
        self._sent_at, self._began_ns = utc_s(), began_ns
        deadline = began_s + self._answer_timeout_s
        if connected is None or connected.spent(began_s - self._idle_since):
            return self._first_over(self._connected(deadline), method, encoded, deadline)
        traffic = self._traffic
        traffic.sent_bytes += len(encoded)
        try:
            data = connected.ask(encoded, deadline)
        except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
            data = b""
        self._ended_ns = ended_ns = self._clock_ns()
        traffic.received_bytes += len(data)
        if data or ended_ns - began_ns >= _AT_ONCE_S * 1e9:
            return self._response(connected, method, data, deadline)
        idle_s = began_s - self._idle_since
        self._remarks = (idle_closed_remark(idle_s),)
        if method != "GET" or not self._settings.retry:
            if idle_s < LONG_IDLE_S:
                raise CutOffError(WITHOUT_RESPONSE)
            raise IdleClosed(idle_s)
        self._retries = 1
        return self._first_over(self._connected(deadline), method, encoded, deadline)

    def _first_over(self, connected: Socket, method: str, encoded: bytes, deadline: float) -> Response:
        """The response to the first request over a connection."""
        self._traffic.sent_bytes += len(encoded)
        data = connected.ask(encoded, deadline)
        self._ended_ns = self._clock_ns()
        self._traffic.received_bytes += len(data)
        return self._response(connected, method, data, deadline)

    def _response(self, connected: Socket, method: str, data: bytes, deadline: float) -> Response:
        """The response that begins with `data`."""
        response = common_response(data) if method != "HEAD" else None
        if response is None:
            response = self._read_on(connected, ResponseReader(method), data, deadline)
        self._idle_since = self._ended_ns / 1e9
        if not response.reusable:
            self._drop()
        return response

    def _read_on(self, connected: Socket, reader: ResponseReader, data: bytes, deadline: float) -> Response:
        """The rest of a response that is not a common one, whole in its first piece."""
        while data:
            if (response := reader.feed(data)) is not None:
                return response
            data = connected.receive(deadline)
            self._ended_ns = self._clock_ns()
            self._traffic.received_bytes += len(data)
        if reader.needs_end and isinstance(connected, TlsSocket) and connected.truncated:
            raise CutOffError("the target closed TLS without close_notify, which alone would have ended the response")
        return reader.end()

    # ── the connection ─────────────────────────────────────────────────────────────────────────────

    def _connected(self, deadline: float) -> Socket:
        self._drop()
        began_ns = self._clock_ns()
        deadline = min(deadline, began_ns / 1e9 + self._connect_timeout_s)
        plain = connect(*self._to.next_hop, self._network, self._report, deadline)
        self._socket = plain
        if self._to.secure and self._to.proxied:
            self._open_tunnel(plain, deadline)
        connected_ns = self._clock_ns()
        self._connect_us = (self._connect_us or 0) + (connected_ns - began_ns) // 1000
        if self._to.secure:
            self._socket = TlsSocket(plain, shared_tls_context(self._settings), self._to.name, self._session, deadline)
            self._tls_us = (self._tls_us or 0) + (self._clock_ns() - connected_ns) // 1000
        return self._socket

    def _open_tunnel(self, plain: Socket, deadline: float) -> None:
        to = self._to.authority
        reader = ResponseReader("HEAD")  # nothing follows the head: what comes then is the target's
        try:
            plain.send(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode("latin-1"), deadline)
            response = self._read_on(plain, reader, plain.receive(deadline), deadline)
        except (CutOffError, ConnectionResetError, BrokenPipeError):
            raise ProxyRefusal("it closed the connection") from None
        except ResponseError as error:
            raise ProxyRefusal(str(error)) from None
        if not 200 <= response.status < 300:
            raise ProxyRefusal(reader.reason)

    def _drop(self) -> None:
        dropped, self._socket = self._socket, None
        if dropped is not None:
            if isinstance(dropped, TlsSocket):
                self._session = dropped.session or self._session
            dropped.close()


def _failure_of(error: OSError | MemoryError | ResponseError) -> Failure:
    match error:
        case CutOffError():
            return Failure(FailureKind.CONNECTION_LOST, str(error))
        case ResponseError():
            return Failure(FailureKind.INVALID_RESPONSE, str(error))
        case IdleClosed():
            return idle_closed(error.idle_s)
        case ProxyRefusal():
            return Failure(FailureKind.PROXY, f"the proxy opens no way to the target ({error})")
        case TimeoutError():
            return Failure(FailureKind.TIMEOUT, "no answer in time")
        case OSError() | MemoryError() if (own := generator_failure(error)) is not None:
            return own
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return Failure(FailureKind.NAME_NOT_FOUND, "the name server does not answer")
        case socket.gaierror():
            return Failure(FailureKind.NAME_NOT_FOUND, "the host name is not known")
        case ConnectionRefusedError():
            return Failure(FailureKind.CONNECTION_REFUSED, "connection refused")
        case ssl.SSLError():
            return Failure(FailureKind.TLS, tls_message(error))
    why = getattr(error, "strerror", None) or type(error).__name__
    return Failure(FailureKind.CONNECTION_LOST, f"the connection broke ({why})")
