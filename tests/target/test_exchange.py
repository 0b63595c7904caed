"""Ids of requests: unique, and valid for tracing."""

from __future__ import annotations

import re

import pytest

from perfsuite.target.exchange import Answer, Request, RequestIds
from tests.target.fake_target import answer

# W3C Trace Context, level 1: version 00, 16 bytes of trace id and 8 of parent id, neither all zeros, flags.
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def test_ids_are_unique_within_and_across_processes() -> None:
    here, there = RequestIds(), RequestIds()
    ids = [source.headers()[0] for source in (here, there) for _ in range(1000)]

    assert len(set(ids)) == 2000


def test_the_headers_carry_the_id() -> None:
    request_id, headers = RequestIds("0123456789abcdef").headers()

    assert request_id == "0123456789abcdef0000000000000001"
    assert headers == {
        "X-Request-ID": request_id,
        "traceparent": "00-0123456789abcdef0000000000000001-0000000000000001-00",
    }


def test_traceparent_is_valid_and_holds_the_request_id() -> None:
    ids = RequestIds()
    for _ in range(100):
        request_id, headers = ids.headers()
        matched = TRACEPARENT.fullmatch(headers["traceparent"])
        assert matched is not None
        assert matched[1] == request_id


def test_neither_headers_nor_bodies_are_shown() -> None:
    request = Request("POST", "/x", {"Authorization": "Bearer abc"}, b"password")

    assert repr(request) == "Request(method='POST', target='/x')"
    assert "secret" not in repr(answer({"access_token": "secret"}))


def test_an_absent_header_is_empty() -> None:
    assert Answer(200, {}, b"", 0.0, 0).header("location") == ""
    with pytest.raises(ValueError, match="truncated"):
        answer(raw=b"{").json()
