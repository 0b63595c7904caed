"""Responses for property tests, by hypothesis: valid ones, mutated ones, and random bytes."""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis import strategies as st

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
mostly_common = st.one_of(nearly_common(), nearly_common(), nearly_common(), contents)
