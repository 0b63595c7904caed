"""How a target is reached (base path, headers, authorities, proxy) is the same for the load and for what looks at it.

Each test is made with both transports: that of the parent process, and that of the virtual users in a process of
their own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Request
from perfsuite.target.http_client import HttpClient
from tests.certificates import PrivateCa, needs_openssl, private_ca
from tests.load.child import Child
from tests.target.proxy_server import ProxyServer
from tests.target.raw_server import RawServer, nobody_listens

Ask = Callable[..., list[str]]
"""Asks along a way for paths; statuses, or kinds and messages of failures. Keywords are variables of the process."""


def _by_the_parent(connection: ConnectionSettings, *paths: str, **variables: str) -> list[str]:
    with _environment(variables):
        transport = HttpClient(replace(connection, timeout_s=5.0))
        answers = [transport.exchange(Request("GET", path, {"X-Request-ID": "1"})) for path in paths]
        transport.close()
    return [f"{a.failure.kind}: {a.failure.message}" if a.failure else str(a.status) for a in answers]


@pytest.fixture(scope="module")
def by_a_user() -> Iterator[Ask]:
    """One process asks for all tests of this file."""
    with Child("in_child_connection") as child:
        yield lambda connection, *paths, **variables: child.ask(connection, paths, variables)


class _environment:
    """A block in which variables are set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables, self._before = variables, dict(os.environ)

    def __enter__(self) -> None:
        os.environ.update(self._variables)

    def __exit__(self, *_error: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


@pytest.fixture(params=["the parent", "a virtual user"])
def ask(request: pytest.FixtureRequest, by_a_user: Ask) -> Ask:
    return by_a_user if request.param == "a virtual user" else _by_the_parent


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return private_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secure(house: PrivateCa) -> Iterator[RawServer]:
    """Its certificate is signed by the authority of the house, which no machine knows."""
    with RawServer(house.server) as server:
        yield server


def _lines(server: RawServer) -> list[str]:
    return [line for _connection, line, _raw in server.log]


# ── base path and headers ───────────────────────────────────────────────────────────────────────────


def test_the_base_path_stands_before_every_path(ask: Ask, server: RawServer) -> None:
    assert ask(ConnectionSettings(f"{server.host}/mitra/api"), "/x/json?a=b", "/json") == ["200", "200"]
    assert _lines(server) == ["GET /mitra/api/x/json?a=b", "GET /mitra/api/json"]


def test_headers_are_added_to_every_request_beside_its_own(ask: Ask, server: RawServer) -> None:
    added = (("X-Api-Key", "geheim-1"), ("X-Tenant", "a b=c; d"))
    assert ask(ConnectionSettings(server.host, headers=added), "/x/json", "/x/json") == ["200", "200"]

    for _connection, _line, raw in server.log:
        head = raw.split(b"\r\n")
        assert b"X-Api-Key: geheim-1" in head
        assert b"X-Tenant: a b=c; d" in head
        assert b"X-Request-ID: 1" in head


def test_answers_are_asked_for_uncompressed(ask: Ask, server: RawServer) -> None:
    ask(ConnectionSettings(server.host), "/x/json")

    ((_connection, _line, raw),) = server.log
    encodings = [line for line in raw.lower().split(b"\r\n") if line.startswith(b"accept-encoding:")]
    assert encodings in ([], [b"accept-encoding: identity"])


# ── authorities ─────────────────────────────────────────────────────────────────────────────────────


@needs_openssl
def test_an_authority_that_nobody_named_is_not_trusted(ask: Ask, secure: RawServer) -> None:
    (reported,) = ask(ConnectionSettings(secure.host), "/x/json")

    assert reported == "tls: TLS: unable to get local issuer certificate"
    assert secure.log == []


@needs_openssl
def test_an_authority_that_is_named_is_trusted(ask: Ask, secure: RawServer, house: PrivateCa) -> None:
    assert ask(ConnectionSettings(secure.host, ca_file=str(house.authority)), "/x/json", "/x/json") == ["200", "200"]
    assert _lines(secure) == ["GET /x/json"] * 2


@needs_openssl
def test_an_authority_in_the_environment_is_trusted(ask: Ask, secure: RawServer, house: PrivateCa) -> None:
    assert ask(ConnectionSettings(secure.host), "/x/json", SSL_CERT_FILE=str(house.authority)) == ["200"]


@needs_openssl
def test_a_folder_of_authorities_in_the_environment_is_trusted(
    ask: Ask, secure: RawServer, house: PrivateCa, tmp_path: Path
) -> None:
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(house.authority)], check=True, capture_output=True, text=True
    )
    (tmp_path / f"{hashed.stdout.strip()}.0").write_bytes(house.authority.read_bytes())

    assert ask(ConnectionSettings(secure.host), "/x/json", SSL_CERT_DIR=str(tmp_path), SSL_CERT_FILE="") == ["200"]


@needs_openssl
def test_a_trusted_certificate_is_good_for_its_own_name_only(ask: Ask, secure: RawServer, house: PrivateCa) -> None:
    (reported,) = ask(ConnectionSettings(f"https://127.0.0.1:{secure.port}", ca_file=str(house.authority)), "/x/json")

    assert reported == "tls: TLS: ip address mismatch, certificate is not valid for '127.0.0.1'."


# ── proxies ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_in_the_environment_is_not_used(ask: Ask, server: RawServer, name: str) -> None:
    with ProxyServer() as proxy:
        assert ask(ConnectionSettings(server.host), "/x/json", **{name: proxy.url, "NO_PROXY": "", "no_proxy": ""}) == [
            "200"
        ]
        assert proxy.asked == []


@needs_openssl
def test_nor_is_one_for_https(ask: Ask, secure: RawServer, house: PrivateCa) -> None:
    with ProxyServer() as proxy:
        variables = {"HTTPS_PROXY": proxy.url, "https_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        assert ask(ConnectionSettings(secure.host, ca_file=str(house.authority)), "/x/json", **variables) == ["200"]
        assert proxy.asked == []


def test_a_proxy_gets_the_whole_address(ask: Ask, server: RawServer) -> None:
    with ProxyServer() as proxy:
        connection = ConnectionSettings(f"{server.host}/mitra", proxy=proxy.url, headers=(("X-Api-Key", "k"),))
        assert ask(connection, "/x/json?a=b", "/x/json") == ["200", "200"]

    assert proxy.asked == [f"GET {server.host}/mitra/x/json?a=b", f"GET {server.host}/mitra/x/json"]
    assert _lines(server) == ["GET /mitra/x/json?a=b", "GET /mitra/x/json"]
    assert b"X-Api-Key: k" in server.log[0][2]
    host = server.host.removeprefix("http://").encode()
    assert b"\r\nHost: " + host in server.log[0][2]


@needs_openssl
def test_https_goes_through_a_tunnel_of_the_proxy(ask: Ask, secure: RawServer, house: PrivateCa) -> None:
    with ProxyServer() as proxy:
        connection = ConnectionSettings(
            secure.host, ca_file=str(house.authority), proxy=proxy.url, headers=(("X-Api-Key", "k"),)
        )
        assert ask(connection, "/x/json", "/x/json") == ["200", "200"]

    assert proxy.asked == [f"CONNECT localhost:{secure.port}"]  # one tunnel, and nothing in it is shown to the proxy
    assert _lines(secure) == ["GET /x/json"] * 2


@needs_openssl
def test_within_a_tunnel_certificates_are_verified_too(ask: Ask, secure: RawServer) -> None:
    with ProxyServer() as proxy:
        (reported,) = ask(ConnectionSettings(secure.host, proxy=proxy.url), "/x/json")

    assert reported == "tls: TLS: unable to get local issuer certificate"


def test_a_proxy_that_refuses_is_named(ask: Ask) -> None:
    with ProxyServer(refuse="407 Proxy Authentication Required") as proxy:
        (reported,) = ask(ConnectionSettings("https://localhost:1", proxy=proxy.url), "/x/json")

    assert reported.startswith("proxy: the proxy opens no way to the target (")
    assert "407 Proxy Authentication Required" in reported


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_not_the_target(ask: Ask, scheme: str) -> None:
    with nobody_listens() as nobody:
        assert ask(ConnectionSettings(f"{scheme}://localhost:1", proxy=nobody), "/x/json") == [
            "proxy: nothing listens at the proxy's address"
        ]
    assert ask(ConnectionSettings(f"{scheme}://localhost:1", proxy="http://proxy.invalid:3128"), "/x/json") == [
        "proxy: the name of the proxy is not known"
    ]
