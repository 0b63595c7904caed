"""No body larger than anybody needs: 413, before it is read."""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
_TOO_LARGE = f"Body is larger than {MAX_BODY_BYTES} bytes"


class BodyLimit:
    """Refuses by `Content-Length`; a body of unknown length is counted while it comes in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] != "GET":
            length = next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)
            if length is None:
                receive = _counted(receive)
            elif length > MAX_BODY_BYTES:
                await JSONResponse({"detail": _TOO_LARGE}, 413)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _counted(receive: Receive) -> Receive:
    received = 0

    async def counted_receive() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            # The route that reads the body passes it on; a route that reads none need not care.
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted_receive
