"""The HTTP client over blocking sockets, as preflight and cleanup use it.

How targets are reached: tests/load/test_connection.py. Odd and broken answers: tests/load/test_hostile_server.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from perfsuite.clock import utc_s
from perfsuite.model import FailureKind
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.http_client import HttpClient
from tests.target.raw_server import SLOW_S, RawServer, nobody_listens


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


@pytest.fixture
def transport(server: RawServer) -> Iterator[HttpClient]:
    transport = HttpClient(ConnectionSettings(server.host, timeout_s=30.0))
    yield transport
    transport.close()


def _get(transport: HttpClient, path: str) -> Answer:
    return transport.exchange(Request("GET", path, {"X-Request-ID": "1"}))


def test_an_answer_with_its_time(transport: HttpClient) -> None:
    before, began = utc_s(), time.perf_counter()
    answer = _get(transport, "/blocking-answer/slow")
    took_us = (time.perf_counter() - began) * 1e6

    assert (answer.status, answer.body, answer.failure) == (200, b'{"a":1}', None)
    assert before <= answer.sent_at <= utc_s() - SLOW_S
    assert SLOW_S * 1e6 <= answer.elapsed_us <= took_us
    assert _get(transport, "/x/json").header("x-process-time") == "0.001"
    assert _get(transport, "/x/two-times").header("x-process-time") == "0.001, 0.002"


def test_method_headers_and_body_are_sent_as_given(transport: HttpClient, server: RawServer) -> None:
    transport.exchange(Request("PUT", "/blocking-sent/json?a=b", {"Authorization": "Bearer abc"}, b'{"a":1}'))

    (raw,) = server.raw("blocking-sent")
    assert raw.startswith(b"PUT /blocking-sent/json?a=b HTTP/1.1\r\n")
    assert b"\r\nauthorization: bearer abc\r\n" in raw.lower()
    assert raw.endswith(b'\r\n\r\n{"a":1}')


def test_redirects_are_answers(transport: HttpClient, server: RawServer) -> None:
    answer = _get(transport, "/blocking-redirect/redirect")

    assert (answer.status, answer.header("location")) == (307, "http://elsewhere.invalid/x")


def test_a_cookie_of_one_account_does_not_travel_with_the_next(transport: HttpClient, server: RawServer) -> None:
    _get(transport, "/blocking-cookie/cookie")
    _get(transport, "/blocking-cookie/json")

    assert b"\r\ncookie:" not in server.raw("blocking-cookie")[1].lower()


def test_no_answer_in_time(server: RawServer) -> None:
    transport = HttpClient(ConnectionSettings(server.host, timeout_s=1.0))
    answer = _get(transport, "/f/silent")
    transport.close()

    assert answer.failure is not None
    assert (answer.status, answer.body, answer.failure.kind) == (0, b"", FailureKind.TIMEOUT)


def test_refused() -> None:
    with nobody_listens() as host:
        answer = _get(HttpClient(ConnectionSettings(host)), "/x/json")

    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.message) == (FailureKind.CONNECTION_REFUSED, "connection refused")


def test_a_name_that_nobody_knows() -> None:
    answer = _get(HttpClient(ConnectionSettings("http://nobody.invalid:80")), "/x/json")

    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.NAME_NOT_FOUND
