"""Is the target there, is it an Agent Mitra backend, which operations does it list, and under which other paths?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from perfsuite.errors import TargetError
from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import FailureKind
from perfsuite.model.role import Role, Step
from perfsuite.target.catalogue import CATALOGUE, SERVICE, SERVICE_HEALTH, Operation
from perfsuite.target.checks import asks_for_certificate
from perfsuite.target.connection import CLIENT_CERTIFICATE_REQUIRED
from perfsuite.target.exchange import USER_AGENT, Answer, Failure, Request, Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_NAMED = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What the target says about itself. `routes`: method and path; None where it lists none."""

    service: str
    version: str
    routes: frozenset[tuple[str, str]] | None

    def has(self, method: str, path: str) -> bool:
        """True when the target lists the route, or has no list."""
        return self.routes is None or (method, _anonymous(path.split("?")[0])) in self.routes

    def missing(self, run: RunState) -> frozenset[str]:
        """Operations of the catalogue that the target does not list under the paths of the run."""
        return frozenset(
            name for name, operation in CATALOGUE.items() if not self.has(operation.method, run.path_of(operation))
        )


def probe_target(host: str, transport: Transport, run: RunState) -> TargetInfo:
    """Ask for `/health` and `/openapi.json`, under the paths of the run.

    Raises TargetError for each way in which the target is not there, not ours or not healthy.
    """
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": run.run_header}
    path = run.path_of(SERVICE_HEALTH)
    health = transport.exchange(Request("GET", path, headers))
    if health.failure is not None:
        raise TargetError(_unreachable(host, health.failure))
    body = _object(health)
    service = str(body.get("service", ""))
    if SERVICE not in service:
        raise TargetError(_not_ours(host, path, health, service))
    if health.status != 200 or body.get("status") != "healthy":
        said = str(body.get("status"))[:40]
        raise TargetError(PreflightMessage.NOT_HEALTHY(host=host, status=health.status, health=said))
    routes = _routes(transport.exchange(Request("GET", run.openapi, headers)), urlsplit(host).path)
    target = TargetInfo(service, str(body.get("version", "")), routes)
    if target.missing(run) >= CATALOGUE.keys() - {SERVICE_HEALTH.name}:
        raise TargetError(PreflightMessage.NO_ROUTES(host=host))
    return target


def _not_ours(host: str, path: str, health: Answer, service: str) -> Message:
    if 300 <= health.status < 400:
        location = health.header("location").split("?")[0][:160] or "nowhere"
        return PreflightMessage.REDIRECT(host=host, path=path, status=health.status, location=location)
    if asks_for_certificate(health):
        return PreflightMessage.CLIENT_CERTIFICATE(host=host)
    if health.status == 429:
        return PreflightMessage.RATE_LIMIT(host=host, path=path)
    return PreflightMessage.OTHER_SERVICE(host=host, path=path, seen=_seen(health, service))


def _unreachable(host: str, failure: Failure) -> Message:
    why = failure.message
    match failure.kind:
        case FailureKind.CONNECTION_REFUSED:
            return PreflightMessage.REFUSED(host=host)
        case FailureKind.NAME_NOT_FOUND:
            return PreflightMessage.NAME_NOT_FOUND(host=host)
        case FailureKind.TIMEOUT:
            return PreflightMessage.TIMEOUT(host=host)
        case FailureKind.TLS if CLIENT_CERTIFICATE_REQUIRED in why:
            return PreflightMessage.CLIENT_CERTIFICATE(host=host)
        case FailureKind.TLS:
            return PreflightMessage.TLS(host=host, why=why, fix=_tls_fix(why))
        case FailureKind.PROXY:
            return PreflightMessage.PROXY(host=host, why=why)
        case FailureKind.CONNECTION_LOST if host.startswith("https:"):
            # Servers on asyncio close without the alert that would have named the certificate.
            return PreflightMessage.LOST_OVER_TLS(host=host, why=why)
        case FailureKind.GENERATOR:
            return PreflightMessage.LOAD_MACHINE(host=host, why=why)
        case FailureKind.INVALID_RESPONSE:
            return PreflightMessage.INVALID_RESPONSE(host=host, why=why)
    return PreflightMessage.NOT_HTTP(host=host, why=why)


def _tls_fix(why: str) -> Message:
    if "self-signed" in why or "self signed" in why or "issuer" in why:
        return PreflightMessage.TLS_UNKNOWN_AUTHORITY()
    if "mismatch" in why or "doesn't match" in why or "not valid for" in why:
        return PreflightMessage.TLS_OTHER_NAME()
    if "expired" in why or "not yet valid" in why:
        return PreflightMessage.TLS_NOT_VALID_NOW()
    return PreflightMessage.TLS_NOT_HTTPS()


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


def _routes(answer: Answer, base_path: str) -> frozenset[tuple[str, str]] | None:
    """Method and path. A gateway may list the paths with its base path, the backend itself without."""
    paths = _object(answer).get("paths") if answer.status == 200 else None
    if not isinstance(paths, dict):
        return None
    return frozenset(
        (method.upper(), _anonymous(str(path).removeprefix(base_path)))
        for path, methods in paths.items()
        for method in (methods if isinstance(methods, Iterable) else ())
    )


def _anonymous(path: str) -> str:
    return _NAMED.sub("{}", path)


# ── routes under another name ───────────────────────────────────────────────────────────────────────

_LOOKS_ALIKE = 0.6
_MOST_TRIED, _MOST_PROPOSED = 5, 3
_ANY_ID = "{}"
_COMMON = re.compile(r"^/api/(v\d+/)?")


def hints_for(role: Role, session: Session, target: TargetInfo) -> dict[str, Message]:
    """Operation that the target does not list → which route it may be. The session is logged in and knows ids.

    A similar name proves nothing: the role tries a read, and only a path that answers 200 is proposed. It never tries
    a write.
    """
    missing = target.missing(session.run)
    found = {
        name: _hint(steps[-1], session, target) for name, steps in role.steps_by_operation.items() if name in missing
    }
    return {name: hint for name, hint in found.items() if hint}


def _hint(step: Step, session: Session, target: TargetInfo) -> Message | None:
    operation = CATALOGUE[step.operation]
    candidates = _alike(operation, session, target)
    if not candidates:
        return None
    if operation.method != "GET":
        return PreflightMessage.CANDIDATE_WRITES(path=candidates[0])
    call = step.arguments(session)
    ids = tuple(call.path.values()) if call is not None else ()
    good = [path for path in candidates if session.peek(_filled(path, ids)) == 200][:_MOST_PROPOSED]
    return PreflightMessage.CANDIDATE_ANSWERED(paths=", ".join(good)) if good else None


def _alike(operation: Operation, session: Session, target: TargetInfo) -> list[str]:
    """Listed paths with the same method and number of ids that no other operation uses, most similar first."""
    run = session.run
    wanted = run.path_of(operation).split("?")[0]
    in_use = {_NAMED.sub(_ANY_ID, run.path_of(each).split("?")[0]) for each in CATALOGUE.values()}
    names = _NAMED.findall(wanted)
    listed = {
        path
        for method, path in target.routes or ()
        if method == operation.method and path not in in_use and path.count(_ANY_ID) == len(names)
    }
    near = {path: SequenceMatcher(None, _distinctive(path), _distinctive(wanted)).ratio() for path in listed}
    alike = sorted((path for path in listed if near[path] >= _LOOKS_ALIKE), key=lambda path: (-near[path], path))
    return [_named(path, names) for path in alike[:_MOST_TRIED]]


def _distinctive(path: str) -> str:
    """The distinctive part of a path: without the common prefix and the names of ids."""
    return _COMMON.sub("/", _NAMED.sub(_ANY_ID, path))


def _named(path: str, names: list[str]) -> str:
    """The path with the contract's names of ids, as a mapping needs it."""
    for name in names:
        path = path.replace(_ANY_ID, f"{{{name}}}", 1)
    return path


def _filled(path: str, ids: tuple[str, ...]) -> str:
    values = iter(ids)
    return _NAMED.sub(lambda place: quote(next(values, place[0]), safe=""), path)
