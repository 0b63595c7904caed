"""TLS over any socket: verified certificates, SNI, session resumption."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from perfsuite.target.sockets import READ_BYTES, Socket, sent_and_received

_T = TypeVar("_T")


class TlsSocket:
    """A TLS connection on a connected socket; see Socket."""

    def __init__(
        self, inner: Socket, context: ssl.SSLContext, name: str, session: ssl.SSLSession | None, deadline: float
    ) -> None:
        """Shakes hands. `session`: of an earlier connection to the same server, to be resumed."""
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name, session=session)
        self.truncated = False
        """The connection ended without close_notify: what came last may not be all."""
        self._step(self._tls.do_handshake, deadline)

    @property
    def session(self) -> ssl.SSLSession | None:
        """For the next connection to the same server."""
        return self._tls.session

    def spent(self, idle_s: float) -> bool:
        """See Socket. Records that came and were not read are more than was asked for."""
        return self._incoming.pending > 0 or self._tls.pending() > 0 or self._inner.spent(idle_s)

    def send(self, data: bytes, deadline: float) -> None:
        """See Socket."""
        left = memoryview(data)
        while left:
            left = left[self._step(lambda part=left: self._tls.write(part), deadline) :]  # type: ignore[misc]
        self._flush(deadline)

    def receive(self, deadline: float) -> bytes:
        """See Socket."""
        try:
            return self._step(lambda: self._tls.read(READ_BYTES), deadline)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError:
            self.truncated = True
            return b""

    def ask(self, data: bytes, deadline: float) -> bytes:
        """See Socket."""
        return sent_and_received(self, data, deadline)

    def close(self) -> None:
        """See Socket."""
        self._inner.close()

    def _step(self, do: Callable[[], _T], deadline: float) -> _T:
        while True:
            try:
                result = do()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                data = self._inner.receive(deadline)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush(deadline)  # the alert that says why
                raise
            else:
                self._flush(deadline)
                return result

    def _flush(self, deadline: float) -> None:
        if data := self._outgoing.read():
            self._inner.send(data, deadline)
