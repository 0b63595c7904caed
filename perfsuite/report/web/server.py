"""The live page's server: static files and one stream of states, for this machine only. It knows nothing of runs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perfsuite.errors import UsageError
from perfsuite.messages.report import ReportMessage
from perfsuite.report.web import DEFAULT_PORT

HOST = "127.0.0.1"
STREAM = "/states"
Files = Mapping[str, tuple[str, bytes]]
"""Path → media type and content."""

_RETRY_MS = 1000
"""How soon a page that lost its connection reconnects."""
_SHUTDOWN_S = 2.0
_MAX_CONNECTIONS = 32
_OTHER_SITE = "Only this server's own page may read from it, not another site."
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
"""On every response: only our own files are loaded, text never becomes markup, and no page may frame ours."""


def refusal(method: str, path: str, headers: Headers, port: int) -> Response | None:
    """The response to a request that is refused; None if it is allowed.

    Another host name means DNS rebinding: another site reached this server through a name of its own. An image on
    another site sends no Origin header, but Sec-Fetch-Site. A link to the page may be followed from anywhere.
    """
    if method != "GET":
        return _refused(405, "Only GET is allowed: this page shows a run and cannot control it.", {"Allow": "GET"})
    suffix = "" if port == 80 else f":{port}"
    names = [f"{name}{suffix}" for name in ("127.0.0.1", "localhost", "[::1]")]
    host = [value.lower() for value in headers.getlist("host")]
    if len(host) != 1 or host[0] not in names:
        return _refused(403, f"Open http://{names[0]}/ or http://{names[1]}/. A forwarded port must keep its number.")
    if any(origin.lower() != f"http://{host[0]}" for origin in headers.getlist("origin")):
        return _refused(403, _OTHER_SITE)
    followed = (path, headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("/", "navigate", "document")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
        return _refused(403, _OTHER_SITE)
    return None


def _refused(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{reason}\n", status, headers)


class Guard:
    """ASGI middleware: refuses requests from elsewhere and adds the protective headers to every response."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = refusal(scope["method"], scope["path"], Headers(scope=scope), self._port) or self._app
        await app(scope, receive, protected)


class PageServer:
    """A server that listens until `close`. Port 0 takes a free one. Raises UsageError if the port is not available."""

    def __init__(self, files: Files, port: int = DEFAULT_PORT) -> None:
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._broadcast = _Broadcast()
        self._server = uvicorn.Server(_config(Guard(_application(files, self._broadcast), self.port)))
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run, name="live page", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """URL of the page."""
        return f"http://{HOST}:{self.port}/"

    def publish(self, state: bytes, *, last: bool = False) -> None:
        """Send `state` (JSON on one line) to every page, open now or later. The streams end after the `last` one."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._broadcast.put, state, last)

    def close(self) -> None:
        """Stop the server within a bounded time, whether or not every page has read the last state."""
        self._server.should_exit = True
        self._thread.join(_SHUTDOWN_S + 1)

    def _run(self) -> None:
        with self._socket, self._runner:
            self._runner.run(self._serve())

    async def _serve(self) -> None:
        await self._server.serve([self._socket])
        for connection in self._server.server_state.connections:  # clients that stopped reading
            connection.transport.abort()


class _Broadcast:
    """The current state. Used only in the server's event loop."""

    def __init__(self) -> None:
        self._state, self._last = b"null", False
        self._changed = asyncio.Event()

    def put(self, state: bytes, last: bool) -> None:
        """Replace the state and wake the streams."""
        self._state, self._last = state, last
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """The states from now on as server-sent events; a slow reader skips some, never the last."""
        yield f"retry: {_RETRY_MS}\n\n".encode()
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
        if error.errno == errno.EADDRINUSE:
            raise UsageError(ReportMessage.PORT_IN_USE(port=port)) from None
        raise UsageError(ReportMessage.PORT_UNAVAILABLE(port=port, why=error.strerror)) from None


def _config(app: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",  # the strict parser: it refuses two Host headers
        ws="none",
        lifespan="off",
        log_config=None,
        # The terminal shows the run: a closed browser is no news there, and failures show in the browser.
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=int(_SHUTDOWN_S),
    )


def _application(files: Files, broadcast: _Broadcast) -> Router:
    async def stream(_request: Request) -> Response:
        return StreamingResponse(broadcast.events(), media_type="text/event-stream")

    routes = [Route(path, _file(*file)) for path, file in files.items()]
    return Router([*routes, Route(STREAM, stream)], redirect_slashes=False)


def _file(media_type: str, content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer
