"""Generated responses, valid, mutated and random: whatever the fast lane accepts, the parser behind it and httptools
alone read in the same way; however the bytes are split, the result is the same, and never another exception."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import httptools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfsuite.target.content_encoding import ResponseError
from perfsuite.target.response_parser import Response, ResponseReader, common_response
from tests.target.hostile_case import head, whole
from tests.target.hostile_cases import CASES

# The same examples in every run: what fails here fails everywhere. MITRA_FUZZ=20000 makes as many, other ones.
EXAMPLES = int(os.environ.get("MITRA_FUZZ", "0"))
MOST = EXAMPLES or 400
often = settings(
    max_examples=MOST,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
)

TOKEN = "!#$%&'*+-.^_`|~09azAZ"
PIECES = (
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\n\n",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "Content-Length: 7\r\n",
    "content-length: 0\r\n",
    "Content-Length : 7\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "connection: Upgrade\r\n",
    "Upgrade: h2c\r\n",
    "Content-Encoding: gzip\r\n",
    "Proxy-Connection: close\r\n",
    "HTTP/1.1 103 Hints\r\n\r\n",
    "HTTP/1.1 204 None\r\n",
    "HTTP/1.0",
    "7\r\n",
    "0\r\n\r\n",
    "\x7f",
    "\x80",
    "\xff",
    "\xb2",
    "007",
    "+7",
    "-1",
    "1_0",
)
NAMES = ("content-length", "connection", "transfer-encoding", "content-encoding", "x-process-time", "set-cookie", "x")
VALUES = ("close", "keep-alive", "Keep-Alive, x", "close, x", "chunked", "identity", "7", "0", "7, 7", "", " ", "\t7 ")


def _text(alphabet: str, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, max_size=most)


names = st.one_of(
    st.sampled_from(NAMES).flatmap(lambda name: st.sampled_from((name, name.title(), name.upper(), "X-" + name))),
    st.text(alphabet=TOKEN, min_size=1, max_size=8),
)
values = st.one_of(st.sampled_from(VALUES), st.text(alphabet=st.characters(max_codepoint=255), max_size=12))
statuses = st.sampled_from(("200", "201", "204", "304", "404", "503", "599", "199", "101", "999", "2000", "20", "abc"))
reasons = st.one_of(st.just(" OK"), st.just(""), st.just(" "), _text(" \tAZ\x80\xff\0\r", 6).map(" ".__add__))
bodies = st.one_of(st.binary(max_size=20), st.just(b'{"a":1}'), st.just(whole()), st.just(b"7\r\n1234567\r\n0\r\n\r\n"))


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A head of valid and of odd headers, and mostly the length of its body."""
    body = draw(bodies)
    lines = [f"{name}:{draw(st.sampled_from(('', ' ')))}{draw(values)}" for name in draw(st.lists(names, max_size=4))]
    if draw(st.integers(0, 3)):
        name = draw(st.sampled_from(("Content-Length", "content-length", "CONTENT-LENGTH")))
        length = len(body) + draw(st.sampled_from((0, 0, 0, 0, 1, -1)))
        lines.insert(draw(st.integers(0, len(lines))), f"{name}: {length}")
    version = draw(st.sampled_from(("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2")))
    return head(*lines, status=f"{version} {draw(statuses)}{draw(reasons)}") + body


seeds = st.one_of(responses(), st.sampled_from([case.content for case in CASES if 0 < len(case.content) < 1000]))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A response, or an answer of the hostile server, changed at some places."""
    content = draw(seeds)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        end = min(at + draw(st.integers(0, 3)), len(content))
        piece = draw(st.one_of(st.sampled_from(PIECES).map(lambda text: text.encode("latin-1")), st.binary(max_size=2)))
        content = content[:at] + piece + content[end:]
    return content


@st.composite
def nearly_common(draw: st.DrawFn) -> bytes:
    """A response that the fast lane is made for, with zero to two changes that it may miss."""
    body = draw(bodies)
    names_here = st.sampled_from(("Server", "date", "X-Process-Time", "Set-Cookie", "Connection", "X-Content-Length"))
    texts = st.one_of(
        st.sampled_from(("close", "keep-alive", "Keep-Alive", " close \t", "7", "")), _text(" \tAZ\xff;,", 8)
    )
    lines = [f"{draw(names_here)}:{draw(texts)}" for _ in range(draw(st.integers(0, 4)))]
    lines.insert(draw(st.integers(0, len(lines))), f"Content-Length: {len(body)}")
    content = head(*lines, status=f"HTTP/1.1 {draw(st.sampled_from((200, 201, 302, 404, 500)))} OK") + body
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        at = draw(st.integers(0, len(content) - 1))
        piece = draw(st.one_of(st.sampled_from(PIECES).map(lambda text: text.encode("latin-1")), st.binary(max_size=1)))
        content = content[:at] + piece + content[at + draw(st.sampled_from((0, 1, len(piece)))) :]
    return content


random_bytes = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=12).map(
        lambda pieces: b"HTTP/1.1 200 OK\r\n" + "".join(pieces).encode("latin-1")
    ),
)
contents = st.one_of(nearly_common(), responses(), mutated(), random_bytes)


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


mostly_common = st.one_of(nearly_common(), nearly_common(), nearly_common(), contents)


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
