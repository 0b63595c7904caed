"""Ids of requests: unique, and valid for tracing."""

from __future__ import annotations

import re

import pytest

from perfsuite.model import Remark
from perfsuite.target.exchange import SERVER_TIMING, X_PROCESS_TIME, Answer, Request, RequestIds, server_time
from tests.target.fake_target import answer
from tests.target.sent_headers import headers_of

# W3C Trace Context, level 1: version 00, 16 bytes of trace id and 8 of parent id, neither all zeros, flags.
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def test_ids_are_unique_within_and_across_processes() -> None:
    here, there = RequestIds(), RequestIds()
    ids = [source.next()[0] for source in (here, there) for _ in range(1000)]

    assert len(set(ids)) == 2000


def test_the_headers_carry_the_id() -> None:
    request_id, lines = RequestIds("0123456789abcdef").next()

    assert request_id == "0123456789abcdef0000000000000001"
    assert headers_of(Request("GET", "/", lines)) == {
        "X-Request-ID": request_id,
        "traceparent": "00-0123456789abcdef0000000000000001-0000000000000001-00",
    }


def test_traceparent_is_valid_and_holds_the_request_id() -> None:
    ids = RequestIds()
    for _ in range(100):
        request_id, lines = ids.next()
        matched = TRACEPARENT.fullmatch(headers_of(Request("GET", "/", lines))["traceparent"])
        assert matched is not None
        assert matched[1] == request_id


def test_neither_headers_nor_bodies_are_shown() -> None:
    request = Request("POST", "/x", {"Authorization": "Bearer abc"}, b"password")

    assert repr(request) == "Request(method='POST', target='/x')"
    assert "secret" not in repr(answer({"access_token": "secret"}))


def test_headers_by_name_and_in_lines_are_sent_alike() -> None:
    lines = b"Accept: application/json\r\nX-Run-ID: basic_1/preflight\r\n"
    named = {"Accept": "application/json", "X-Run-ID": "basic_1/preflight"}
    by_name, ready = Request("GET", "/", named), Request("GET", "/", lines)

    assert by_name.header_lines == ready.header_lines == lines
    assert headers_of(by_name) == headers_of(ready) == named


def test_an_absent_header_is_empty() -> None:
    assert Answer(200, {}, b"", 0.0, 0).header("location") == ""
    with pytest.raises(ValueError, match="truncated"):
        answer(raw=b"{").json()


# ── server time ─────────────────────────────────────────────────────────────────────────────────────


SERVICE_US = 4_000


def read(headers: dict[str, str], service_us: int = SERVICE_US) -> tuple[int | None, Remark | None]:
    return server_time(lambda name: headers.get(name, ""), service_us)


@pytest.mark.parametrize(
    ("headers", "us"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"x-process-time": "0.0031"}, 3_100, id="seconds"),
        pytest.param({"x-process-time": " 0.0031 "}, 3_100, id="with blanks"),
        pytest.param({"x-process-time": "3.1e-3"}, 3_100, id="with an exponent"),
        pytest.param({"x-process-time": "0"}, 0, id="0 is judged over the whole run"),
        pytest.param({"x-process-time": "0.005"}, 5_000, id="1 ms longer than the answer: rounded by the server"),
        pytest.param({"server-timing": "db;dur=1, total;dur=3.1"}, 3_100, id="the total of several parts, ms"),
        pytest.param({"server-timing": "app;dur=3.1;desc=x, db;dur=1"}, 3_100, id="the first of several parts"),
        pytest.param({"server-timing": "cache;desc=hit"}, None, id="a part without a time"),
        pytest.param({"x-process-time": "0.001", "server-timing": "a;dur=3"}, 1_000, id="the more direct one"),
    ],
)
def test_a_time_that_can_be(headers: dict[str, str], us: int | None) -> None:
    assert read(headers) == (us, None)


@pytest.mark.parametrize(
    ("header", "value", "why"),
    [
        ("x-process-time", "12.3", "it looks like milliseconds"),
        ("x-process-time", "3.1", "it looks like milliseconds"),
        ("x-process-time", "3100", "it looks like microseconds"),
        ("x-process-time", "1772357400.123", "it looks like a point in time"),
        ("x-process-time", "1772357400123", "it looks like a point in time"),
        ("x-process-time", "-1", "it is negative"),
        ("x-process-time", "nan", "it is not a number"),
        ("x-process-time", "inf", "it is not a number"),
        ("x-process-time", "12.3ms", "it is not a number"),
        ("x-process-time", "0.001, 0.002", "there is more than one"),
        ("x-process-time", "0.2e6", "the server cannot have taken longer than the answer"),
        ("server-timing", "total;dur=-3", "it is negative"),
        ("server-timing", "total;dur=3100", "the server cannot have taken longer than the answer"),
    ],
)
def test_a_time_that_cannot_be(header: str, value: str, why: str) -> None:
    us, remark = read({header: value})

    assert us is None
    assert remark is not None
    assert (remark.why, remark.count) == (why, 1)
    assert remark.about == (X_PROCESS_TIME if header == "x-process-time" else SERVER_TIMING)
    assert remark.example == f"{value.removeprefix('total;dur=')} for an answer that took 4 ms"


def test_a_long_or_unprintable_value_is_cut_for_the_reader() -> None:
    _us, remark = read({"x-process-time": "x\x1b[31m" + "9" * 200})

    assert remark is not None
    assert "\x1b" not in remark.example
    assert len(remark.example) < 80
