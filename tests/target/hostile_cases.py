"""Answers as real servers give them, valid, odd and broken: their bytes, and what a client must make of them."""

from __future__ import annotations

import gzip
import zlib

import brotli

from tests.target.hostile_case import BODY, Then, broken, chunked, closed, cut, head, ok, whole

BIG = b"[" + b"1," * 400_000 + b"1]"
MOST_OF_HEAD = 256 * 1024
"""Bytes of a head that must be accepted."""

HINTS = head("Link: </a.css>; rel=preload", status="HTTP/1.1 103 Early Hints")
CONTINUE = head(status="HTTP/1.1 100 Continue")
PROCESSING = head(status="HTTP/1.1 102 Processing")
CHUNKED = "Transfer-Encoding: chunked"
TWO_CHUNKS = chunked(b'{"a"', b":1}")

INTERIM = (
    ok("100 in the same packet", CONTINUE + whole()),
    ok("100 earlier", CONTINUE, whole()),
    ok("102 in the same packet", PROCESSING + whole()),
    ok("102 earlier", PROCESSING, whole()),
    ok("103 in the same packet", HINTS + whole()),
    ok("103 earlier", HINTS, whole()),
    ok("an interim status nobody knows", head(status="HTTP/1.1 199 Odd") + whole()),
    ok("several interim answers in the same packet", CONTINUE + PROCESSING + HINTS + HINTS + whole()),
    ok("several interim answers, each earlier", CONTINUE, PROCESSING, HINTS, whole()),
    ok("many interim answers", HINTS * 50 + whole()),
    ok("an interim answer with a length", head("Content-Length: 5", status="HTTP/1.1 103 Early Hints") + whole()),
    ok("an interim answer cut between two packets", HINTS[:20], HINTS[20:] + whole()),
    ok("103 before a large answer", HINTS + whole(BIG), body=BIG),
    ok("103 earlier than a large answer", HINTS, whole(BIG), body=BIG),
    ok("100 on POST", CONTINUE + whole(), method="POST"),
    ok("100 earlier on POST", CONTINUE, whole(), method="POST"),
    ok("103 before an error", HINTS + whole(status="HTTP/1.1 503 Down"), status=503),
    ok("103 before chunks", HINTS + head(CHUNKED) + TWO_CHUNKS),
    ok("103, then the answer in two parts", HINTS, whole()[:-6], whole()[-6:]),
    closed("103 before a body to the end", HINTS + head() + BODY),
    ok("103 before 204", HINTS + head(status="HTTP/1.1 204 No Content"), status=204, body=b""),
    cut("an interim answer and no other", HINTS),
    broken("101 though nobody asked", head("Upgrade: x", "Connection: upgrade", status="HTTP/1.1 101 Switch"), "101"),
)

_RAW_DEFLATE = zlib.compress(BODY)[2:-4]
ENCODED = (
    ok("gzip unasked", whole(gzip.compress(BODY, mtime=0), "Content-Encoding: gzip")),
    ok("x-gzip unasked", whole(gzip.compress(BODY, mtime=0), "Content-Encoding: x-gzip")),
    ok("GZIP in capitals", whole(gzip.compress(BODY, mtime=0), "Content-Encoding: GZIP")),
    ok("gzip of two members", whole(gzip.compress(BODY[:3]) + gzip.compress(BODY[3:]), "Content-Encoding: gzip")),
    ok("deflate unasked", whole(zlib.compress(BODY), "Content-Encoding: deflate")),
    ok("deflate without its header", whole(_RAW_DEFLATE, "Content-Encoding: deflate")),
    ok("br unasked", whole(brotli.compress(BODY), "Content-Encoding: br")),
    ok("gzip of br", whole(gzip.compress(brotli.compress(BODY)), "Content-Encoding: br, gzip")),
    ok("identity", whole(BODY, "Content-Encoding: identity")),
    ok("gzip in chunks", head(CHUNKED, "Content-Encoding: gzip") + chunked(gzip.compress(BODY, mtime=0))),
    closed("gzip to the end", head("Content-Encoding: gzip") + gzip.compress(BODY, mtime=0)),
    ok("a large answer in gzip", whole(gzip.compress(BIG, mtime=0), "Content-Encoding: gzip"), body=BIG),
    ok("an empty body in gzip", whole(b"", "Content-Encoding: gzip"), body=b""),
    ok("HEAD of gzip", head("Content-Encoding: gzip", "Content-Length: 27"), body=b"", method="HEAD"),
    ok("304 of gzip", head("Content-Encoding: gzip", status="HTTP/1.1 304 Same"), status=304, body=b""),
    broken("gzip that is none", whole(BODY, "Content-Encoding: gzip"), "gzip"),
    broken("gzip that ends early", whole(gzip.compress(BODY)[:-9], "Content-Encoding: gzip"), "gzip"),
    broken("br that is none", whole(b"\xff" * 20, "Content-Encoding: br"), "br"),
    broken("deflate that is none", whole(b"\xff" * 20, "Content-Encoding: deflate"), "deflate"),
    broken("an encoding nobody knows", whole(BODY, "Content-Encoding: rot13"), "rot13"),
)

LENGTHS = (
    ok("with a length", whole()),
    ok("an empty body", whole(b""), body=b""),
    ok("the same length twice", head("Content-Length: 7", "Content-Length: 7") + BODY),
    ok("the same length twice, in one header", head("Content-Length: 7, 7") + BODY),
    ok("a length with zeros before it", head("Content-Length: 007") + BODY),
    ok("blanks around the length", head("Content-Length:  \t7 \t") + BODY),
    ok("no blank before the length", head("content-length:7") + BODY),
    ok("a large body", whole(BIG), body=BIG),
    ok("a body that is no UTF-8", whole(b"\xff\xfe\x00"), body=b"\xff\xfe\x00"),
    ok("JSON nested 5,000 deep", whole(b"[" * 5000 + b"]" * 5000), body=b"[" * 5000 + b"]" * 5000),
    broken("two lengths", head("Content-Length: 12", "Content-Length: 15") + BODY + BODY, "12", "15"),
    broken("two lengths in one header", head("Content-Length: 12, 15") + BODY + BODY, "12", "15"),
    broken("a negative length", head("Content-Length: -1") + BODY, "Content-Length"),
    broken("a length with a plus", head("Content-Length: +7") + BODY, "Content-Length"),
    broken("a length of 2^64", head("Content-Length: 18446744073709551623") + BODY, "64 MB"),
    broken("a huge length", head("Content-Length: 99999999999999999999999999") + BODY, "64 MB"),
    broken("a length that is no number", head("Content-Length: seven") + BODY, "Content-Length"),
    broken("a length in hex", head("Content-Length: 0x7") + BODY, "Content-Length"),
    broken("a length with an underscore", head("Content-Length: 1_0") + BODY + b"123", "Content-Length"),
    broken("a length in digits that are not ASCII", head("Content-Length: \xb27") + BODY, "Content-Length"),
    broken("two numbers in one length", head("Content-Length: 7 7") + BODY, "Content-Length"),
    broken("a length without a number", head("Content-Length:") + BODY, "Content-Length"),
    broken("a length above the limit", head("Content-Length: 4000000000") + BODY, "64 MB"),
    cut("cut within the body", head("Content-Length: 100") + BODY),
    cut("reset within the body", head("Content-Length: 100") + BODY, then=Then.RESET),
    cut("cut within the body, without close_notify", head("Content-Length: 100") + BODY, then=Then.NO_NOTIFY),
    ok("bytes after the body", whole() + b"and more", kept=False, surplus=8),
    ok("a second answer after the first", whole() + whole(b"[]"), kept=False, surplus=len(whole(b"[]"))),
    ok("an empty line after the body", whole() + b"\r\n", kept=False, surplus=2),
    closed("closed after the body", whole()),
    closed("reset after the body", whole(), then=Then.RESET),
    closed("closed after the body, without close_notify", whole(), then=Then.NO_NOTIFY),
)

NO_CONTENT, SAME = "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"
BODILESS = (
    ok("204", head(status=NO_CONTENT), status=204, body=b""),
    ok("204 with a length", head("Content-Length: 7", status=NO_CONTENT), status=204, body=b"", kept=False),
    ok("204 with a length of 0", head("Content-Length: 0", status=NO_CONTENT), status=204, body=b""),
    ok(
        "204 with a body",
        head("Content-Length: 7", status=NO_CONTENT) + BODY,
        status=204,
        body=b"",
        kept=False,
        surplus=7,
    ),
    ok("204 in chunks", head(CHUNKED, status=NO_CONTENT), status=204, body=b""),
    ok("304", head(status=SAME), status=304, body=b""),
    ok("304 with a length", head("Content-Length: 7", status=SAME), status=304, body=b""),
    closed("204 that closes", head("Connection: close", status=NO_CONTENT), status=204, body=b""),
    ok("HEAD with a length", head("Content-Length: 7"), body=b"", method="HEAD"),
    ok("HEAD without a length", head(), body=b"", method="HEAD"),
    ok("HEAD in chunks", head(CHUNKED), body=b"", method="HEAD"),
    ok("HEAD with a huge length", head("Content-Length: 4000000000"), body=b"", method="HEAD"),
    ok("HEAD with a body", whole(), body=b"", method="HEAD", kept=False, surplus=7),
    ok("HEAD of an error", head("Content-Length: 9", status="HTTP/1.1 500 No"), status=500, body=b"", method="HEAD"),
)

CHUNKS = (
    ok("in chunks", head(CHUNKED) + TWO_CHUNKS),
    ok("in chunks of one byte", head(CHUNKED) + chunked(*(BODY[n : n + 1] for n in range(len(BODY))))),
    ok("in chunks, named in capitals", head("TRANSFER-ENCODING: CHUNKED") + TWO_CHUNKS),
    ok("no chunk but the last", head(CHUNKED) + chunked(), body=b""),
    ok("chunks with trailers", head(CHUNKED) + chunked(BODY, last=b"0\r\nX-Checksum: 1\r\nExpires: 0\r\n\r\n")),
    ok("a trailer like a length", head(CHUNKED) + chunked(BODY, last=b"0\r\nContent-Length: 3\r\n\r\n")),
    ok("chunks with extensions", head(CHUNKED) + chunked(BODY, size='%x;name=value;flag;q="a b"')),
    ok("an extension of the last chunk", head(CHUNKED) + chunked(BODY, last=b"0;last\r\n\r\n")),
    ok("sizes of chunks with zeros before", head(CHUNKED) + chunked(BODY, size="000%x", last=b"000\r\n\r\n")),
    ok("sizes of chunks in capitals", head(CHUNKED) + chunked(b"x" * 171, size="%X"), body=b"x" * 171),
    ok("many chunks", head(CHUNKED) + chunked(*[b"0123456789"] * 3000), body=b"0123456789" * 3000),
    ok("a large chunk", head(CHUNKED) + chunked(BIG), body=BIG),
    ok("chunks, each part earlier than the next", head(CHUNKED), b"7\r\n", BODY, b"\r\n0\r\n", b"\r\n"),
    ok("bytes after the last chunk", head(CHUNKED) + TWO_CHUNKS + b"x", kept=False, surplus=1),
    closed("chunks, then closed", head(CHUNKED) + TWO_CHUNKS),
    closed("chunks, then closed without close_notify", head(CHUNKED) + TWO_CHUNKS, then=Then.NO_NOTIFY),
    cut("cut between two chunks", head(CHUNKED) + chunked(BODY, last=b"")),
    cut("cut within a chunk", head(CHUNKED) + b"64\r\n" + BODY),
    cut("cut within the size of a chunk", head(CHUNKED) + b"6"),
    cut("cut within the last chunk", head(CHUNKED) + chunked(BODY, last=b"0\r\n")),
    cut("cut between two chunks, without close_notify", head(CHUNKED) + chunked(BODY, last=b""), then=Then.NO_NOTIFY),
    broken("a chunk of size g", head(CHUNKED) + b"g\r\n" + BODY, "chunk"),
    broken("a chunk of a negative size", head(CHUNKED) + b"-7\r\n" + BODY + b"\r\n0\r\n\r\n", "chunk"),
    broken("a chunk without a size", head(CHUNKED) + b"\r\n" + BODY + b"\r\n0\r\n\r\n", "chunk"),
    broken("a chunk of a size with 0x", head(CHUNKED) + b"0x7\r\n" + BODY + b"\r\n0\r\n\r\n", "chunk"),
    broken("a chunk of 2^64", head(CHUNKED) + b"10000000000000007\r\n" + BODY + b"\r\n0\r\n\r\n", "chunk"),
    cut("cut within a chunk above the limit", head(CHUNKED) + b"fffffff0\r\n" + BODY),
    broken("a chunk longer than its size", head(CHUNKED) + b"3\r\n" + BODY + b"\r\n0\r\n\r\n", "chunk"),
    broken("chunks that are none", head(CHUNKED) + BODY, "chunk"),
)

BOTH = head(CHUNKED, "Content-Length: 7") + TWO_CHUNKS
TRANSFER = (
    ok("chunks and a length", BOTH, kept=False),
    ok("a length and chunks", head("Content-Length: 70", CHUNKED) + TWO_CHUNKS, kept=False),
    ok("two lengths and chunks", head("Content-Length: 3", "Content-Length: 5", CHUNKED) + TWO_CHUNKS, kept=False),
    broken("a transfer encoding nobody knows", head("Transfer-Encoding: rot13, chunked") + TWO_CHUNKS, "rot13"),
    broken("gzip as transfer encoding", head("Transfer-Encoding: gzip, chunked") + TWO_CHUNKS, "gzip"),
    broken("chunked, then another", head("Transfer-Encoding: chunked, rot13") + TWO_CHUNKS, "rot13"),
    ok("chunked, said twice", head(CHUNKED, CHUNKED) + TWO_CHUNKS),
)

ENDS = (
    closed("a body to the end", head() + BODY),
    closed("a body to the end in two parts", head() + BODY[:3], BODY[3:]),
    closed("an empty body to the end", head(), body=b""),
    closed("a large body to the end", head() + BIG, body=BIG),
    closed("a body to the end, and Connection: close", head("Connection: close") + BODY),
    cut("a body to the end, reset", head() + BODY, then=Then.RESET),
    closed("HTTP/1.0 with a length", head("Content-Length: 7", status="HTTP/1.0 200 OK") + BODY),
    closed("HTTP/1.0 to the end", head(status="HTTP/1.0 200 OK") + BODY),
    ok("HTTP/1.0 that stays", head("Connection: keep-alive", "Content-Length: 7", status="HTTP/1.0 200 OK") + BODY),
    ok("HTTP/1.0 that does not say it stays", head("Content-Length: 7", status="HTTP/1.0 200 OK") + BODY, kept=False),
    ok("Connection: close", whole(BODY, "Connection: close"), kept=False),
    ok("connection: Close among others", whole(BODY, "connection: X-Name,  Close"), kept=False),
    ok("Connection: keep-alive", whole(BODY, "Connection: keep-alive", "Keep-Alive: timeout=5")),
    ok("Connection twice", whole(BODY, "Connection: X-Name", "Connection: close"), kept=False),
    ok("a name that ends with close", whole(BODY, "Connection: not-close")),
)

HEADS = (
    ok("bare LF", head("Content-Length: 7", end="\n") + BODY),
    ok("bare LF and CRLF mixed", b"HTTP/1.1 200 OK\nX-A: 1\r\nContent-Length: 7\n\r\n" + BODY),
    ok("bare LF after the last header", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\n" + BODY),
    ok("bare LF, in chunks", head(CHUNKED, end="\n") + TWO_CHUNKS),
    ok("bare LF, 103 before", head(status="HTTP/1.1 103 Early Hints", end="\n") + whole()),
    ok("an empty line before the answer", b"\r\n" + whole()),
    ok("no reason", whole(status="HTTP/1.1 200 ")),
    ok("no reason and no blank", whole(status="HTTP/1.1 200")),
    ok("a long reason", whole(status="HTTP/1.1 200 " + "all is well " * 40)),
    ok("a reason beyond ASCII", whole(status="HTTP/1.1 200 d\xe9j\xe0 vu")),
    ok("a status nobody knows", whole(status="HTTP/1.1 599 Odd"), status=599),
    ok("an error", whole(b'{"detail":"down"}', status="HTTP/1.1 500 No"), status=500, body=b'{"detail":"down"}'),
    ok(
        "a redirect",
        whole(b"", "Location: http://elsewhere.invalid/x", status="HTTP/1.1 307 There"),
        status=307,
        body=b"",
    ),
    ok("HTML", whole(b"<html>", "Content-Type: text/html"), body=b"<html>"),
    ok("a header beyond ASCII", whole(BODY, "X-Name: caf\xe9")),
    ok("a header folded over two lines", head("X-Name: a,", "  b", "Content-Length: 7") + BODY),
    ok("a length folded over two lines", head("Content-Length:", "  7") + BODY),
    broken("a folded line before all headers", head(" X-Name: a", "Content-Length: 7") + BODY),
    ok("a header without a value", whole(BODY, "X-Name:")),
    ok("a header of 200 kB", whole(BODY, "X-Long: " + "x" * 200_000)),
    ok("10,000 headers", whole(BODY, *(f"X-{number}: {number}" for number in range(10_000)))),
    ok("a head just within the limit", whole(BODY, "X-Long: " + "x" * (MOST_OF_HEAD - 60))),
    ok("X-Process-Time in milliseconds", whole(BODY, "X-Process-Time: 12.3")),
    ok("X-Process-Time as a point in time", whole(BODY, "X-Process-Time: 1772357400.123")),
    ok("X-Process-Time that is no number", whole(BODY, "X-Process-Time: fast")),
    ok("a cookie", whole(BODY, "Set-Cookie: session=of-one-account; Path=/")),
    broken("a head above the limit", whole(BODY, "X-Long: " + "x" * 600_000), "256"),
    broken("headers without an end", head("X-A: 1")[:-2] + b"X-B: 1\r\n" * 80_000, "256"),
    broken("a header without a colon", head("X-Name", "Content-Length: 7") + BODY),
    broken("a header without a name", head(": 1", "Content-Length: 7") + BODY),
    broken("a blank before the colon", head("Content-Length : 7") + BODY),
    broken("NUL in a header", head("X-Name: a\0b", "Content-Length: 7") + BODY),
    broken("NUL in the name of a header", head("X-\0: a", "Content-Length: 7") + BODY),
    broken("CR within a header", b"HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 7\r\n\r\n" + BODY),
    cut("cut within the headers", b"HTTP/1.1 200 OK\r\nContent-Le"),
    cut("cut after the headers", head("Content-Length: 7")),
    cut("a status line only", b"HTTP/1.1 200 OK\r\n"),
    cut("half a status line", b"HTTP/1.1 2"),
    cut("an empty answer", b""),
    cut("an empty answer, reset", b"", then=Then.RESET),
    cut("an empty answer, without close_notify", b"", then=Then.NO_NOTIFY),
)

NO_HTTP = (
    broken("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n", then=Then.CLOSE),
    broken("HTML without a head", b"<html><body>Bad gateway</body></html>", then=Then.CLOSE),
    broken("JSON without a head", BODY, then=Then.CLOSE),
    broken("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    broken("the settings of HTTP/2", b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff"),
    broken("an alert of TLS", b"\x15\3\1\0\2\2\x16", then=Then.CLOSE),
    broken("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    broken("HTTP/2 in the status line", whole(status="HTTP/2 200 OK")),
    broken("HTTP of another age", whole(status="HTTP/7.3 200 OK")),
    broken("a radio station", whole(status="ICY 200 OK")),
    broken("http in small letters", whole(status="http/1.1 200 OK")),
    broken("a status of two digits", whole(status="HTTP/1.1 20 OK")),
    broken("a status of four digits", whole(status="HTTP/1.1 2000 OK")),
    broken("a status that is no number", whole(status="HTTP/1.1 abc OK")),
    broken("a status below 100", whole(status="HTTP/1.1 099 OK")),
    broken("a negative status", whole(status="HTTP/1.1 -20 OK")),
    broken("no status", whole(status="HTTP/1.1")),
    broken("bytes that are nothing", bytes(range(256)) * 4),
    broken("zeros", bytes(1000)),
)

CASES = INTERIM + ENCODED + LENGTHS + BODILESS + CHUNKS + TRANSFER + ENDS + HEADS + NO_HTTP
BY_NAME = {case.name: case for case in CASES}
