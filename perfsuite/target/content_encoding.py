"""Bodies without their content encodings, which servers use even where none was asked for."""

from __future__ import annotations

import zlib

import brotli  # type: ignore[import-untyped]

MAX_BODY_BYTES = 64 * 1024 * 1024
"""A response with a longer body is refused, before or after decoding."""
SHOWN = 40
"""Characters of what a server sent that a message shows."""


class ResponseError(Exception):
    """The bytes are not a response that can be used; the message names the oddity."""


def decoded_body(body: bytes, encodings: str) -> bytes:
    """The body without its content encodings, which a server may use though none was asked for."""
    if not body or not encodings:
        return body
    for encoding in reversed([name.strip().lower() for name in encodings.split(",")]):
        try:
            body = _without(encoding, body)
        except (zlib.error, brotli.error) as error:
            raise ResponseError(f"the body is not what its Content-Encoding says ({encoding}: {error})") from None
    return body


def _without(encoding: str, body: bytes) -> bytes:
    match encoding:
        case "gzip" | "x-gzip":
            return _inflated(body, 31)
        case "deflate":
            try:
                return _inflated(body, 15)
            except zlib.error:
                return _inflated(body, -15)  # without the wrapper, as some servers send it
        case "br":
            decoder = brotli.Decompressor()
            decoded: bytes = decoder.process(body, output_buffer_limit=MAX_BODY_BYTES + 1)
            if len(decoded) > MAX_BODY_BYTES or not decoder.can_accept_more_data():
                raise body_too_long()
            if not decoder.is_finished():
                raise brotli.error("it ends too early")
            return decoded
        case "identity" | "":
            return body
    raise ResponseError(f"the body has a Content-Encoding that was not asked for: {shown(encoding)}")


def _inflated(body: bytes, window_bits: int) -> bytes:
    parts, total = [], 0
    while body:
        inflater = zlib.decompressobj(window_bits)
        parts.append(inflater.decompress(body, MAX_BODY_BYTES + 1 - total))
        total += len(parts[-1])
        if inflater.unconsumed_tail or total > MAX_BODY_BYTES:
            raise body_too_long()
        if not inflater.eof:
            raise zlib.error("it ends too early")
        body = inflater.unused_data.lstrip(b"\0") if window_bits > 15 else b""  # gzip may have several members
    return b"".join(parts)


def body_too_long() -> ResponseError:
    """Said of a body beyond the limit."""
    return ResponseError(f"the body is longer than {MAX_BODY_BYTES // (1024 * 1024)} MB")


def shown(text: str) -> str:
    """The beginning of what a server sent, printable, in quotation marks."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text.split("\n")[0].rstrip("\r"))
    return f"“{printable[:SHOWN]}…”" if len(printable) > SHOWN else f"“{printable}”"
