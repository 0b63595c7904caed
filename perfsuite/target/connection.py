"""How requests reach the target: address, trusted certificates, proxy, headers, and the deployed paths."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from perfsuite.model import Headers, Plan
from perfsuite.target.catalogue import CATALOGUE

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """With what TLS identifies this client: files in PEM form. `key`: "" where it is in the same file as `cert`."""

    cert: str
    key: str = ""
    password: str = field(default="", repr=False)
    """Of the key; "" where it has none."""

    def load_into(self, context: ssl.SSLContext) -> None:
        """Use it in every handshake of the context. Raises OSError (also SSLError) where it cannot be loaded."""
        # With a function, OpenSSL does not ask for the password at the terminal.
        context.load_cert_chain(self.cert, self.key or None, lambda: self.password)


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
    retry: bool = True
    """Send a GET again where the target closed its idle connection at the moment of sending."""
    certificate: ClientCertificate | None = None
    """None: TLS does not identify this client."""

    @property
    def base_path(self) -> str:
        """The part of the URL before the path of every request, without a slash at its end."""
        return urlsplit(self.host).path.rstrip("/")

    def reaches(self, url: str) -> bool:
        """True when `url` is on the same server, whatever the path."""
        return _origin(url) == _origin(self.host)


@dataclass(frozen=True, slots=True)
class Destination:
    """What follows from the settings for every connection and request. `next_hop`: who is connected to, the target or a
    proxy. `authority`: the target as CONNECT names it."""

    name: str
    authority: str
    secure: bool
    proxied: bool
    next_hop: tuple[str, int]
    before_path: str
    header_lines: bytes


@cache
def destination_of(settings: ConnectionSettings) -> Destination:
    """One for all connections of a process."""
    url, proxy = urlsplit(settings.host), urlsplit(settings.proxy)
    name, port = url.hostname or "", url.port or DEFAULT_PORTS[url.scheme]
    secure, proxied = url.scheme == "https", bool(settings.proxy)
    next_hop = (proxy.hostname or "", proxy.port or DEFAULT_PORTS[proxy.scheme]) if proxied else (name, port)
    bracketed = f"[{name}]" if ":" in name else name
    host = bracketed + ("" if port == DEFAULT_PORTS[url.scheme] else f":{port}")
    # A proxy gets the whole address; within a tunnel it is the target that reads.
    before_path = (f"http://{host}" if proxied and not secure else "") + settings.base_path
    lines = [f"Host: {host}", "Accept-Encoding: identity"]
    lines += [f"{header}: {value}" for header, value in settings.headers]
    header_lines = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    return Destination(name, f"{bracketed}:{port}", secure, proxied, next_hop, before_path, header_lines)


def connection_settings(plan: Plan, headers: Headers, key_password: str = "") -> ConnectionSettings:
    """The settings for the target of a plan; `headers` with their values, which the plan does not contain.

    Nor does it contain the password of the client key.
    """
    access = plan.access
    certificate = ClientCertificate(access.client_cert, access.client_key, key_password) if access.client_cert else None
    return ConnectionSettings(
        plan.host, access.ca_file, access.proxy, headers, plan.timeout_s, access.retry, certificate
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme)


def tls_context(ca_file: str = "", certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """Trusts the machine's certificate authorities (or those of SSL_CERT_FILE and SSL_CERT_DIR), and `ca_file`.

    On a machine without any it trusts those of certifi. `certificate` identifies this client to targets that
    ask for it. Raises OSError (also SSLError) when a file cannot be read or does not contain what it should.
    """
    context = ssl.create_default_context()
    if not _machine_has_authorities():
        context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    if certificate is not None:
        certificate.load_into(context)
    return context


@cache
def shared_tls_context(settings: ConnectionSettings) -> ssl.SSLContext:
    """One context for all connections of a process: reading the authorities takes some 20 ms."""
    return tls_context(settings.ca_file, certificate=settings.certificate)


def _machine_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()  # those that exist, after the environment variables
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


CLIENT_CERTIFICATE_REQUIRED = "the target requires a client certificate"


def tls_message(error: ssl.SSLError) -> str:
    """Why TLS failed."""
    if "CERTIFICATE_REQUIRED" in (error.reason or ""):
        return f"TLS: {CLIENT_CERTIFICATE_REQUIRED}"
    reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
    return f"TLS: {str(reason).replace('_', ' ').lower()}"


# ── deployed paths ──────────────────────────────────────────────────────────────────────────────────

OPENAPI = "/openapi.json"
HEALTH_SYSTEM = "/api/v1/health/system"
BESIDE = (OPENAPI, HEALTH_SYSTEM)
"""Paths that the suite asks for beside the operations of the catalogue."""

REST = "*"
"""At the end of a path in a mapping: all paths with that prefix."""


def contract_paths() -> tuple[str, ...]:
    """Every path of the contract that the suite uses, without queries."""
    return tuple(dict.fromkeys([*(operation.template for operation in CATALOGUE.values()), *BESIDE]))


def deployed(path: str, mapping: Mapping[str, str]) -> str:
    """The target's path for a path of the contract, with its query. A whole path wins over a prefix, the longest prefix
    over shorter ones."""
    template, mark, query = path.partition("?")
    if template in mapping:
        return mapping[template] + mark + query
    beginnings = [key for key in mapping if key.endswith(REST) and template.startswith(key.removesuffix(REST))]
    if not beginnings:
        return path
    longest = max(beginnings, key=len)
    return mapping[longest].removesuffix(REST) + path.removeprefix(longest.removesuffix(REST))


def deployed_paths(mapping: Mapping[str, str]) -> dict[str, str]:
    """Operation → its path at the target, where the contract has another."""
    found = {name: deployed(operation.path, mapping) for name, operation in CATALOGUE.items()}
    return {name: path for name, path in found.items() if path != CATALOGUE[name].path}
