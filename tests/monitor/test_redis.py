"""Redis: a real one, with accounts that have exactly the rights that the documentation gives."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from perfsuite.demo.programs import find_program
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.monitor.redis import RedisSource
from perfsuite.monitor.source import SourceError, SystemClock
from tests.certificates import needs_openssl, private_ca
from tests.monitor.conftest import PrivateRedis, need
from tests.monitor.fakes import FakeClock, figures, until

RIGHTS = ("+info", "+slowlog|len")
pytestmark = pytest.mark.integration


@pytest.fixture
def source(redis_server: PrivateRedis) -> Iterator[RedisSource]:
    """Opened, as an account that may do what the documentation says and nothing else."""
    with closing(RedisSource(redis_server.account("watcher", *RIGHTS), FakeClock(), {})) as opened:
        assert opened.open() == []
        yield opened


@pytest.fixture
def client(redis_server: PrivateRedis) -> Iterator[Redis]:
    """Somebody else, who works."""
    with Redis.from_url(redis_server.url) as opened:
        opened.flushall()
        opened.slowlog_reset()
        yield opened


def look(source: RedisSource) -> dict[str, float | None]:
    clock = source._clock
    assert isinstance(clock, FakeClock)
    clock.move_to(clock.utc_s() + 1)
    return {name.removeprefix("redis."): value for name, value in figures(source.read()).items()}


def test_work_is_counted_and_the_monitors_own_is_not(source: RedisSource, client: Redis) -> None:
    look(source)
    quiet = look(source)
    assert (quiet["commands_per_s"], quiet["hit_percent"], quiet["lookups_per_s"]) == (0, None, 0)
    assert quiet["connected_clients"] == 1, "the client of this test"
    client.set("there", "x" * 100_000)
    for _ in range(3):
        client.get("there")
    client.get("not there")
    seen = look(source)
    assert (seen["commands_per_s"], seen["hit_percent"], seen["lookups_per_s"]) == (5, 75.0, 4)
    assert (seen["memory_bytes"] or 0) > (quiet["memory_bytes"] or 0)
    assert (seen["evictions_per_s"], seen["rejected_connections_per_s"], seen["clients_limit"]) == (0, 0, 10000)
    assert seen["slowlog_per_s"] == 0
    assert (seen["cpu_percent"] or 0) > 0
    assert (seen["answer_ms"] or 0) > 0
    assert "memory_used_percent" not in seen, "without maxmemory there is nothing to hold it against"


def test_evictions_and_memory_against_its_limit(redis_server: PrivateRedis, client: Redis, stack: ExitStack) -> None:
    limit = int(client.info()["used_memory"]) + 2_000_000
    stack.callback(client.config_set, "maxmemory", "0")
    client.config_set("maxmemory", str(limit))
    client.config_set("maxmemory-policy", "allkeys-lru")
    source = stack.enter_context(closing(RedisSource(redis_server.account("watcher", *RIGHTS), FakeClock(), {})))
    source.open()
    for number in range(400):
        client.set(f"key {number}", "x" * 10_000)
    seen = look(source)
    assert (seen["evictions_per_s"] or 0) > 100
    assert 50 < (seen["memory_used_percent"] or 0) <= 110


def test_slow_commands_are_counted_until_the_log_is_full(source: RedisSource, client: Redis, stack: ExitStack) -> None:
    stack.callback(client.config_set, "slowlog-log-slower-than", "10000")
    look(source)
    client.config_set("slowlog-log-slower-than", "0")
    client.get("a")
    client.get("b")
    client.config_set("slowlog-log-slower-than", "-1")
    assert (look(source)["slowlog_per_s"] or 0) >= 2
    client.config_set("slowlog-log-slower-than", "0")
    for _ in range(130):
        client.get("c")
    client.config_set("slowlog-log-slower-than", "-1")
    look(source)
    assert look(source)["slowlog_per_s"] is None, "a full log may have lost entries"
    client.slowlog_reset()
    assert [look(source)["slowlog_per_s"] for _ in range(2)] == [None, 0]


def test_blocked_clients(source: RedisSource, redis_server: PrivateRedis, client: Redis) -> None:
    other = Redis.from_url(redis_server.url)
    waiting = threading.Thread(target=other.blpop, args=("list",))
    waiting.start()
    until(lambda: look(source)["blocked_clients"] == 1)
    client.rpush("list", "1")
    waiting.join()
    other.close()
    assert look(source)["blocked_clients"] == 0


def test_an_account_without_the_slow_log_says_so(redis_server: PrivateRedis, stack: ExitStack) -> None:
    source = stack.enter_context(closing(RedisSource(redis_server.account("less", "+info"), FakeClock(), {})))
    assert source.open() == [MonitorMessage.NO_SLOWLOG()]
    assert "slowlog_per_s" not in look(source)
    assert look(source)["commands_per_s"] == 0


def test_a_connection_that_broke_is_made_anew(source: RedisSource, client: Redis) -> None:
    look(source)
    assert client.client_kill_filter(user="watcher") == 1
    assert look(source)["commands_per_s"] is not None


class Told:
    """A client that tells what it was told to."""

    def __init__(self, *told: dict[str, Any]) -> None:
        self.told = list(told)

    def info(self) -> dict[str, Any]:
        return self.told.pop(0)

    def slowlog_len(self) -> int:
        return 0

    def close(self) -> None:
        pass


def test_another_server_at_the_same_place_is_a_gap() -> None:
    before = {"run_id": "a", "total_commands_processed": 10, "used_memory": 5}
    source = RedisSource("redis://h", FakeClock(), {})
    source._client = Told(  # type: ignore[assignment]
        before,
        before | {"total_commands_processed": 20},
        before | {"run_id": "b", "total_commands_processed": 500},
        before | {"run_id": "b", "total_commands_processed": 507},
    )
    source.open()
    assert [look(source)["commands_per_s"] for _ in range(3)] == [8, None, 5]


@pytest.mark.parametrize(
    ("name", "rules", "password", "code"),
    [
        pytest.param("watcher", RIGHTS, "wr0ng", MonitorMessage.BAD_PASSWORD, id="password"),
        pytest.param("nobody", (), "wr0ng", MonitorMessage.BAD_PASSWORD, id="account"),
        pytest.param("less", ("+ping",), "pass-of-less", MonitorMessage.NO_INFO, id="right"),
    ],
)
def test_what_is_refused_is_not_tried_again(
    name: str, rules: tuple[str, ...], password: str, code: MonitorMessage, redis_server: PrivateRedis
) -> None:
    if rules:
        redis_server.account(name, *rules)
    with pytest.raises(SourceError) as error:
        RedisSource(redis_server.url_as(name, password), SystemClock(), {}).open()
    assert (error.value.message.code, error.value.final) == (code, True)


@pytest.mark.parametrize(
    ("url", "code", "final"),
    [
        ("redis://:s3cr3t@127.0.0.1:1/0", MonitorMessage.REFUSED, False),
        ("redis://:s3cr3t@no-such-host.invalid", MonitorMessage.UNKNOWN_HOST, False),
        ("unix://:s3cr3t@/nowhere.sock", MonitorMessage.NO_SOCKET, False),
        ("http://:s3cr3t@h", MonitorMessage.BAD_REDIS_URL, True),
        ("redis://:s3cr3t@h:port", MonitorMessage.BAD_REDIS_URL, True),
    ],
    ids=["refused", "name", "socket", "scheme", "port"],
)
def test_trouble_is_one_clear_line_without_secrets(url: str, code: MonitorMessage, final: bool) -> None:
    with pytest.raises(SourceError) as error:
        RedisSource(url, SystemClock(), {}).open()
    assert (error.value.message.code, error.value.final) == (code, final)


def test_the_password_may_come_from_the_environment(redis_server: PrivateRedis) -> None:
    parts = urlsplit(redis_server.url)
    environment = {"REDISCLI_AUTH": parts.password or ""}
    with closing(RedisSource(f"unix://{parts.path}", SystemClock(), environment)) as source:
        assert source.open() == []


@needs_openssl
def test_tls_is_used_and_the_certificate_is_looked_at(tmp_path: Path) -> None:
    need("redis-server")
    ca = private_ca(tmp_path)
    pem, authority = str(ca.server), str(ca.authority)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    files = ("--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no")
    command = [str(find_program("redis-server")), "--port", "0", "--tls-port", port, *files, "--save", ""]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until(lambda: accepts(int(port)))
        url = f"rediss://localhost:{port}"
        with closing(RedisSource(f"{url}?ssl_ca_certs={authority}", SystemClock(), {})) as source:
            assert source.open() == []
        with pytest.raises(SourceError) as error:
            RedisSource(url, SystemClock(), {}).open()
        assert error.value.message.code is MonitorMessage.CERTIFICATE
        assert error.value.final
    finally:
        server.kill()
        server.wait()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0
