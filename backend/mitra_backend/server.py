"""One server process: a socket whose port is known, a clean end."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mitra_backend.config import NOT_READY, StartError
from mitra_backend.fault_middleware import TRANSPORT_EXTENSION
from mitra_backend.main import Application

KEEP_ALIVE_S = 75
# Time for requests that run when the end is asked for.
GRACE_S = 1
BACKLOG = 2048


class CuttableProtocol(HttpToolsProtocol):
    """Shows the connection to the application, for the fault `cut`."""

    def on_message_begin(self) -> None:
        """See HttpToolsProtocol."""
        super().on_message_begin()
        extensions: dict[Any, Any] = {TRANSPORT_EXTENSION: self.transport}
        self.scope["extensions"] = extensions


class Server(uvicorn.Server):
    """Says when it is ready, and leaves signals behind when it ends."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._signalled = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turn the first signal into an orderly end. uvicorn would raise it again afterwards and so
        keep the caller from removing its temporary directory."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        # The second signal, not the first after another reason to end, means impatience.
        self.force_exit = self._signalled
        self._signalled = self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one. Raises StartError when that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, asyncio switches Nagle's algorithm off; without, answers wait 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise StartError(f"--host {host}: {error.strerror or error}", NOT_READY) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fix = "Name another port with --port, or 0 for a free one"
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}. {fix}", NOT_READY) from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL that clients use."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: Application, on_ready: Callable[[], None]) -> Server:
    """Return a server for the application: one worker, no access log, idle connections kept long."""
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
        server_header=False,
    )
    return Server(config, on_ready)


def end_with_stdin(server: Server, stdin_fd: int = 0) -> None:
    """End the server when the other end of standard input is closed, however that happens."""

    def wait() -> None:
        # os.read, not sys.stdin: a thread inside a buffered reader would hold up the interpreter's exit.
        with contextlib.suppress(OSError):
            while os.read(stdin_fd, 4096):
                pass
        server.should_exit = True

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def run(server: Server, listener: socket.socket) -> None:
    """Serve until asked to end."""
    with contextlib.suppress(asyncio.CancelledError):
        server.run(sockets=[listener])
