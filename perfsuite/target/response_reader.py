"""Reads any HTTP/1.1 response from the bytes of a connection, as they come.

Framing and syntax are left to `httptools` (llhttp), with some help where servers are odd and llhttp is strict.
"""

from __future__ import annotations

import re

import httptools

from perfsuite.target.content_encoding import MAX_BODY_BYTES, SHOWN, ResponseError, body_too_long, decoded_body, shown
from perfsuite.target.response import BODILESS, MAX_HEAD_BYTES, NO_CONTENT, Headers, Response

_MAX_INTERIM = 100
_FINAL = 200
"""Statuses below are those of interim responses, such as 103."""
_SWITCHING_PROTOCOLS = 101
_BEGINNING = b"HTTP/1."
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n\0]*)?")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


WITHOUT_RESPONSE = "the target closed the connection without a response"


class CutOffError(ResponseError):
    """The target closed the connection before a response was whole."""


class ResponseReader:
    """Takes the bytes of one response as they come. `method`: of the request, since HEAD gets no body."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._head = bytearray()
        self._searched = 0
        self._interim = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._parser: httptools.HttpResponseParser | None = None
        self._status = 0
        self._headers = Headers(b"", b"")
        self._until_close = False
        self._expected = -1
        self._whole = False
        self._reusable = False
        self._ambiguous = False
        self._surplus = False
        self.reason = ""
        """Status and reason phrase, such as "404 Not Found"."""

    def feed(self, data: bytes) -> Response | None:
        """The final response as soon as it is whole. Raises ResponseError."""
        while self._parser is None:
            rest = self._after_head(data)
            if rest is None:
                return None
            data = rest
        if not self._whole and data:
            self._feed_body(data)
        elif data:
            self._surplus = True
        return self._response() if self._whole else None

    def end(self) -> Response:
        """The response that the end of the connection completes. Raises CutOffError where it is not whole."""
        if self._until_close:
            self._whole = True
            return self._response()
        if self._parser is None:
            within = "the target closed the connection within the head of a response"
            raise CutOffError(within if self._head or self._interim else WITHOUT_RESPONSE)
        raise CutOffError("the target closed the connection within a response")

    @property
    def needs_end(self) -> bool:
        """Only the end of the connection says that the response is whole."""
        return self._until_close

    # ── head ───────────────────────────────────────────────────────────────────────────────────────

    def _after_head(self, data: bytes) -> bytes | None:
        """What follows a head that `data` completes; None where more bytes are needed."""
        self._head += data
        if self._searched < len(_BEGINNING):
            begin = len(self._head) - len(self._head.lstrip(b"\r\n"))
            del self._head[:begin]
            self._check_beginning()
        match = _END_OF_HEAD.search(self._head, max(self._searched - 3, 0))
        self._searched = len(self._head)
        if match is None or match.end() > MAX_HEAD_BYTES:
            if self._searched > MAX_HEAD_BYTES:
                raise ResponseError(f"the head of the response is longer than {MAX_HEAD_BYTES // 1024} kB")
            return None
        head, rest = bytes(self._head[: match.start()]), bytes(self._head[match.end() :])
        self._head.clear()
        self._searched = 0
        self._take_head(head)
        return rest

    def _check_beginning(self) -> None:
        # At once: a server that speaks another protocol may never send the end of a head.
        beginning = bytes(self._head[: len(_BEGINNING)])
        if len(beginning) == len(_BEGINNING) and beginning != _BEGINNING:
            what = "is not HTTP/1.1" if beginning.startswith(b"HTTP/") else "is not HTTP"
            raise ResponseError(f"the answer {what}: it begins with {shown(beginning.decode('latin-1'))}")

    def _take_head(self, head: bytes) -> None:
        lines = [line.removesuffix("\r") for line in head.decode("latin-1").split("\n")]
        first = _STATUS_LINE.fullmatch(lines[0])
        if first is None:
            raise ResponseError(f"the answer has no valid status line: {_shown(head)}")
        status, self.reason = int(first[2]), lines[0].partition(" ")[2]
        if status == _SWITCHING_PROTOCOLS:
            raise ResponseError("the target switched protocols (HTTP 101), which was not asked for")
        if 100 <= status < _FINAL:
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise ResponseError(f"more than {_MAX_INTERIM} interim responses came before a final one")
            return
        self._begin_body(status, lines)

    def _begin_body(self, status: int, lines: list[str]) -> None:
        headers = _unfolded(lines[1:])
        self._status = status
        self._expected, conflict = _content_length(headers)
        chunked = any(name == "transfer-encoding" for name, _line in headers)
        kept = [line for name, line in headers if name != "content-length"]
        if conflict and not chunked:
            raise ResponseError(conflict)
        bodiless = self._method == "HEAD" or status in BODILESS
        if self._expected >= 0 and not chunked:
            kept.append(f"Content-Length: {self._expected}")
        else:
            self._expected = -1
        lines_again = "".join(f"\r\n{line}" for _name, line in headers).encode("latin-1")
        self._headers = Headers(lines_again, lines_again.lower())
        if self._expected > MAX_BODY_BYTES and not bodiless:
            raise body_too_long()
        if chunked and not bodiless:
            _check_transfer_encoding(self._headers.get("transfer-encoding"))
        parser = self._parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(lenient_chunked_length=True)  # in a trailer, where it means nothing
        self._parse(parser, "\r\n".join([lines[0], *kept, "", ""]).encode("latin-1"))
        if bodiless:
            self._reusable = self._whole or parser.should_keep_alive() or self._keeps_alive(lines[0])
            self._whole = True
        elif not self._whole:
            self._until_close = self._expected < 0 and not chunked
        # Two lengths at once: the next response might begin elsewhere than the target means (RFC 9112, 6.3).
        # And a length where there is no body: what follows it may be one.
        self._ambiguous = status == NO_CONTENT and self._expected > 0
        self._ambiguous |= chunked and any(name == "content-length" for name, _line in headers)

    def _keeps_alive(self, status_line: str) -> bool:
        """For a response without a body, whatever its head says about one."""
        options = self._headers.get("connection").lower()
        return "keep-alive" in options or (status_line.startswith("HTTP/1.1") and "close" not in options)

    # ── body ───────────────────────────────────────────────────────────────────────────────────────

    def _feed_body(self, data: bytes) -> None:
        if self._expected >= 0:
            # The parser would take what comes after the body for the next response.
            missing = self._expected - self._body_bytes
            data, surplus = data[:missing], data[missing:]
            self._surplus = bool(surplus)
        if self._parser is not None and data:
            self._parse(self._parser, data)

    def _parse(self, parser: httptools.HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if isinstance(error.__context__, ResponseError):
                raise error.__context__ from None
            if self._whole:
                self._surplus = True  # it is about what came after the response
            else:
                raise ResponseError(f"the answer is not valid HTTP: {_reason(error)}") from None

    def on_message_begin(self) -> None:
        """Called by the parser: the next response begins although nobody asked for one."""
        if self._whole:
            self._surplus = True

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self._whole:
            return
        self._body_bytes += len(data)
        if self._body_bytes > MAX_BODY_BYTES:
            raise body_too_long()
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if not self._whole:
            self._whole = True
            self._reusable = self._parser is not None and self._parser.should_keep_alive()

    def _response(self) -> Response:
        body = decoded_body(b"".join(self._body), self._headers.get("content-encoding"))
        reusable = self._reusable and not self._surplus and not self._ambiguous
        return Response(self._status, self._headers, body, reusable, self._surplus)


def _unfolded(lines: list[str]) -> list[tuple[str, str]]:
    """Lower-case name and line of each header; a folded line (RFC 9112, 5.2) becomes a part of the one before."""
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and headers:
            name, before = headers[-1]
            headers[-1] = (name, f"{before} {line.strip()}")
            continue
        name, colon, _value = line.partition(":")
        if not colon:
            raise ResponseError(f"a header has no colon: {_shown(line.encode('latin-1'))}")
        headers.append((name.lower(), line))
    return headers


def _content_length(headers: list[tuple[str, str]]) -> tuple[int, str]:
    """The length that the head gives, -1 without one; and what is wrong with it, "" where nothing is."""
    values = [
        value.strip()
        for name, line in headers
        if name == "content-length"
        for value in line.partition(":")[2].split(",")
    ]
    different = list(dict.fromkeys(values))
    if len(different) > 1:
        return -1, f"Content-Length twice: {different[0][:SHOWN]} and {different[1][:SHOWN]}"
    if not different:
        return -1, ""
    if not (different[0].isascii() and different[0].isdigit()):
        return -1, f"Content-Length is not a number: {shown(different[0])}"
    return (int(different[0]), "") if len(different[0]) <= 18 else (1 << 62, "")


def _check_transfer_encoding(codings: str) -> None:
    for coding in codings.lower().split(","):
        if coding.strip() != "chunked":
            raise ResponseError(f"the body has a Transfer-Encoding that was not asked for: {shown(coding.strip())}")


def _reason(error: Exception) -> str:
    return str(error).strip().removeprefix("b'").removesuffix("'").lower() or type(error).__name__


def _shown(data: bytes) -> str:
    return shown(data.decode("latin-1"))
