"""Every odd and broken answer, split at every position: the parser gives the same, the right result each time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator

import brotli
import pytest

from perfsuite.target.common_response import common_response
from perfsuite.target.content_encoding import MAX_BODY_BYTES, ResponseError
from perfsuite.target.response import Response
from perfsuite.target.response_reader import ResponseReader
from perfsuite.target.sockets import READ_BYTES
from tests.cases import for_each
from tests.target.hostile_case import BODY, Case, Then, chunked, head, whole
from tests.target.hostile_cases import CASES

_EACH_BYTE = 700
"""Answers of up to so many bytes are split at every position, longer ones near their structure and at some others."""
_LONG = 100_000
"""Beyond these, at every sixth of those: what is special about them is their length."""


def positions(content: bytes) -> Iterator[int]:
    """Where an answer is split in two."""
    if len(content) <= _EACH_BYTE:
        yield from range(1, len(content))
        return
    body = content.find(b"\r\n\r\n") + 4
    near = [*range(1, 80), *range(body - 20, body + 20), *range(len(content) - 40, len(content))]
    chosen = sorted({at for at in [*near, *range(1, len(content), len(content) // 20)] if 0 < at < len(content)})
    yield from chosen if len(content) <= _LONG else chosen[::6]


def read(case: Case, parts: Iterable[bytes]) -> Response | str:
    """The response; of a broken one its failure's message. Both lanes are tried as a client would."""
    reader = ResponseReader(case.method)
    try:
        for number, part in enumerate(piece for whole_part in parts for piece in _pieces(whole_part)):
            if number == 0 and case.method != "HEAD" and (common := common_response(part)):
                return common
            if part and (response := reader.feed(part)):
                return response
        assert case.then is not Then.KEEP, "waits for more"
        if case.then is Then.RESET:
            return "reset"
        return reader.end()
    except ResponseError as error:
        return str(error)


def _pieces(part: bytes) -> Iterator[bytes]:
    """As a socket gives them."""
    return (part[at : at + READ_BYTES] for at in range(0, len(part), READ_BYTES))


def check(case: Case, parts: Iterable[bytes]) -> Response | None:
    """The response, if it is the one that was to be expected and none was expected to be missing."""
    found = read(case, parts)
    if case.failure:
        assert isinstance(found, str), found
        assert all(word in found for word in case.mentions), found
        assert len(found) < 200
        return None
    assert not isinstance(found, str), found
    assert (found.status, found.body) == (case.status, case.body)
    return found


@for_each("case", CASES, ids=lambda case: case.name)
def test_an_answer_in_one_piece(case: Case) -> None:
    response = check(case, [case.content])

    if response and case.then is Then.KEEP:
        assert response.reusable == case.kept


@for_each("case", CASES, ids=lambda case: case.name)
def test_an_answer_split_at_every_position(case: Case) -> None:
    in_one = read(case, [case.content])
    for at in positions(case.content):
        split = check(case, [case.content[:at], case.content[at:]])
        if split and not isinstance(in_one, str):
            # What comes after the body may come after the client has looked.
            assert not split.reusable or in_one.reusable or in_one.surplus, at
            assert dict(split.headers) == dict(in_one.headers)


@for_each("case", [case for case in CASES if len(case.content) <= _EACH_BYTE], ids=lambda case: case.name)
def test_an_answer_byte_by_byte(case: Case) -> None:
    check(case, [bytes([byte]) for byte in case.content])


@for_each("case", [case for case in CASES if not case.failure], ids=lambda case: case.name)
def test_an_answer_that_ends_at_any_position_is_none(case: Case) -> None:
    complete = read(case, [case.content])
    assert not isinstance(complete, str)
    for at in positions(case.content):
        found = read(Case(case.name, (), then=Then.CLOSE, method=case.method), [case.content[:at]])
        if not isinstance(found, str):  # all of it came, or the end of the connection is that of its body
            assert found.status == complete.status
            assert complete.body.startswith(found.body)
            assert found.body == complete.body or not found.reusable


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_just_within_the_limit() -> None:
    response = check(Case("", (), body=bytes(MAX_BODY_BYTES)), [whole(bytes(MAX_BODY_BYTES))])

    assert response is not None
    assert response.reusable


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_what_unpacks_to_more_than_the_limit(encoding: str) -> None:
    plain = bytes(MAX_BODY_BYTES + 1)
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": lambda data: brotli.compress(data, quality=1)}
    found = read(Case("", ()), [whole(packed[encoding](plain), f"Content-Encoding: {encoding}")])

    assert isinstance(found, str)
    assert "64 MB" in found


def test_chunks_and_endless_bodies_above_the_limit_end_when_they_pass_it() -> None:
    for first, more in (
        (head("Transfer-Encoding: chunked"), chunked(bytes(1 << 20), last=b"")),
        (head(), bytes(1 << 20)),
    ):
        reader = ResponseReader("GET")
        reader.feed(first)
        taken = 0
        with pytest.raises(ResponseError, match="64 MB"):
            for _ in range(100):
                reader.feed(more)
                taken += 1
        assert taken == MAX_BODY_BYTES >> 20


# ── lanes ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_common_answer_takes_the_fast_lane() -> None:
    for answer in (
        whole(BODY, "Content-Type: application/json", "Server: uvicorn", "Date: Sun, 29 Nov 2026 10:00:00 GMT"),
        whole(BODY, "Connection: keep-alive", "X-Process-Time: 0.001"),
        whole(b'{"detail":"no"}', "Set-Cookie: a=b", "Set-Cookie: c=d", status="HTTP/1.1 404 Not Found"),
        whole(b""),
    ):
        assert common_response(answer) is not None
