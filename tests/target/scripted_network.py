"""A network in memory for the HTTP client: the target's bytes come in pieces of any size, and nobody waits."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from perfsuite.target.sockets import READ_BYTES, Address, sent_and_received
from tests.target.hostile_case import Case, Then, whole

WELL = whole(b'"well"')
"""The answer to whatever is asked after the first request."""


class NothingComesError(AssertionError):
    """The client waits although it has all that comes."""


class ScriptedSocket:
    """See Socket. The first request gets `pieces` and `then`; those after it get WELL."""

    def __init__(self, pieces: Sequence[bytes], then: Then) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self._pieces, self._then = deque(piece for piece in pieces if piece), then

    def spent(self, _idle_s: float) -> bool:
        """The other side has closed, or sent more than was read."""
        return bool(self._pieces) or self._then is not Then.KEEP

    def send(self, data: bytes, _deadline: float) -> None:
        """See Socket."""
        if self.sent:
            self._pieces.append(WELL)
        self.sent.append(data)

    def ask(self, data: bytes, deadline: float) -> bytes:
        """See Socket."""
        return sent_and_received(self, data, deadline)

    def receive(self, _deadline: float) -> bytes:
        """See Socket."""
        if self._pieces:
            return self._pieces.popleft()
        if self._then is Then.KEEP:
            raise NothingComesError
        if self._then is Then.RESET:
            raise ConnectionResetError
        return b""

    def close(self) -> None:
        """See Socket."""
        self.closed = True


class TlsPeer:
    """See Socket: below TLS, the other end of it. Its bytes come in pieces of `size`; each part is a record."""

    def __init__(self, certificate: Path, parts: Sequence[bytes], then: Then, size: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = self._ended = False
        self._parts, self._then, self._size = parts, then, size
        self.sent: list[bytes] = []

    def spent(self, _idle_s: float) -> bool:
        """See ScriptedSocket."""
        return self._outgoing.pending > 0 or self._ended

    def send(self, data: bytes, _deadline: float) -> None:
        """See Socket."""
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            request = self._tls.read(READ_BYTES)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            self._ended = True
            return
        self._answer([WELL] if self.sent else self._parts, Then.KEEP if self.sent else self._then)
        self.sent.append(request)

    def _answer(self, parts: Sequence[bytes], then: Then) -> None:
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[self._tls.write(left) :]
        self._ended = then is not Then.KEEP
        if then is Then.CLOSE:
            with suppress(ssl.SSLWantReadError):  # close_notify was sent, that of the client has not come
                self._tls.unwrap()

    def ask(self, data: bytes, deadline: float) -> bytes:
        """See Socket."""
        return sent_and_received(self, data, deadline)

    def receive(self, _deadline: float) -> bytes:
        """See Socket."""
        if data := self._outgoing.read(self._size):
            return data
        if not self._ended:
            raise NothingComesError
        if self._then is Then.RESET:
            raise ConnectionResetError
        return b""

    def close(self) -> None:
        """See Socket."""


class MemoryNetwork:
    """See Network. `connection` makes each connection; its argument says whether it is the first."""

    def __init__(self, connection: Callable[[bool], ScriptedSocket | TlsPeer]) -> None:
        self.opened: list[ScriptedSocket | TlsPeer] = []
        self._connection = connection

    def lookup(self, _host: str, port: int) -> list[Address]:
        """See Network."""
        return [Address(socket.AF_INET, ("127.0.0.1", port))]

    def connect(self, _address: Address, _deadline: float) -> ScriptedSocket | TlsPeer:
        """See Network."""
        self.opened.append(self._connection(not self.opened))
        return self.opened[-1]

    @property
    def requests(self) -> int:
        """How many requests were sent in all."""
        return sum(len(connection.sent) for connection in self.opened)


def scripted(case: Case, pieces: Sequence[bytes]) -> MemoryNetwork:
    """The first connection answers with these pieces of a case, all others well."""
    return MemoryNetwork(
        lambda first: ScriptedSocket(pieces, case.then) if first else ScriptedSocket([WELL], Then.KEEP)
    )


def encrypted(case: Case, certificate: Path, size: int) -> MemoryNetwork:
    """The first connection answers with a case over TLS, in pieces of this size, all others well."""
    return MemoryNetwork(
        lambda first: (
            TlsPeer(certificate, case.parts, case.then, size)
            if first
            else TlsPeer(certificate, [WELL], Then.KEEP, READ_BYTES)
        )
    )
