"""Which hosts may be loaded. Loading the wrong one does harm, so everything not known is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from perfsuite.errors import SafetyError, UsageError

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*", re.ASCII)
_TEST_LABELS = frozenset({"staging", "stage", "test", "testing", "dev", "qa", "uat", "sandbox", "perf"})


@dataclass(frozen=True, slots=True)
class HostRules:
    """What may be loaded besides this machine: by the configuration, and by the command line."""

    configured: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    accept_production: bool = False


def normalised_url(url: str) -> str:
    """`scheme://host[:port][/base/path]`, up to the path in lower case, without a trailing slash.

    Raises UsageError for anything else.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise UsageError(_scheme_message(url)) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(_scheme_message(url))
    if "@" in parts.netloc:
        # The URL itself is not repeated: it holds a password.
        raise UsageError("--host: a URL may not hold a user name or password. Accounts belong into --credentials FILE")
    base_path = _base_path(parts)
    try:
        port = parts.port
    except ValueError:
        raise UsageError(f"--host: the port of {url!r} is not a number from 1 to 65535") from None
    if port == 0:
        raise UsageError(f"--host: the port of {url!r} is not a number from 1 to 65535")
    name = normalised_name(parts.hostname or "", option="--host")
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + base_path


def _base_path(parts: SplitResult) -> str:
    """What stands before the paths of the API, such as "/mitra" behind a gateway; "" for nothing."""
    path = parts.path.rstrip("/")
    where = f"{parts.scheme}://{parts.netloc}"
    if parts.query or parts.fragment:
        raise UsageError(f"--host: give scheme, host, port and base path only: {where}{path}")
    if "/api/v1" in path:
        raise UsageError(f"--host: leave out /api/v1 and what follows: {where}{path.partition('/api/v1')[0]}")
    if not _BASE_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise UsageError(f"--host: {path!r} is no base path. Write it as https://gateway.example/mitra")
    return path


def _scheme_message(url: str) -> str:
    if "@" in url:
        return "--host: must be a URL such as http://localhost:8015, without user name and password"
    bare = re.fullmatch(r"[A-Za-z0-9_.\[\]:-]+", url.strip())
    if bare and "://" not in url:
        return f"--host: {url!r} has no scheme. Did you mean 'http://{url.strip()}'?"
    return f"--host: {url!r} is not an HTTP URL. Write it as http://localhost:8015"


def normalised_name(name: str, *, option: str = "--allow-host") -> str:
    """A host name or address in its usual form. Raises UsageError for a URL, a port, a wildcard."""
    cleaned = name.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    address = _address(cleaned)
    if address is not None:
        return str(address)
    if not _NAME.fullmatch(cleaned):
        raise UsageError(f"{option}: {name!r} is not a host name. Write it as staging-api.agentmitra.com or 10.0.0.7")
    return cleaned


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that is written there, an IPv4 one inside IPv6 as IPv4; None for a name."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_local(name: str) -> bool:
    """True for this machine itself: localhost and the loopback addresses of IPv4 and IPv6."""
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def looks_like_production(name: str) -> bool:
    """True when nothing in the name says that it is a test system, or it says "prod".

    The last label does not count as a word: `agentmitra.dev` is a public site like any other.
    """
    if is_local(name):
        return False
    if "prod" in name or _address(name) is not None:
        return True  # an address tells nothing
    labels = name.split(".")
    words = re.split(r"[._-]", ".".join(labels[:-1] if len(labels) > 1 else labels))
    return not any(word.rstrip("0123456789") in _TEST_LABELS for word in words)


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
    """True when `url` points at this machine or at one of the `allowed` names. False for what is no proper URL."""
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
        raise SafetyError(
            f"refused: {name} looks like production ({_why_production(name)}).\n"
            f"If you may load it, add both --allow-host {name} and --i-accept-production-load"
        )
    known = ", ".join(("localhost", *allowed))
    raise SafetyError(
        f"refused: {name} is not among the hosts that may be loaded ({known}).\n"
        f"If you may load it, add --allow-host {name}, or add it to allowed_hosts in scenarios.toml"
    )


def _why_production(name: str) -> str:
    if "prod" in name:
        return 'its name holds "prod"'
    if _address(name) is not None:
        return "an address does not say that it is a test system"
    return "nothing in its name says staging, test, dev, qa, uat, sandbox or perf"
