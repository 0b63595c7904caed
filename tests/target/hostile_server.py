"""A server that gives the answers of `hostile_cases`, byte by byte, and that closes connections at bad moments.

Paths: /case/NUMBER answers with that case, /case/NUMBER?at=POSITION in two parts, the second from that byte on.
POST /early is refused before it is all there; POST /slow-reader is read long after its interim answer.
/then/HOW answers well, and treats the next request over the same connection badly. Any other path answers well.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.target.hostile_case import Case, Then, whole
from tests.target.hostile_cases import CASES, HINTS
from tests.target.raw_server import Listener, request_from

EARLIER_S = 0.02
SPLIT_S = 0.001
RACE_S = 0.002
SLOW_READER_S = 1.0
EARLY = whole(b"", "Connection: close", status="HTTP/1.1 413 Too large")
_WELL = whole()
_RESET = struct.pack("ii", 1, 0)


def case_path(case: Case, at: int | None = None) -> str:
    """The path that is answered with a case, in two parts where a position is given."""
    return f"/case/{CASES.index(case)}" + ("" if at is None else f"?at={at}")


class HostileServer(Listener):
    """With a certificate it speaks TLS. `received` is what it got: (connection, method, path)."""

    def __init__(self, certificate: Path | None = None, address: str = "127.0.0.1") -> None:
        super().__init__(address)
        self.received: list[tuple[int, str, str]] = []
        self._context: ssl.SSLContext | None = None
        name = f"[{address}]" if ":" in address else address
        self.host = f"http://{name}:{self.port}"
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
            self.host = f"https://localhost:{self.port}"

    def times(self, path: str) -> int:
        """How often a path was received."""
        return sum(path == received for _connection, _method, received in self.received)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
        with suppress(OSError), connection:
            if not self._context:
                begin = connection.recv(20, socket.MSG_PEEK)
                if begin.startswith(b"POST /early"):
                    connection.recv(1000)
                    connection.sendall(EARLY)  # and RST, since most of the request is not read
                    return
                if begin.startswith(b"POST /slow-reader"):
                    connection.sendall(HINTS)
                    time.sleep(SLOW_READER_S)
            while raw := request_from(connection):
                method, path, _version = raw.split(b"\r\n")[0].decode().split()
                self.received.append((number, method, path))
                end = self._answer(connection, path)
                if end is not Then.KEEP:
                    _ENDS[end](connection)
                    break

    def _answer(self, connection: socket.socket, path: str) -> Then:
        """Send the answer: what becomes of the connection then."""
        url = urlsplit(path)
        kind, _, which = url.path.lstrip("/").partition("/")
        if kind == "case":
            case = CASES[int(which)]
            at = parse_qs(url.query).get("at")
            _send(connection, _parts(case, int(at[0])) if at else case.parts, SPLIT_S if at else EARLIER_S)
            return case.then
        if kind != "then":
            connection.sendall(_WELL)
            return Then.KEEP
        connection.sendall(_WELL)
        return self._next(connection, which)

    def _next(self, connection: socket.socket, how: str) -> Then:
        """The next request over this connection, which is treated badly."""
        if how == "race":
            time.sleep(RACE_S)
            return Then.CLOSE
        if how == "unread":  # what was sent and never read makes the kernel answer with RST
            select.select([connection], [], [])
            return Then.CLOSE
        raw = request_from(connection)
        if raw:
            method, path, _version = raw.split(b"\r\n")[0].decode().split()
            self.received.append((-1, method, path))
        if how == "half":
            connection.sendall(b"HTTP/1.1 2")
        return {"reset": Then.RESET, "no-notify": Then.NO_NOTIFY}.get(how, Then.CLOSE)


def _parts(case: Case, at: int) -> tuple[bytes, bytes]:
    return case.content[:at], case.content[at:]


def _send(connection: socket.socket, parts: tuple[bytes, ...], pause_s: float) -> None:
    for number, part in enumerate(parts):
        if number:
            time.sleep(pause_s)
        connection.sendall(part)


def _close(connection: socket.socket) -> None:
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(1.0)
        connection.unwrap().close()  # close_notify
    else:
        connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


_ENDS: dict[Then, Callable[[socket.socket], None]] = {
    Then.CLOSE: _close,
    Then.RESET: _reset,
    Then.NO_NOTIFY: lambda connection: connection.close(),
}
