"""The sources of what the user wants to monitor."""

from __future__ import annotations

import ipaddress
import socket
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psutil

from perfsuite.errors import UsageError
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model import Headers
from perfsuite.monitor.application import HTTP_TIMEOUT_S, POOL_PAGE, SYSTEM_PAGE, Page, PageSource, Probe
from perfsuite.monitor.machine import MachineSource
from perfsuite.monitor.prometheus import (
    PROMETHEUS_TIMEOUT_S,
    MetricsPage,
    MetricsPageSource,
    MetricsUrlSource,
    PrometheusSource,
    Queries,
)
from perfsuite.monitor.server import ServerSource, by_pid, by_port, find_process
from perfsuite.monitor.source import Clock, Source, SourceError, SystemClock
from perfsuite.target.catalogue import SERVICE_HEALTH
from perfsuite.target.connection import DEFAULT_PORTS, ConnectionSettings, deployed
from perfsuite.target.exchange import Transport
from perfsuite.target.http_client import HttpClient

_MAY_STAND = "!#$%&'()*+,/:;=?@[]~"
"""In a path or query, beside letters and digits (RFC 3986, 2)."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What to monitor. None: not that. `server`: a process id, or the URL of the backend. DSN and URLs hold secrets."""

    run_id: str
    connection: ConnectionSettings
    """To the target; its page /api/v1/health/database has the figures of the pool."""
    server: str | None = None
    postgres_dsn: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    prometheus_url: str | None = field(default=None, repr=False)
    queries: Queries = field(default_factory=Queries, repr=False)
    paths: Mapping[str, str] = field(default_factory=dict)
    """The contract's path → the target's."""

    @property
    def wanted(self) -> bool:
        """True when anything is to be monitored."""
        return any((self.server, self.postgres_dsn, self.redis_url, self.prometheus_url))


def check_watch(watch: Watch) -> None:
    """Raises UsageError for a wrong value, and for a process that does not exist. Nothing is sent.

    A server that does not answer is no error: it may start later, and the load goes on without its figures.
    """
    for source in build_sources(watch, SystemClock()):
        source.close()
    if watch.server and _is_pid(watch.server) and find_process(int(watch.server)) is None:
        raise UsageError(MonitorMessage.NO_PROCESS_OPTION(pid=watch.server))
    # Drivers take a while to import, and many commands monitor nothing.
    if watch.postgres_dsn:
        from perfsuite.monitor.postgres import read_dsn

        _readable("--monitor-postgres", read_dsn, watch.postgres_dsn)
    if watch.redis_url:
        from perfsuite.monitor.redis import client_for

        _readable("--monitor-redis", client_for, watch.redis_url)


def _readable(option: str, read: Callable[[str], object], address: str) -> None:
    try:
        read(address)
    except SourceError as error:
        raise UsageError(MonitorMessage.OPTION(option=option, why=error.message)) from None


def build_sources(watch: Watch, clock: Clock) -> list[Source]:
    """The sources, not opened yet; [] when nothing is to be monitored. Raises UsageError for a wrong value."""
    if not watch.wanted:
        return []
    sources = _server(watch.server, watch, clock) if watch.server else []
    here = any(source.name == ServerSource.name for source in sources)
    sources.append(MachineSource(clock, only_network=not here))
    transport = _transport(watch.connection.host, "--host", watch.connection, HTTP_TIMEOUT_S)
    sources.append(PageSource(_page(POOL_PAGE, watch), transport, watch.run_id, clock))
    if watch.postgres_dsn:
        from perfsuite.monitor.postgres import PostgresSource

        sources.append(PostgresSource(watch.postgres_dsn, clock))
    if watch.redis_url:
        from perfsuite.monitor.redis import RedisSource

        sources.append(RedisSource(watch.redis_url, clock))
    if watch.prometheus_url:
        sources.append(_metrics_url(watch.prometheus_url, watch, clock, sources))
    return sources


def _metrics_url(url: str, watch: Watch, clock: Clock, others: Sequence[Source]) -> Source:
    """A Prometheus or a page of metrics. Of a page, metrics that other sources read are left out."""
    to_server, to_page = (
        _transport(address, "--monitor-prometheus", watch.connection, PROMETHEUS_TIMEOUT_S)
        for address in (url, _origin(url))
    )
    parts = urlsplit(_request_url(url)[0])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    known = frozenset(metric for source in others for metric in source.metrics)
    page = MetricsPageSource(MetricsPage(to_page, target, known), clock)
    return MetricsUrlSource(page, PrometheusSource(to_server, watch.queries, clock))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _page(page: Page, watch: Watch) -> Page:
    return replace(page, path=deployed(page.path, watch.paths))


def _server(server: str, watch: Watch, clock: Clock) -> list[Source]:
    """By process id; by the port of a URL of this machine; else by the page on which a backend reports its machine."""
    if _is_pid(server):
        return [ServerSource(by_pid(int(server)), clock)]
    parts = urlsplit(server)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise UsageError(MonitorMessage.SERVER_OPTION(url=_shown(server)))
    if is_this_machine(parts.hostname):
        return [ServerSource(by_port(_port(server)), clock)]
    transport, beside = (_transport(server, "--monitor-server", watch.connection, HTTP_TIMEOUT_S) for _ in range(2))
    probe = Probe(beside, deployed(SERVICE_HEALTH.path, watch.paths))
    return [PageSource(_page(SYSTEM_PAGE, watch), transport, watch.run_id, clock, probe)]


def _is_pid(server: str) -> bool:
    return server.isascii() and server.isdigit()


def _port(url: str) -> int:
    try:
        parts = urlsplit(url)
        return parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        raise UsageError(MonitorMessage.PORT_OPTION(url=_shown(url))) from None


def _transport(url: str, option: str, connection: ConnectionSettings, timeout_s: float) -> Transport:
    """To `url`: with the settings of the load if it leads to the target, else directly, without the added headers."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise UsageError(MonitorMessage.URL_OPTION(option=option, url=_shown(url)))
    try:
        host, credentials = _request_url(url)
        if connection.reaches(url):
            to = replace(connection, host=host, headers=(*connection.headers, *credentials), timeout_s=timeout_s)
        else:
            to = ConnectionSettings(host, connection.ca_file, headers=credentials, timeout_s=timeout_s)
        return HttpClient(to)
    except ValueError:
        raise UsageError(MonitorMessage.NO_URL(option=option, url=_shown(url))) from None


def _request_url(url: str) -> tuple[str, Headers]:
    """The URL as a request may contain it, without a user's name and password, and the header that contains these.

    Raises ValueError.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    shown = f"[{name}]" if ":" in name else name.encode("idna").decode()
    netloc = shown if parts.port is None else f"{shown}:{parts.port}"
    path, query = (quote(part, safe=_MAY_STAND) for part in (parts.path, parts.query))
    if parts.username is None and parts.password is None:
        credentials: Headers = ()
    else:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        credentials = (("Authorization", f"Basic {b64encode(pair.encode()).decode()}"),)
    return urlunsplit((parts.scheme, netloc, path, query, "")), credentials


def _shown(url: str) -> str:
    """Without what may be a password."""
    return url.rsplit("@", 1)[-1]


def is_this_machine(name: str) -> bool:
    """True for a loopback address, one of this machine's own, or a name of one. False for a name not known."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return False
    own = {address.address.split("%")[0] for addresses in psutil.net_if_addrs().values() for address in addresses}
    return any(ipaddress.ip_address(one.split("%")[0]).is_loopback or one in own for one in found)
