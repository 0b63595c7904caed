"""How requests reach the target: address, trusted certificates, proxy, headers, and the deployed paths."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from perfsuite.model import Headers, Plan
from perfsuite.target.catalogue import CATALOGUE

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """`host`: scheme, name, port and base path. `ca_file` and `proxy` as in `Access`; "" for none.

    `headers` are added to every request and may be secret.
    """

    host: str
    ca_file: str = ""
    proxy: str = ""
    headers: Headers = field(default=(), repr=False)
    timeout_s: float | None = None
    """How long to wait for an answer; None: as long as the transport usually does."""

    @property
    def base_path(self) -> str:
        """What stands before the path of every request, without a slash at its end."""
        return urlsplit(self.host).path.rstrip("/")

    def reaches(self, url: str) -> bool:
        """True when `url` is on the server that this way leads to, whatever the path."""
        return _origin(url) == _origin(self.host)


def connection_settings(plan: Plan, headers: Headers) -> ConnectionSettings:
    """The way to the target of a plan; `headers` with their values, which the plan does not hold."""
    return ConnectionSettings(plan.host, plan.access.ca_file, plan.access.proxy, headers, plan.timeout_s)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme)


def tls_context(ca_file: str = "", make: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> ssl.SSLContext:
    """Trusts whom the machine trusts (or SSL_CERT_FILE and SSL_CERT_DIR name instead), and who is in `ca_file`.

    Where the machine has no authorities at all, those of certifi. `make` makes the context, with the machine's own
    loaded. Raises OSError (SSLError among them) when `ca_file` cannot be read or holds no certificate.
    """
    context = make()
    if not _machine_has_authorities():
        context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _machine_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()  # what there is of them, after the environment
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


def tls_message(error: ssl.SSLError) -> str:
    """Why TLS failed, in words."""
    reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
    return f"TLS: {str(reason).replace('_', ' ').lower()}"


def tls_fix(message: str) -> str:
    """What to do about a failure with that message, as one sentence."""
    if "self-signed" in message or "self signed" in message or "issuer" in message:
        return "Name the authority that signed it with --ca-file FILE (PEM)"
    if "mismatch" in message or "doesn't match" in message or "not valid for" in message:
        return "Give the name that the certificate is for with --host"
    if "expired" in message or "not yet valid" in message:
        return "Have it renewed, and see whether the clock of this machine is right"
    return "Is it HTTPS that answers there? Check scheme and port of --host"


# ── deployed paths ──────────────────────────────────────────────────────────────────────────────────

OPENAPI = "/openapi.json"
HEALTH_SYSTEM = "/api/v1/health/system"
BESIDE = (OPENAPI, HEALTH_SYSTEM)
"""Paths that are asked for beside the operations of the catalogue."""

REST = "*"
"""At the end of a path of a mapping: all paths that begin so."""


def contract_paths() -> tuple[str, ...]:
    """Every path of the contract that the suite asks for, without queries."""
    return tuple(dict.fromkeys([*(operation.template for operation in CATALOGUE.values()), *BESIDE]))


def deployed(path: str, mapping: Mapping[str, str]) -> str:
    """Where the target has a path of the contract, its query kept. A whole path goes before a beginning, the longest
    beginning before shorter ones."""
    template, mark, query = path.partition("?")
    if template in mapping:
        return mapping[template] + mark + query
    beginnings = [key for key in mapping if key.endswith(REST) and template.startswith(key.removesuffix(REST))]
    if not beginnings:
        return path
    longest = max(beginnings, key=len)
    return mapping[longest].removesuffix(REST) + path.removeprefix(longest.removesuffix(REST))


def deployed_paths(mapping: Mapping[str, str]) -> dict[str, str]:
    """Operation → its path at the target, for those that are elsewhere than the contract says."""
    found = {name: deployed(operation.path, mapping) for name, operation in CATALOGUE.items()}
    return {name: path for name, path in found.items() if path != CATALOGUE[name].path}
