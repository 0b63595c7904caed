"""The HTTP client of a virtual user: one keep-alive connection over gevent sockets.

Built on geventhttpclient's connection pool and response parser, but not on its `HTTPClient.request`, which
sends a request again when a connection breaks: here one recorded request is one request sent.
Redirects are not followed; certificates are verified.
"""

from __future__ import annotations

import select
import ssl
import time
from functools import cache
from socket import IPPROTO_TCP, TCP_NODELAY, gaierror
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.ssl
from gevent import GreenletExit
from gevent.monkey import get_original
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse

from perfsuite.clock import utc_s
from perfsuite.measurements.health import Traffic
from perfsuite.model import FailureKind
from perfsuite.target.connection import DEFAULT_PORTS, ConnectionSettings, tls_context, tls_message
from perfsuite.target.exchange import Answer, Failure, Request, of_proxy

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
_BLOCK_BYTES = 16 * 1024
_FINAL = 200
"""Statuses below are those of interim answers, such as 103."""

# Gevent's poll goes round its event loop even when asked not to wait: under load each request would be
# timed with the wait for the loop's turn.
_poll = get_original("select", "poll")


@cache
def _tls_context(ca_file: str) -> ssl.SSLContext:
    # One for all users: reading the certificates takes some 20 ms, and hundreds of users start at once.
    return tls_context(ca_file, gevent.ssl.create_default_context)


class ProxyRefusal(OSError):
    """The proxy opens no tunnel to the target; its answer in words."""


class _TcpMark(ConnectionPool):
    """Notes when the TCP connection stood; what comes after it is TLS."""

    _tcp_ready_ns = 0

    def _connect_socket(self, sock: Any, address: Any) -> Any:
        connected = super()._connect_socket(sock, address)
        self._tcp_ready_ns = time.perf_counter_ns()
        return connected


class _Alive:
    """Mixin: whether an idle connection is still open, without select()'s limit of 1,024 descriptors.

    And how long opening one took: `connect_us` (name and TCP) and `tls_us`, None where none was opened.
    """

    connect_us: int | None = None
    tls_us: int | None = None
    traffic: Traffic
    _tcp_ready_ns: int

    def _create_socket(self) -> Any:
        began = time.perf_counter_ns()
        sock = super()._create_socket()  # type: ignore[misc]
        self.connect_us = (self._tcp_ready_ns - began) // 1000
        self.tls_us = _since_us(self._tcp_ready_ns) if isinstance(self, SSLConnectionPool) else None
        return sock

    def after_connect(self, sock: Any) -> None:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)

    def _is_socket_alive(self, sock: Any) -> bool:
        # Readable while idle means: closed by the target, or bytes nobody asked for. Either way it is spent.
        if sock is None or sock.fileno() < 0:
            return False
        poll = _poll()
        poll.register(sock.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0)


class _Response(HTTPSocketPoolResponse):
    """Notes when bytes came, and how many: what parsing them takes is not the target's time."""

    came_ns = 0

    def __init__(self, sock: Any, pool: Any, **kw: Any) -> None:
        self._traffic = pool.traffic
        super().__init__(sock, pool, **kw)

    def feed(self, data: str | bytes) -> None:
        self.came_ns = time.perf_counter_ns()
        self._traffic.received_bytes += len(data)
        super().feed(data)

    def _on_message_complete(self) -> None:
        if self.get_code() < _FINAL:
            self.message_complete = True  # an interim answer: the final one comes over the same connection
        else:
            super()._on_message_complete()


class _PlainPool(_Alive, _TcpMark):
    pass


class _TlsPool(_Alive, SSLConnectionPool, _TcpMark):
    def __init__(self, *address: Any, ca_file: str, **limits: Any) -> None:
        # The pool's own idea of the machine's authorities is passed over.
        limits["ssl_context_factory"] = lambda cafile: _tls_context(ca_file)
        super().__init__(*address, **limits)

    def _setup_proxy(self, sock: Any) -> None:
        try:
            super()._setup_proxy(sock)
        except RuntimeError as error:
            raise ProxyRefusal(str(error)) from None


def _pool_of(settings: ConnectionSettings, connect_timeout_s: float, answer_timeout_s: float) -> _TlsPool | _PlainPool:
    """The one connection of a user: to the target or, where there is a proxy, to that and through it."""
    target, proxy = urlsplit(settings.host), urlsplit(settings.proxy)
    name, port = target.hostname or "", target.port or DEFAULT_PORTS[target.scheme]
    to = (proxy.hostname or "", proxy.port or DEFAULT_PORTS[proxy.scheme]) if settings.proxy else (name, port)
    limits: dict[str, Any] = {"size": 1, "connection_timeout": connect_timeout_s, "network_timeout": answer_timeout_s}
    if target.scheme == "http":
        return _PlainPool(*to, name, port, **limits)
    # In CONNECT an address of IPv6 is in brackets, in a certificate it is not.
    return _TlsPool(
        *to,
        _bracketed(name),
        port,
        ca_file=settings.ca_file,
        ssl_options={"server_hostname": name},
        use_proxy=bool(settings.proxy),
        **limits,
    )


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


class _Span:
    """From its making to its end."""

    def __init__(self) -> None:
        self.sent_at = utc_s()
        self._began_ns = time.perf_counter_ns()
        self.elapsed_us = 0

    def end(self, at_ns: int | None = None) -> None:
        """Now, or at a time of the same clock."""
        self.elapsed_us = ((at_ns or time.perf_counter_ns()) - self._began_ns) // 1000


class GeventTransport:
    """Sends requests along one way over one connection that is opened when needed.

    `traffic`: where its bytes are counted.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        traffic: Traffic | None = None,
    ) -> None:
        answer_timeout_s = settings.timeout_s or ANSWER_TIMEOUT_S  # from before the send to the last byte
        connect_timeout_s = min(connect_timeout_s, answer_timeout_s)
        self._pool = _pool_of(settings, connect_timeout_s, answer_timeout_s)
        self._pool.traffic = self._traffic = traffic or Traffic()
        self._answer_timeout_s = answer_timeout_s
        self._span = _Span()
        self._proxied = bool(settings.proxy)
        url = urlsplit(settings.host)
        default = url.port in (None, DEFAULT_PORTS[url.scheme])
        host = _bracketed(url.hostname or "") + ("" if default else f":{url.port}")
        # A proxy gets the whole address; within a tunnel it is the target that reads.
        self._before_path = (f"http://{host}" if settings.proxy and url.scheme == "http" else "") + settings.base_path
        self._same_for_all = "\r\n".join([f"Host: {host}", *(f"{name}: {value}" for name, value in settings.headers)])

    def exchange(self, request: Request) -> Answer:
        """Send and wait for the whole answer; a failure to get one is part of the answer.

        A greenlet killed in here answers UNFINISHED once: the request was sent and has to be counted.
        """
        pool = self._pool
        pool.connect_us = pool.tls_us = None
        self._span = _Span()
        encoded = self._encoded(request)
        failure = None
        status, headers, body = 0, dict[str, str](), b""
        try:
            with gevent.Timeout(self._answer_timeout_s, TimeoutError("no answer in time")):
                status, headers, body = self._round_trip(request.method, encoded)
        except GreenletExit:
            failure = Failure(FailureKind.UNFINISHED, "no answer yet when the run had to end")
        except (OSError, HTTPParseError) as error:
            failure = of_proxy(_failure_of(error)) if self._proxied else _failure_of(error)
        if failure is not None:
            self._span.end()
        span = self._span
        return Answer(status, headers, body, span.sent_at, span.elapsed_us, failure, pool.connect_us, pool.tls_us)

    def _round_trip(self, method: str, encoded: bytes) -> tuple[int, dict[str, str], bytes]:
        sock = self._pool.get_socket()
        try:
            if self._pool.connect_us is None:
                self._span = _Span()  # over an open connection the time begins with the send itself
            sock.sendall(encoded)
            self._traffic.sent_bytes += len(encoded)
        except BaseException:  # the killing of a greenlet too: the connection must not stay taken
            self._pool.release_socket(sock)
            raise
        # From here on the response owns the connection and gives it back or closes it.
        response = _Response(sock, self._pool, block_size=_BLOCK_BYTES, method=method)
        body = bytes(response.read())
        self._span.end(response.came_ns)
        if not response.message_complete:
            raise ConnectionResetError("connection closed within an answer")
        # Several headers of one name become one value, with commas: RFC 9110, 5.3.
        return response.status_code, {name.lower(): value for name, value in response.info().itermerged()}, body

    def _encoded(self, request: Request) -> bytes:
        lines = [f"{request.method} {self._before_path}{request.target} HTTP/1.1", self._same_for_all]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        body = request.body or b""
        if body or request.method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _since_us(began_ns: int) -> int:
    return (time.perf_counter_ns() - began_ns) // 1000


def _failure_of(error: Exception) -> Failure:
    match error:
        case ProxyRefusal():
            return Failure(FailureKind.PROXY, f"the proxy opens no way to the target ({error})")
        case TimeoutError():
            return Failure(FailureKind.TIMEOUT, "no answer in time")
        case gaierror():
            return Failure(FailureKind.NAME_NOT_FOUND, "the host name is not known")
        case ConnectionRefusedError():
            return Failure(FailureKind.CONNECTION_REFUSED, "connection refused")
        case ssl.SSLError():
            return Failure(FailureKind.TLS, tls_message(error))
        case HTTPParseError():
            return Failure(FailureKind.CONNECTION_LOST, "the connection was closed, or the answer was not HTTP")
    return Failure(FailureKind.CONNECTION_LOST, f"the connection broke ({error.strerror or type(error).__name__})")  # type: ignore[attr-defined]
