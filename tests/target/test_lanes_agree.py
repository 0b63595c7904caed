"""Generated responses, valid, mutated and random: whatever the fast lane accepts, the parser behind it and httptools
alone read in the same way; however the bytes are split, the result is the same, and never another exception."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import brotli
import httptools
from hypothesis import example, given
from hypothesis import strategies as st

from perfsuite.model import FailureKind
from perfsuite.target.common_response import _HEADS, common_response
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.content_encoding import ResponseError, decoded_body
from perfsuite.target.exchange import Request
from perfsuite.target.http_client import HttpClient
from perfsuite.target.response import Response
from perfsuite.target.response_reader import ResponseReader
from tests.target.generated import MOST, contents, mostly_common, often
from tests.target.hostile_case import Case, Then, whole
from tests.target.scripted_network import scripted


@dataclass
class _ByHttptools:
    """What httptools alone makes of the bytes of one response, without the suite's code."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    keep_alive: bool = False
    status: int = 0

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        lower, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        self.headers[lower] = f"{self.headers[lower]}, {text}" if lower in self.headers else text

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True
        self.status, self.keep_alive = self.parser.get_status_code(), self.parser.should_keep_alive()


def by_reader(parts: Sequence[bytes]) -> Response | str:
    """By the parser behind the fast lane; "broken" or "waits" without a response."""
    reader = ResponseReader("GET")
    try:
        for part in parts:
            if part and (response := reader.feed(part)):
                return response
    except ResponseError:
        return "broken"
    return "waits"


def at_end(parts: Sequence[bytes]) -> Response | str:
    """The same where the connection ends after the last byte."""
    reader = ResponseReader("GET")
    try:
        for part in parts:
            if part and (response := reader.feed(part)):
                return response
        return reader.end()
    except ResponseError:
        return "broken"


def plain(found: Response | str) -> object:
    """What has to be the same whatever the split."""
    return found if isinstance(found, str) else (found.status, dict(found.headers), found.body)


def test_what_the_fast_lane_accepts_the_other_lane_reads_in_the_same_way() -> None:
    accepted = 0

    @often
    @given(mostly_common)
    @example(whole(b"", "Connection: Keep-Alive"))
    @example(whole(b"x" * 7, "Content-Length: 7"))
    @example(whole(b"", "Proxy-Connection: close"))
    @example(whole(b"", "Connection: close"))
    def same(content: bytes) -> None:
        nonlocal accepted
        if (fast := common_response(content)) is None:
            return
        accepted += 1
        slow = by_reader([content])
        assert not isinstance(slow, str), slow
        assert plain(slow) == plain(fast)
        assert (slow.reusable, slow.surplus) == (fast.reusable, fast.surplus)
        assert [slow.headers.get(name) for name in fast.headers] == [fast.headers.get(name) for name in slow.headers]

    same()
    assert accepted > MOST / 10


def test_what_the_fast_lane_accepts_httptools_alone_reads_in_the_same_way() -> None:
    accepted = 0

    @often
    @given(mostly_common)
    def same(content: bytes) -> None:
        nonlocal accepted
        if (fast := common_response(content)) is None:
            return
        accepted += 1
        alone = _ByHttptools()
        alone.parser.feed_data(content)
        assert alone.whole
        assert (alone.status, alone.headers, alone.body) == (fast.status, dict(fast.headers), fast.body)
        assert alone.keep_alive == fast.reusable

    same()
    assert accepted > MOST / 10


@often
@given(contents, st.lists(st.floats(0, 1), max_size=4))
def test_a_split_changes_nothing(content: bytes, shares: list[float]) -> None:
    places = sorted({round(share * len(content)) for share in shares})
    parts = [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)], strict=True)]

    assert plain(by_reader(parts)) == plain(by_reader([content]))
    assert plain(at_end(parts)) == plain(at_end([content]))


@often
@given(contents, st.sampled_from(("GET", "HEAD", "POST")))
def test_no_bytes_make_it_raise_anything_else(content: bytes, method: str) -> None:
    reader = ResponseReader(method)
    try:
        response = reader.feed(content) or reader.end()
    except ResponseError as error:
        assert 0 < len(str(error)) < 200
    else:
        assert 200 <= response.status <= 999
        assert isinstance(response.headers.get("x-process-time"), str)


def _packed(encoding: str, plain: bytes) -> bytes:
    return {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding](plain)


@often
@given(st.sampled_from(("gzip", "deflate", "br")), st.binary(max_size=200), st.data())
def test_packed_bodies_unpack_to_what_they_were_or_are_refused(
    encoding: str, plain: bytes, data: st.DataObject
) -> None:
    packed = _packed(encoding, plain)
    assert decoded_body(packed, encoding) == plain

    at = data.draw(st.integers(0, len(packed) - 1))
    changed = packed[:at] + data.draw(st.binary(max_size=3)) + packed[at + data.draw(st.integers(0, 3)) :]
    for names in (encoding, f"{encoding}, {encoding}"):
        try:
            assert len(decoded_body(changed, names)) < 1 << 20
        except ResponseError as error:
            assert 0 < len(str(error)) < 200


@often
@given(contents, st.lists(st.floats(0, 1), max_size=3), st.sampled_from((Then.CLOSE, Then.RESET)))
def test_the_client_sends_each_request_once_and_raises_nothing(content: bytes, shares: list[float], then: Then) -> None:
    places = sorted({round(share * len(content)) for share in shares})
    pieces = [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)], strict=True)]
    network = scripted(Case("", (), then=then), pieces)
    client = HttpClient(ConnectionSettings("http://localhost:1"), network)
    answer, following = (client.exchange(Request("GET", "/x", {})) for _ in range(2))

    assert network.requests == 2
    assert (answer.status == 0) == (answer.failure is not None)
    assert answer.failure is None or answer.failure.kind in (FailureKind.CONNECTION_LOST, FailureKind.INVALID_RESPONSE)
    assert (following.status, following.failure) == (200, None)


def test_only_so_many_heads_are_kept_and_no_long_one() -> None:
    for number in range(2000):
        body = f'"{number}"'.encode()
        long = b"y" * 5000 if number % 2 else b""
        head = b"HTTP/1.1 200 OK\r\nX-Id: %d%b\r\nContent-Length: %d" % (number, long, len(body))
        response = common_response(head + b"\r\n\r\n" + body)
        assert response is not None
        assert (response.body, response.headers.get("x-id")[:4]) == (body, (str(number) + "yyyy" * bool(long))[:4])
    assert len(_HEADS) <= 500
    assert max(map(len, _HEADS)) < 5000
