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
from perfsuite.model import FailureKind
from perfsuite.model.role import Role, Step
from perfsuite.target.catalogue import CATALOGUE, SERVICE_HEALTH, Operation
from perfsuite.target.connection import tls_fix
from perfsuite.target.exchange import USER_AGENT, Answer, Failure, Request, Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_SERVICE = "agent-mitra"
_NAMED = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What the target says of itself. `routes` is None where it lists none (/openapi.json switched off)."""

    service: str
    version: str
    routes: frozenset[tuple[str, str]] | None

    def has(self, method: str, path: str) -> bool:
        """True when the target lists the route, or lists nothing at all so that nobody can know."""
        return self.routes is None or (method, _anonymous(path.split("?")[0])) in self.routes

    def missing(self, run: RunState) -> frozenset[str]:
        """Names of the operations of the catalogue that the target does not list where the run asks for them."""
        return frozenset(
            name for name, operation in CATALOGUE.items() if not self.has(operation.method, run.path_of(operation))
        )


def probe_target(host: str, transport: Transport, run: RunState) -> TargetInfo:
    """Ask for `/health` and `/openapi.json`, or where the run has them.

    Raises TargetError that tells apart: nothing there, name unknown, TLS, no answer, a redirect, somebody else's
    server.
    """
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": run.run_header}
    path = run.path_of(SERVICE_HEALTH)
    health = transport.exchange(Request("GET", path, headers))
    if health.failure is not None:
        raise TargetError(_unreachable(host, health.failure))
    body = _object(health)
    service = str(body.get("service", ""))
    if _SERVICE not in service:
        raise TargetError(_not_ours(host, path, health, service))
    if health.status != 200 or body.get("status") != "healthy":
        raise TargetError(
            f"{host} says it is not healthy (HTTP {health.status}, status {str(body.get('status'))[:40]!r}); "
            "look at its log and at /api/v1/health/database before loading it."
        )
    routes = _routes(transport.exchange(Request("GET", run.openapi, headers)), urlsplit(host).path)
    target = TargetInfo(service, str(body.get("version", "")), routes)
    if target.missing(run) >= CATALOGUE.keys() - {SERVICE_HEALTH.name}:
        raise TargetError(
            f"{host} lists none of the routes under /api/v1/: it is not an Agent Mitra backend.\n"
            "Check --host; where all its paths are others, name them in a file for --mapping."
        )
    return target


def _not_ours(host: str, path: str, health: Answer, service: str) -> str:
    if 300 <= health.status < 400:
        where = health.header("location").split("?")[0][:160] or "nowhere"
        return (
            f"{host} redirects: GET {path} gave HTTP {health.status} to {where}.\n"
            "Redirects are not followed: give the address behind it with --host."
        )
    if health.status == 429:
        return f"{host}: its rate limit answers GET {path} already (HTTP 429). Raise it for the load, or wait."
    return (
        f"{host} answers, but is not an Agent Mitra backend: GET {path} gave {_seen(health, service)}.\n"
        "Give the backend's address with --host (behind a gateway with its base path), or use --demo."
    )


def _unreachable(host: str, failure: Failure) -> str:
    mend = {
        FailureKind.CONNECTION_REFUSED: (
            "nothing listens there (connection refused). Start the backend, or use --demo for the reference backend."
        ),
        FailureKind.NAME_NOT_FOUND: "the name is not known. Check --host for a typing error, and the DNS or VPN.",
        FailureKind.TIMEOUT: "no answer in time. Is a firewall in between, or the backend stuck? Try it with curl.",
        FailureKind.TLS: (
            f"the certificate was not accepted ({failure.message}). "
            f"{tls_fix(failure.message)}; verification is never switched off."
        ),
        FailureKind.PROXY: f"{failure.message}. Check --proxy; load that needs none goes without it.",
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


def _routes(answer: Answer, base_path: str) -> frozenset[tuple[str, str]] | None:
    """Method and path; a gateway may list the paths with its base path, the backend itself without."""
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


def hints_for(role: Role, session: Session, target: TargetInfo) -> dict[str, str]:
    """Operation that the target does not list → what to say of routes like it; those without any are left out.

    The session is logged in and has asked for what the role can read.
    """
    missing = target.missing(session.run)
    found = {
        name: _hint(steps[-1], session, target) for name, steps in role.steps_by_operation.items() if name in missing
    }
    return {name: hint for name, hint in found.items() if hint}


def _hint(step: Step, session: Session, target: TargetInfo) -> str:
    operation = CATALOGUE[step.operation]
    candidates = _alike(operation, session, target)
    if not candidates:
        return ""
    if operation.method != "GET":
        return f"{candidates[0]} is listed, and was not tried, since it writes"
    call = step.arguments(session)
    ids = tuple(call.path.values()) if call is not None else ()
    good = [path for path in candidates if session.peek(_filled(path, ids)) == 200][:_MOST_PROPOSED]
    if not good:
        return ""
    return f"{', '.join(good)} answered 200: if that is it, name it for --mapping"


def _alike(operation: Operation, session: Session, target: TargetInfo) -> list[str]:
    """Listed paths of the same method with as many ids, in use for nothing else, most alike first."""
    run = session.run
    wanted = run.path_of(operation).split("?")[0]
    in_use = {_NAMED.sub(_ANY_ID, run.path_of(each).split("?")[0]) for each in CATALOGUE.values()}
    names = _NAMED.findall(wanted)
    listed = {
        path
        for method, path in target.routes or ()
        if method == operation.method and path not in in_use and path.count(_ANY_ID) == len(names)
    }
    near = {path: SequenceMatcher(None, _telling(path), _telling(wanted)).ratio() for path in listed}
    alike = sorted((path for path in listed if near[path] >= _LOOKS_ALIKE), key=lambda path: (-near[path], path))
    return [_named(path, names) for path in alike[:_MOST_TRIED]]


def _telling(path: str) -> str:
    """Of a path what tells of it: without the beginning that all have, and without names of ids."""
    return _COMMON.sub("/", _NAMED.sub(_ANY_ID, path))


def _named(path: str, names: list[str]) -> str:
    """With the contract's names of ids, as a mapping wants them."""
    for name in names:
        path = path.replace(_ANY_ID, f"{{{name}}}", 1)
    return path


def _filled(path: str, ids: tuple[str, ...]) -> str:
    values = iter(ids)
    return _NAMED.sub(lambda place: quote(next(values, place[0]), safe=""), path)
