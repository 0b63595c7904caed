"""Which hosts may be loaded. Loading the wrong one does harm, so every unknown host is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from perfsuite.errors import SafetyError, UsageError
from perfsuite.messages import Message
from perfsuite.messages.target import TargetMessage

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*", re.ASCII)
_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_HIGHEST_PORT = 65535
_TEST_LABELS = frozenset({"staging", "stage", "test", "testing", "dev", "qa", "uat", "sandbox", "perf"})


@dataclass(frozen=True, slots=True)
class HostRules:
    """The hosts that may be loaded besides this machine: from the configuration and from the command line."""

    configured: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    accept_production: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a TCP port. As text `host:port`, an IPv6 address in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """True if only programs of this machine reach it: localhost, 127.0.0.0/8 and ::1."""
        return is_local(self.host)


def endpoint_of(text: str, default_port: int) -> Endpoint:
    """The endpoint of `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. Raises UsageError without the option's name."""
    found = _ENDPOINT.fullmatch(text.strip())
    port = int(found["port"] or default_port) if found else 0
    if found is None or not 0 < port <= _HIGHEST_PORT or (found["v6"] and not is_address(found["v6"])):
        raise UsageError(TargetMessage.NOT_AN_ENDPOINT(text=text, port=default_port))
    try:
        return Endpoint(normalised_name(found["v6"] or found["name"]), port)
    except UsageError:
        raise UsageError(TargetMessage.NOT_AN_ENDPOINT(text=text, port=default_port)) from None


def is_address(name: str) -> bool:
    """True for an IPv4 or IPv6 address, False for a name."""
    return _address(name) is not None


def normalised_url(url: str) -> str:
    """`scheme://host[:port][/base/path]`, up to the path in lower case, without a trailing slash.

    Raises UsageError for anything else.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise UsageError(_not_a_url(url)) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(_not_a_url(url))
    if "@" in parts.netloc:
        # The message does not repeat the URL, which contains a password.
        raise UsageError(TargetMessage.CREDENTIALS_IN_URL())
    base_path = _base_path(parts)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise UsageError(TargetMessage.BAD_PORT(url=url))
    name = normalised_name(parts.hostname or "", option="--host")
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + base_path


def _base_path(parts: SplitResult) -> str:
    """The part of the path before that of the API, such as "/mitra" behind a gateway; "" without one."""
    path = parts.path.rstrip("/")
    where = f"{parts.scheme}://{parts.netloc}"
    if parts.query or parts.fragment:
        raise UsageError(TargetMessage.MORE_THAN_A_BASE(base=where + path))
    if "/api/v1" in path:
        raise UsageError(TargetMessage.API_PREFIX(base=where + path.partition("/api/v1")[0]))
    if not _BASE_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise UsageError(TargetMessage.BAD_BASE_PATH(path=path))
    return path


def _not_a_url(url: str) -> Message:
    if "@" in url:
        return TargetMessage.NOT_A_URL_WITH_CREDENTIALS()
    if "://" not in url and re.fullmatch(r"[A-Za-z0-9_.\[\]:-]+", url.strip()):
        return TargetMessage.NO_SCHEME(url=url, bare=url.strip())
    return TargetMessage.NOT_A_URL(url=url)


def normalised_name(name: str, *, option: str = "--allow-host") -> str:
    """A host name or address in its normal form. Raises UsageError for a URL, a port or a wildcard."""
    cleaned = name.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    address = _address(cleaned)
    if address is not None:
        return str(address)
    if not _NAME.fullmatch(cleaned):
        raise UsageError(TargetMessage.BAD_NAME(option=option, name=name))
    return cleaned


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `name` is, an IPv4 address inside IPv6 as IPv4; None for a name."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_local(name: str) -> bool:
    """True for this machine: localhost and the loopback addresses of IPv4 and IPv6."""
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def looks_like_production(name: str) -> bool:
    """True when nothing in the name says that it is a test system, or it says "prod".

    The last label does not count: `agentmitra.dev` is a public site like any other.
    """
    if is_local(name):
        return False
    if "prod" in name or _address(name) is not None:
        return True  # an address does not say what it is
    labels = name.split(".")
    parts = re.split(r"[._-]", ".".join(labels[:-1] if len(labels) > 1 else labels))
    return not any(part.rstrip("0123456789") in _TEST_LABELS for part in parts)


def allowed_names(rules: HostRules) -> tuple[str, ...]:
    """The hosts besides this machine that a run may send to; those that look like production only when accepted."""
    extra = {normalised_name(name) for name in rules.extra}
    configured = {normalised_name(name, option="allowed_hosts") for name in rules.configured}
    return tuple(
        sorted(
            name
            for name in configured | extra
            if not looks_like_production(name) or (name in extra and rules.accept_production)
        )
    )


def is_allowed(url: str, allowed: Collection[str]) -> bool:
    """True when `url` points at this machine or at one of the `allowed` names. False for what is not a valid URL."""
    try:
        name = urlsplit(normalised_url(url)).hostname or ""
    except UsageError:
        return False
    return is_local(name) or name in allowed


def checked_url(url: str, rules: HostRules) -> str:
    """The normalised URL. Raises UsageError when it is no URL, SafetyError when the host may not be loaded."""
    proper = normalised_url(url)
    allowed = allowed_names(rules)
    if is_allowed(proper, allowed):
        return proper
    name = normalised_name(urlsplit(proper).hostname or "")
    if looks_like_production(name):
        raise SafetyError(TargetMessage.LOOKS_LIKE_PRODUCTION(name=name, why=_why_production(name)))
    raise SafetyError(TargetMessage.NOT_ALLOWED(name=name, allowed=", ".join(("localhost", *allowed))))


def _why_production(name: str) -> Message:
    if "prod" in name:
        return TargetMessage.NAME_SAYS_PRODUCTION()
    if _address(name) is not None:
        return TargetMessage.IS_AN_ADDRESS()
    return TargetMessage.NOT_NAMED_A_TEST()
