"""The server of the live page: what it answers, to whom, and that nothing of it is left."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from perfsuite.errors import UsageError
from perfsuite.messages.report import ReportMessage
from perfsuite.report.web.server import PageServer

FILES = {"/": ("text/html", b"<p>hello"), "/live.js": ("text/javascript", b"0")}


@pytest.fixture
def server() -> Iterator[PageServer]:
    running = PageServer(FILES, 0)
    yield running
    running.close()


def ask(server: PageServer, path: str = "", method: str = "GET", **headers: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.request(method, server.address + path, headers=headers)


def states(lines: Iterator[str]) -> Iterator[object]:
    """The states of a stream until it ends."""
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_only_its_files_are_served(server: PageServer) -> None:
    page = ask(server)
    assert (page.status_code, page.text, page.headers["content-type"]) == (200, "<p>hello", "text/html; charset=utf-8")
    assert ask(server, "live.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert [ask(server, path).status_code for path in ("other", "live.js/", "%2e%2e/etc/passwd")] == [404, 404, 404]


@pytest.mark.parametrize("path", ["", "live.js", "nowhere"])
def test_every_response_has_the_protective_headers(server: PageServer, path: str) -> None:
    headers = ask(server, path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    names = ("x-content-type-options", "x-frame-options", "referrer-policy", "cache-control")
    assert [headers[name] for name in names] == ["nosniff", "DENY", "no-referrer", "no-store"]
    assert [headers[f"cross-origin-{name}-policy"] for name in ("opener", "resource")] == ["same-origin"] * 2
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_other_sites_are_refused(server: PageServer) -> None:
    foreign = ask(server, "states", origin="http://evil.example")
    assert foreign.status_code == 403
    assert foreign.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-security-policy" in foreign.headers
    assert ask(server, host="evil.example").status_code == 403
    posted = ask(server, method="POST")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")


def test_the_stream_sends_the_current_state_then_each_new_one_and_ends_with_the_last(server: PageServer) -> None:
    server.publish(b'"first"')
    with httpx.stream("GET", server.address + "states", trust_env=False) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        received = states(stream.iter_lines())
        assert next(received) == "first"
        server.publish(b'"second"')
        assert next(received) == "second"
        server.publish(b'"last"', last=True)
        assert list(received) == ["last"]
    assert list(states(iter(ask(server, "states").text.splitlines()))) == ["last"]


def test_a_client_that_stops_reading_blocks_neither_others_nor_the_end() -> None:
    server = PageServer(FILES, 0)
    with socket.create_connection(("127.0.0.1", server.port)) as stuck:
        stuck.sendall(f"GET /states HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert stuck.recv(12) == b"HTTP/1.1 200"
        with httpx.stream("GET", server.address + "states", trust_env=False) as stream:
            received = states(stream.iter_lines())
            next(received)
            for number in range(40):  # more than the system keeps for a connection that nobody reads
                server.publish(json.dumps([number, "x" * 500_000]).encode())
                assert next(received) == [number, "x" * 500_000]
            server.publish(b'"last"', last=True)
            assert next(received) == "last"
        server.close()
        stuck.settimeout(5)
        assert not list(iter(lambda: stuck.recv(1 << 20), b""))[1_000:]  # it ends, however much was on its way
    assert "live page" not in {thread.name for thread in threading.enumerate()}


def test_closing_frees_port_and_thread_and_ignores_later_states() -> None:
    server = PageServer(FILES, 0)
    assert ask(server).status_code == 200
    server.close()
    assert "live page" not in {thread.name for thread in threading.enumerate()}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0
    server.publish(b"0")
    server.close()


def test_it_listens_on_the_loopback_address_only(server: PageServer) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", server.port)) != 0


def test_a_port_in_use_is_a_usage_error(server: PageServer) -> None:
    with pytest.raises(UsageError) as caught:
        PageServer(FILES, server.port)
    assert (caught.value.code, caught.value.fields["port"]) == (ReportMessage.PORT_IN_USE, server.port)


def test_a_closed_port_can_be_reused_at_once(server: PageServer) -> None:
    port = server.port
    assert ask(server).status_code == 200
    server.close()
    again = PageServer(FILES, port)
    assert ask(again).status_code == 200
    again.close()
