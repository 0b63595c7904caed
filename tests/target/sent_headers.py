"""The headers of a request that was sent, in whichever form it has them."""

from __future__ import annotations

from collections.abc import Mapping

from perfsuite.target.exchange import Request


def headers_of(request: Request) -> Mapping[str, str]:
    """Name → value."""
    if not isinstance(request.headers, bytes):
        return request.headers
    lines = request.headers.decode("latin-1").split("\r\n")
    return {name: value for name, _, value in (line.partition(": ") for line in lines) if name}
