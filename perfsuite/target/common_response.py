"""The fast lane of reading responses: a whole one with a plain head and a Content-Length, as nearly all are.

Whatever it does not take goes to `ResponseReader`; where both take the same bytes they give the same result.
"""

from __future__ import annotations

import re

import msgspec

from perfsuite.target.response import BODILESS, MAX_HEAD_BYTES, Headers, Response, header_value

_COMMON_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?"
    rb"((?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)+)"
)
_END = b"\r\n\r\n"
_LENGTH, _ENCODING, _TRANSFER = b"\ncontent-length:", b"\ncontent-encoding:", b"\ntransfer-encoding:"
_CONNECTION = b"connection:"
"""Also the end of "Proxy-Connection", which the parser takes for Connection."""
_LINE_FEED = ord("\n")
_OPTIONS = (b"keep-alive", b"close")
_MOST_HEADS, _LONGEST_KEPT = 500, 4096
"""What is kept of heads takes at most some megabytes."""


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What a common head says; `length` is -1 where it is not a common one."""

    status: int
    headers: Headers
    length: int
    reusable: bool


class _Heads(dict[bytes, _Head]):
    """Head → what it says. Many targets send the same one again and again within a second."""

    def __missing__(self, head: bytes) -> _Head:
        if len(self) >= _MOST_HEADS:
            self.clear()
        known = _common_head(head)
        if len(head) <= _LONGEST_KEPT:
            self[head] = known
        return known


_UNCOMMON = _Head(0, Headers(b"", b""), -1, False)
_HEADS = _Heads()


def common_response(data: bytes) -> Response | None:
    """The response to a GET, POST, PUT or DELETE that `data` is; None where it takes the other lane to say."""
    end = data.find(_END)
    if end < 0:
        return None
    head = _HEADS[data[:end]]
    if len(data) - end - len(_END) != head.length:
        return None
    return Response(head.status, head.headers, data[end + len(_END) :], head.reusable)


def _common_head(data: bytes) -> _Head:
    match = _COMMON_HEAD.fullmatch(data)
    if match is None or len(data) + len(_END) > MAX_HEAD_BYTES:
        return _UNCOMMON
    status, head = int(match[1]), match[2]
    lower = head.lower()
    at = lower.find(_LENGTH)
    if at < 0 or _ENCODING in lower or _TRANSFER in lower or status in BODILESS:
        return _UNCOMMON
    begin = at + len(_LENGTH)
    length = header_value(lower, begin)
    if not length.isdigit() or len(length) > 18 or lower.find(_LENGTH, begin) >= 0:
        return _UNCOMMON
    reusable = True
    at = lower.find(_CONNECTION)
    if at >= 0:
        begin = at + len(_CONNECTION)
        option = header_value(lower, begin)
        if option not in _OPTIONS or lower[at - 1] != _LINE_FEED or lower.find(_CONNECTION, begin) >= 0:
            return _UNCOMMON
        reusable = option == b"keep-alive"
    return _Head(status, Headers(head, lower), int(length), reusable)
