"""A whole response, and its headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

MAX_HEAD_BYTES = 256 * 1024
"""A response with a longer head is refused."""
NO_CONTENT = 204
BODILESS = frozenset({NO_CONTENT, 304})
"""Statuses of responses without a body, whatever their head says about one."""


class Headers(Mapping[str, str]):
    """The headers of a response, found in its head when they are asked for.

    Names are lower case; several headers of one name are joined with commas (RFC 9110, 5.3).
    """

    __slots__ = ("_found", "_head", "_lower", "timed")

    def __init__(self, head: bytes, lower: bytes) -> None:
        """`head`: "\\r\\nName: value\\r\\nName: value"; `lower`: the same in lower case."""
        self._head, self._lower = head, lower
        self._found: dict[str, str] | None = None
        self.timed = b"\nx-process-time:" in lower or b"\nserver-timing:" in lower
        """The server says how long it took."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The value of a header by its lower-case name."""
        needle, lower = _NEEDLES[name], self._lower
        at = lower.find(needle)
        if at < 0:
            return default
        begin = at + len(needle)
        if lower.find(needle, begin) >= 0:
            return self._all[name]
        return header_value(self._head, begin).decode("latin-1")

    @property
    def _all(self) -> dict[str, str]:
        if self._found is None:
            self._found = {}
            for name, value in _header_lines(self._head.decode("latin-1")):
                self._found[name] = f"{self._found[name]}, {value}" if name in self._found else value
        return self._found

    def __getitem__(self, name: str) -> str:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _header_lines(head: str) -> Iterator[tuple[str, str]]:
    for line in head.split("\r\n"):
        if line:
            name, _colon, value = line.partition(":")
            yield name.lower(), value.strip(" \t")


class _Needles(dict[str, bytes]):
    """Lower-case name of a header → how its line begins in a head in lower case."""

    def __missing__(self, name: str) -> bytes:
        needle = self[name] = f"\n{name}:".encode("latin-1")
        return needle


_NEEDLES = _Needles()


class Response(msgspec.Struct, gc=False):
    """A whole final response. `reusable`: the connection may carry another request. `surplus`: bytes came after it."""

    status: int
    headers: Headers
    body: bytes
    reusable: bool
    surplus: bool = False


def header_value(head: bytes, begin: int) -> bytes:
    """The value of a header that begins there."""
    end = head.find(b"\r", begin)
    return (head[begin:end] if end >= 0 else head[begin:]).strip(b" \t")
