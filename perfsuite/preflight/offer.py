"""Is the target there, is it an Agent Mitra backend, and which operations does it list?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from perfsuite.api.catalogue import CATALOGUE, Operation
from perfsuite.api.exchange import USER_AGENT, Answer, Failure, Request, Transport
from perfsuite.errors import TargetError
from perfsuite.model import FailureKind

_SERVICE = "agent-mitra"
_NAMED = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Offer:
    """What the target says of itself. `routes` is None where it lists none (/openapi.json switched off)."""

    service: str
    version: str
    routes: frozenset[tuple[str, str]] | None

    def has(self, operation: Operation) -> bool:
        """True when the target lists the operation, or lists nothing at all so that nobody can know."""
        return self.routes is None or (operation.method, _anonymous(operation.template)) in self.routes

    def missing(self) -> frozenset[str]:
        """Names of the operations of the catalogue that the target does not list."""
        return frozenset(name for name, operation in CATALOGUE.items() if not self.has(operation))


def look_at(host: str, transport: Transport, run_header: str) -> Offer:
    """Ask `/health` and `/openapi.json`.

    Raises TargetError that tells apart: nothing there, name unknown, TLS, no answer, somebody else's server.
    """
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": run_header}
    health = transport.exchange(Request("GET", "/health", headers))
    if health.failure is not None:
        raise TargetError(_unreachable(host, health.failure))
    body = _object(health)
    service = str(body.get("service", ""))
    if _SERVICE not in service:
        raise TargetError(
            f"{host} answers, but is not an Agent Mitra backend: GET /health gave {_seen(health, service)}.\n"
            "Give the backend's address with --host, or use --demo for the reference backend."
        )
    if health.status != 200 or body.get("status") != "healthy":
        raise TargetError(
            f"{host} says it is not healthy (HTTP {health.status}, status {str(body.get('status'))[:40]!r}); "
            "look at its log and at /api/v1/health/database before loading it."
        )
    routes = _routes(transport.exchange(Request("GET", "/openapi.json", headers)))
    if routes is not None and not any(path.startswith("/api/v1/") for _method, path in routes):
        raise TargetError(f"{host} has no routes under /api/v1/: it is not an Agent Mitra backend. Check --host.")
    return Offer(service, str(body.get("version", "")), routes)


def _unreachable(host: str, failure: Failure) -> str:
    mend = {
        FailureKind.CONNECTION_REFUSED: (
            "nothing listens there (connection refused). Start the backend, or use --demo for the reference backend."
        ),
        FailureKind.NAME_NOT_FOUND: "the name is not known. Check --host for a typing error, and the DNS or VPN.",
        FailureKind.TIMEOUT: "no answer in time. Is a firewall in between, or the backend stuck? Try it with curl.",
        FailureKind.TLS: (
            f"the certificate was not accepted ({failure.message}). "
            "Give the name that the certificate is for, or renew it; verification is never switched off."
        ),
    }
    return f"{host}: {mend.get(failure.kind, f'{failure.message}. Is it an HTTP server? Check scheme and port.')}"


def _object(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _seen(answer: Answer, service: str) -> str:
    if service:
        return f"service {service[:40]!r}"
    kind = answer.header("content-type").split(";")[0] or "no content type"
    return f"HTTP {answer.status}, {kind}"


def _routes(answer: Answer) -> frozenset[tuple[str, str]] | None:
    paths = _object(answer).get("paths") if answer.status == 200 else None
    if not isinstance(paths, dict):
        return None
    return frozenset(
        (method.upper(), _anonymous(path))
        for path, methods in paths.items()
        for method in (methods if isinstance(methods, Iterable) else ())
    )


def _anonymous(path: str) -> str:
    return _NAMED.sub("{}", path)
