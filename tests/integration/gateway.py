"""A gateway before a backend, as companies have it: TLS, a base path, a key in a header, other paths and role names.

`python -m tests.integration.gateway BACKEND CERTIFICATE [--unfinished] [--clients CA]` prints its address when it is
ready. `--unfinished`: the API behind it differs from the contract by more than names. `--clients`: only clients with a
certificate that this authority has signed may connect.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import uvicorn

BASE_PATH = "/mitra"
KEY_HEADER, KEY_VARIABLE = "x-api-key", "GATEWAY_KEY"
RENAMED = {"/api/v1/policies/": "/api/v2/policies/", "/api/v1/leads/": "/crm/leads/"}
"""The backend's path → the gateway's. Policies: this path alone; leads: all that begin so."""
ROLE, RENAMED_ROLE = "provider_admin", "insurer_admin"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gateway:
    """The ASGI application."""

    def __init__(self, backend: str, *, unfinished: bool) -> None:
        self._client = httpx.AsyncClient(base_url=backend, trust_env=False, timeout=30)
        self._key = os.environ[KEY_VARIABLE]
        self._unfinished = unfinished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body_of(receive)
        if not path.startswith(f"{BASE_PATH}/"):
            await _answer(send, 308, b"", {"location": f"https://{headers['host']}{BASE_PATH}{path}"})
        elif headers.get(KEY_HEADER) != self._key:
            await _answer(send, 401, b'{"detail":"Unknown API key"}', {"content-type": "application/json"})
        elif (asked := _of_backend(path.removeprefix(BASE_PATH))) is None:
            await _answer(send, 404, b'{"detail":"Not Found"}', {"content-type": "application/json"})
        else:
            query = scope["query_string"].decode()
            sent = {name: value for name, value in headers.items() if name not in ("host", KEY_HEADER)}
            url = asked + (f"?{query}" if query else "")
            answer = await self._client.request(scope["method"], url, headers=sent, content=body)
            content = self._changed(asked, answer.content)
            told = {name: value for name, value in answer.headers.items() if name not in ("content-length", "server")}
            await _answer(send, answer.status_code, content, told)

    def _changed(self, path: str, content: bytes) -> bytes:
        """An answer of the backend as this API gives it."""
        if path == "/api/v1/auth/login":
            return content.replace(f'"role":"{ROLE}"'.encode(), f'"role":"{RENAMED_ROLE}"'.encode())
        if path == "/openapi.json":
            listed = json.loads(content)
            paths = {_of_gateway(route): methods for route, methods in listed["paths"].items()}
            if self._unfinished:
                del paths["/api/v1/agents/"]
            return json.dumps(listed | {"paths": paths}).encode()
        if self._unfinished and path == "/api/v1/dashboard/analytics":
            body = json.loads(content)
            return json.dumps(body | {"totalPremium": f"{body['totalPremium']:.2f}"}).encode()
        if self._unfinished and path == "/api/v1/dashboard/provider-overview":
            body = json.loads(content)
            return json.dumps(
                {name: body[name] for name in body if name not in ("totalAgents", "activeAgents")}
            ).encode()
        return content


def _of_gateway(path: str) -> str:
    for ours, theirs in RENAMED.items():
        if path == ours or (path.startswith(ours) and ours.endswith("leads/")):
            return theirs + path.removeprefix(ours)
    return path


def _of_backend(path: str) -> str | None:
    """The backend's path; None for one that has another name here."""
    if _of_gateway(path) != path:
        return None
    for ours, theirs in RENAMED.items():
        if path.startswith(theirs):
            return ours + path.removeprefix(theirs)
    return path


async def _body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    told = {**headers, "content-length": str(len(body))}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _serve(server: uvicorn.Server) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    sys.stdout.write(f"listening on https://localhost:{port}{BASE_PATH}\n")
    sys.stdout.flush()
    await serving


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("backend")
    parser.add_argument("certificate")
    parser.add_argument("--unfinished", action="store_true")
    parser.add_argument("--clients")
    options = parser.parse_args()
    app = Gateway(options.backend, unfinished=options.unfinished)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  its own names for the same types
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_level="warning",
        access_log=False,
        ssl_certfile=options.certificate,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        ssl_cert_reqs=ssl.CERT_REQUIRED if options.clients else ssl.CERT_NONE,
        ssl_ca_certs=options.clients,
    )
    asyncio.run(_serve(uvicorn.Server(config)))


if __name__ == "__main__":
    main()
