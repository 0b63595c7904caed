"""The live page's server: a few files and one stream of states, for this machine only. It knows nothing of runs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perfsuite.errors import UsageError
from perfsuite.report.web import DEFAULT_PORT

_ONLY_THE_PAGE = "Only the page of this server may use it"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""On every answer. Nothing but our own files is loaded, none of them makes markup of text, nobody may frame them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: the status, and what the one who asks is told."""

    status: int
    reason: str


def refusal(method: str, path: str, headers: Headers, port: int) -> Refusal | None:
    """None when the request may be answered.

    A name that is not this machine's is how a page from elsewhere gets here by a DNS server of its own. A picture on
    a foreign page sends no Origin, but tells that it is cross-site; a link to the page may be followed from anywhere.
    """
    if method != "GET":
        return Refusal(405, "Only GET: this page shows a run, it does not steer it.")
    suffix = "" if port == 80 else f":{port}"
    names = [f"{name}{suffix}" for name in ("127.0.0.1", "localhost", "[::1]")]
    host = [value.lower() for value in headers.getlist("host")]
    if len(host) != 1 or host[0] not in names:
        return Refusal(403, f"{_ONLY_THE_PAGE}, at {names[0]} or {names[1]}; a forwarded port keeps its number.")
    if any(origin.lower() != f"http://{host[0]}" for origin in headers.getlist("origin")):
        return Refusal(403, f"{_ONLY_THE_PAGE}, not a page from elsewhere.")
    followed = (path, headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("/", "navigate", "document")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
        return Refusal(403, f"{_ONLY_THE_PAGE}, not a page from elsewhere.")
    return None


class Guard:
    """Stands before an application: refuses, and puts the headers that protect the page on every answer."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = refusal(scope["method"], scope["path"], Headers(scope=scope), self._port)
        if refused is None:
            await self._app(scope, receive, protected)
            return
        allow = {"Allow": "GET"} if refused.status == 405 else None
        await PlainTextResponse(f"{refused.reason}\n", refused.status, allow)(scope, receive, protected)


HOST = "127.0.0.1"
STREAM = "/states"
_AGAIN_MS = 1000
"""How soon a page that lost its connection asks again."""
_END_WITHIN_S = 2.0
_MOST_CONNECTIONS = 32

Files = Mapping[str, tuple[str, bytes]]
"""Path → media type and content."""


class PageServer:
    """A server that listens from its making until `close`.

    Raises UsageError when the port cannot be had. `port` 0 takes a free one.
    """

    def __init__(self, files: Files, port: int = DEFAULT_PORT) -> None:
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._board = _Board()
        self._server = uvicorn.Server(_config(Guard(_application(files, self._board), self.port)))
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run, name="live page", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/"

    def publish(self, state: bytes, *, last: bool = False) -> None:
        """Show `state` (JSON on one line) to all who look, now and later. After the `last` one their streams end."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks any more
            self._loop.call_soon_threadsafe(self._board.put, state, last)

    def close(self) -> None:
        """End the server, within a bounded time: who has not taken in the last state by then has stopped reading."""
        self._server.should_exit = True
        self._thread.join(_END_WITHIN_S + 1)

    def _run(self) -> None:
        with self._socket, self._runner:
            self._runner.run(self._serve())

    async def _serve(self) -> None:
        await self._server.serve([self._socket])
        for connection in self._server.server_state.connections:  # of those who have stopped reading
            connection.transport.abort()


class _Board:
    """The state that is shown now. Only the server's own loop touches it."""

    def __init__(self) -> None:
        self._state, self._last = b"null", False
        self._changed = asyncio.Event()

    def put(self, state: bytes, last: bool) -> None:
        """Show another state, and wake whoever waits for one."""
        self._state, self._last = state, last
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """The states from now on as server-sent events; who reads slowly misses some, never the last."""
        yield f"retry: {_AGAIN_MS}\n\n".encode()
        while True:
            state, last, changed = self._state, self._last, self._changed
            yield b"data: " + state + b"\n\n"
            if last:
                return
            await changed.wait()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"cannot be had ({error.strerror})"
        raise UsageError(f"--web: port {port} {why}. Name another (--web PORT), or take a free one (--web 0)") from None


def _config(app: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",  # the strict one: two Host headers are refused
        ws="none",
        lifespan="off",
        log_config=None,
        # The terminal shows the run. That a browser was cut off is no news there, and a failure shows in the browser.
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=int(_END_WITHIN_S),
    )


def _application(files: Files, board: _Board) -> Router:
    async def stream(_request: Request) -> Response:
        return StreamingResponse(board.events(), media_type="text/event-stream")

    routes = [Route(path, _file(*file)) for path, file in files.items()]
    return Router([*routes, Route(STREAM, stream)], redirect_slashes=False)


def _file(media_type: str, content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer
