"""How requests get to the target: its address, whom to trust, a proxy, headers to add. For every transport the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from perfsuite.model import Headers, Plan

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Way:
    """`host`: scheme, name, port and base path. `ca_file` and `proxy` as in `Access`; "" for none.

    `headers` are added to every request and may be secret.
    """

    host: str
    ca_file: str = ""
    proxy: str = ""
    headers: Headers = field(default=(), repr=False)

    @property
    def base_path(self) -> str:
        """What stands before the path of every request, without a slash at its end."""
        return urlsplit(self.host).path.rstrip("/")

    def leads_to(self, url: str) -> bool:
        """True when `url` is on the server that this way leads to, whatever the path."""
        return _origin(url) == _origin(self.host)


def way_of(plan: Plan, headers: Headers) -> Way:
    """The way to the target of a plan; `headers` with their values, which the plan does not hold."""
    return Way(plan.host, plan.access.ca_file, plan.access.proxy, headers)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme)
