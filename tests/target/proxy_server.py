"""An HTTP proxy at the level of bytes, as networks have it: whole addresses for http, tunnels (CONNECT) for https."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from tests.target.raw_server import Listener

_BLOCK = 65536


class ProxyServer(Listener):
    """`refuse`: the status line with which it answers every CONNECT instead of opening the tunnel."""

    def __init__(self, refuse: str = "") -> None:
        super().__init__()
        self.asked: list[str] = []
        """Method and address of each request that it was sent in clear: of CONNECT, and with a whole address."""
        self._refuse = refuse
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, client: socket.socket, _number: int) -> None:
        with suppress(OSError), client:
            head = client.recv(_BLOCK)
            method, address, _version = head.split(b"\r\n")[0].decode().split()
            if method != "CONNECT":
                parts = urlsplit(address)
                with socket.create_connection((parts.hostname or "", parts.port or 80)) as target:
                    target.sendall(self._forwarded(head))
                    self._join(client, target)
                return
            self.asked.append(f"{method} {address}")
            if self._refuse:
                client.sendall(f"HTTP/1.1 {self._refuse}\r\n\r\n".encode())
            else:
                name, _, port = address.rpartition(":")
                with socket.create_connection((name, int(port))) as target:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    self._join(client, target)

    def _join(self, client: socket.socket, target: socket.socket) -> None:
        back = threading.Thread(target=_pass_on, args=(target, client), daemon=True)
        back.start()
        _pass_on(client, target, self._forwarded)
        back.join()

    def _forwarded(self, data: bytes) -> bytes:
        """A request with a whole address as the target gets it: with the path alone. Anything else as it is."""
        line, end, rest = data.partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or not words[1].startswith(b"http://"):
            return data
        self.asked.append(b" ".join(words[:2]).decode())
        path = b"/" + words[1].split(b"/", 3)[3]
        return b" ".join([words[0], path, words[2]]) + end + rest


def _pass_on(source: socket.socket, to: socket.socket, changed: Callable[[bytes], bytes] = lambda data: data) -> None:
    with suppress(OSError):
        while data := source.recv(_BLOCK):
            to.sendall(changed(data))
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
