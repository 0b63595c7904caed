"""The server of part e knows the truth: its record lies between the delays it drew and what its client saw."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bench.generators.canned import health_body
from bench.generators.measure import RunningDelayServer, delay_server, truth

MEDIAN_MS, SIGMA, SEED, REQUESTS = 1.5, 0.6, 5, 300
GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
FRACTIONS = (0.5, 0.99, 0.999)


@pytest.fixture
def server() -> Iterator[RunningDelayServer]:
    with delay_server(0, (str(MEDIAN_MS), str(SIGMA), str(SEED))) as running:
        yield running


def connected(server: RunningDelayServer) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection: socket.socket) -> tuple[str, str]:
    """Status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _end, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode().split(" ")[1], body.decode()


def percentile(values: list[float], fraction: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[min(-int(-fraction * len(values) // 1), len(values)) - 1]


def test_its_record_lies_between_the_delays_and_what_the_client_saw(server: RunningDelayServer) -> None:
    seen_us = []
    with connected(server) as connection:
        for _ in range(REQUESTS):
            began = time.perf_counter_ns()
            connection.sendall(GET)
            assert answer(connection) == ("200", health_body())
            seen_us.append((time.perf_counter_ns() - began) / 1000)
    rng = random.Random(SEED)
    drawn_us = [MEDIAN_MS * 1000 * rng.lognormvariate(0, SIGMA) for _ in range(REQUESTS)]

    times = truth(server.record())

    assert times.count == REQUESTS
    for fraction, known_us in zip(FRACTIONS, times.percentiles_us(FRACTIONS), strict=True):
        assert known_us is not None
        assert percentile(drawn_us, fraction) * 0.999 - 1 <= known_us <= percentile(seen_us, fraction) * 1.001 + 1


def test_time_that_a_request_waits_for_the_server_is_in_its_record(server: RunningDelayServer) -> None:
    """The kernel stamps the arrival: that the server was busy, or stopped, is its own time."""
    import psutil

    process = psutil.Process(server.pid)
    with connected(server) as connection:
        connection.sendall(GET)
        answer(connection)  # from here on the server knows the connection
        process.suspend()
        connection.sendall(GET)
        time.sleep(0.3)
        process.resume()
        answer(connection)

    assert truth(server.record()).max_us >= 290_000


def test_what_is_not_counted(server: RunningDelayServer) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Run-ID: bench_1/preflight\r\n\r\n")
        assert answer(connection)[0] == "200"
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\n\r\n")
        assert answer(connection)[0] == "404"
        connection.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 2\r\n\r\n{")
        time.sleep(0.05)
        connection.sendall(b"}")
        assert "access_token" in answer(connection)[1]
        connection.sendall(GET[:20])
        time.sleep(0.05)
        connection.sendall(GET[20:])  # a request in two parts counts once
        assert answer(connection)[0] == "200"

    assert truth(server.record()).count == 1


def test_its_record_can_be_cut_to_seconds() -> None:
    record = {7: {1000: 2}, 8: {1500: 1, 2000: 1}, 9: {5000: 9}}

    assert [truth(record).count, truth(record, range(7, 9)).count, truth(record, range(3)).count] == [13, 4, 0]
    assert truth(record, range(8, 9)).percentile_us(0.5) == 1500
