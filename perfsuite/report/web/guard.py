"""Who may ask the live page: only the page itself, only by a name of this machine, and only to read."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
