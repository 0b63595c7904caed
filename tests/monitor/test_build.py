"""From what a user names to what is watched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.monitor.application import PageSource
from perfsuite.monitor.build import Watch, build_sources, check_watch, is_this_machine
from perfsuite.monitor.source import SourceError
from perfsuite.target.connection import ConnectionSettings
from tests.monitor.fakes import FakeClock
from tests.target.raw_server import RawServer

HOST = ConnectionSettings("http://192.0.2.1:8015")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param({}, [], id="nothing named, nothing watched"),
        pytest.param({"server": "4711"}, ["server", "machine", "pool"], id="a process"),
        pytest.param({"server": "http://127.0.0.1:8015"}, ["server", "machine", "pool"], id="a URL of this machine"),
        pytest.param({"server": "http://192.0.2.1:8015"}, ["health", "machine", "pool"], id="a URL of another"),
        pytest.param(
            {"postgres_dsn": "x", "redis_url": "y", "prometheus_url": "http://192.0.2.1:9090"},
            ["machine", "pool", "postgres", "redis", "prometheus"],
            id="everything but the server",
        ),
    ],
)
def test_what_is_watched(named: dict[str, str], expected: list[str]) -> None:
    sources = build_sources(Watch("run", HOST, **named), FakeClock())  # type: ignore[arg-type]
    assert [source.name for source in sources] == expected
    machine = [source for source in sources if source.name == "machine"]
    here = "server" in expected
    assert all(("machine.cpu_percent" in source.metrics) is here for source in machine), "else it is the load's"
    for source in sources:
        source.close()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"server": "backend"}, MonitorMessage.SERVER_OPTION(url="backend")),
        ({"server": "http://user:s3cr3t@"}, MonitorMessage.SERVER_OPTION(url="")),
        ({"server": "http://localhost:99999"}, MonitorMessage.PORT_OPTION(url="http://localhost:99999")),
        (
            {"prometheus_url": "localhost:9090"},
            MonitorMessage.URL_OPTION(option="--monitor-prometheus", url="localhost:9090"),
        ),
        (
            {"prometheus_url": "ftp://user:s3cr3t@h"},
            MonitorMessage.URL_OPTION(option="--monitor-prometheus", url="h"),
        ),
    ],
)
def test_wrong_values_are_named_without_secrets(named: dict[str, str], message: Message) -> None:
    with pytest.raises(UsageError) as error:
        build_sources(Watch("run", HOST, **named), FakeClock())  # type: ignore[arg-type]
    assert error.value.message == message
    assert "s3cr3t" not in str(error.value)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        pytest.param({"server": "backend"}, MonitorMessage.SERVER_OPTION, id="what is no server"),
        pytest.param({"postgres_dsn": "localhost"}, MonitorMessage.BAD_DSN, id="no DSN"),
        pytest.param({"postgres_dsn": "hots=db password=s3cr3t"}, MonitorMessage.BAD_DSN, id="no such word"),
        pytest.param({"postgres_dsn": "postgresql://a:s3cr3t@h:x/d"}, MonitorMessage.BAD_DSN, id="no port"),
        pytest.param({"redis_url": "localhost:6379"}, MonitorMessage.BAD_REDIS_URL, id="no scheme"),
        pytest.param({"redis_url": "redis://:s3cr3t@h:99999"}, MonitorMessage.BAD_REDIS_URL, id="port of Redis"),
        pytest.param({"redis_url": "redis://:s3cr3t@h?databse=1"}, MonitorMessage.BAD_REDIS_URL, id="no such setting"),
    ],
)
def test_nonsense_is_found_without_sending_anything(named: dict[str, str], code: MonitorMessage) -> None:
    with pytest.raises(UsageError) as error:
        check_watch(Watch("", HOST, **named))  # type: ignore[arg-type]
    assert code in (error.value.code, getattr(error.value.fields.get("why"), "code", None))
    assert "s3cr3t" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_process_that_is_not_there_is_a_mistake() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(UsageError) as error:
        check_watch(Watch("", HOST, server=str(ended.pid)))
    assert error.value.message == MonitorMessage.NO_PROCESS_OPTION(pid=ended.pid)


def test_servers_that_do_not_answer_are_none() -> None:
    nobody = "192.0.2.1:1"
    check_watch(Watch("", HOST, str(os.getpid()), f"postgresql://{nobody}/x", f"redis://{nobody}", f"http://{nobody}"))
    check_watch(Watch("", HOST, postgres_dsn="host=db.invalid,other.invalid port=5432,5433 user=watcher"))


def test_secrets_are_not_shown() -> None:
    watch = Watch("run", HOST, "1", "postgresql://a:s3cr3t@h/x", "redis://:s3cr3t@h", "http://a:s3cr3t@h")
    assert "s3cr3t" not in repr(watch)


def test_this_machine() -> None:
    assert [is_this_machine(name) for name in ("localhost", "127.0.0.1", "::1", "192.0.2.1", "x.invalid")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    own = socket.gethostbyname(socket.gethostname())
    assert is_this_machine(own)


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        pytest.param({"server": "http://192.0.2.1:8015"}, {"pool": True, "health": True}, id="the target's own server"),
        pytest.param({"server": "http://192.0.2.1:8016"}, {"pool": True, "health": False}, id="another port"),
        pytest.param({"prometheus_url": "http://192.0.2.9:9090"}, {"pool": True, "prometheus": False}, id="elsewhere"),
        pytest.param(
            {"prometheus_url": "http://192.0.2.1:8015/metrics"}, {"prometheus": True}, id="the target's own page"
        ),
    ],
)
def test_added_headers_go_to_the_target_only(named: dict[str, str], sent: dict[str, bool]) -> None:
    connection = replace(HOST, headers=(("X-Api-Key", "geheim"),))
    watch = Watch("run", connection, **named)  # type: ignore[arg-type]

    sources = build_sources(watch, FakeClock())

    assert "geheim" not in repr(watch)
    with_key = {source.name: "x-api-key" in _client_headers(source) for source in sources if source.name in sent}
    assert with_key == sent
    for source in sources:
        source.close()


def _client_headers(source: Any) -> set[str]:
    """Of all connections of a source."""
    page, server = getattr(source, "_page", None), getattr(source, "_server", None)
    own = [page._page.transport, server._transport] if server else [source._transport]
    return {name.lower() for transport in own for name, _value in transport._settings.headers}


@pytest.mark.parametrize(
    ("address", "line", "credentials"),
    [
        pytest.param("http://{at}/a%20b/json", b"GET /a%20b/json HTTP/1.1", None, id="quoted already"),
        pytest.param("http://{at}/a b/json?c=d e", b"GET /a%20b/json?c=d%20e HTTP/1.1", None, id="to be quoted"),
        pytest.param("http://{at}/\u00e4/json", b"GET /%C3%A4/json HTTP/1.1", None, id="beyond ASCII"),
        pytest.param("http://me:s3:cr%40t@{at}/json", b"GET /json HTTP/1.1", b"me:s3:cr@t", id="with a password"),
    ],
)
def test_what_a_page_of_metrics_is_asked(address: str, line: bytes, credentials: bytes | None) -> None:
    with RawServer() as server:
        url = address.format(at=server.host.removeprefix("http://"))
        source = build_sources(Watch("run", HOST, prometheus_url=url), FakeClock())[-1]
        with suppress(SourceError):
            source.open()
        source.close()

    raw = next(raw for _number, _line, raw in server.log if raw.startswith(line + b"\r\n"))
    sent = None if credentials is None else b"\r\nAuthorization: Basic " + b64encode(credentials) + b"\r\n"
    assert (sent or b"\r\nUser-Agent: ") in raw
    assert (b"Authorization" in raw) == (credentials is not None)
    assert b"Host: " + server.host.removeprefix("http://").encode() + b"\r\n" in raw


def test_a_mapped_page_is_asked_for_where_it_is() -> None:
    watch = Watch("run", HOST, server="http://192.0.2.1:8015", paths={"/api/v1/health/*": "/live/*"})

    sources = build_sources(watch, FakeClock())

    pages = {source.name: source._page.path for source in sources if isinstance(source, PageSource)}
    assert pages == {"health": "/live/system", "pool": "/live/database"}
