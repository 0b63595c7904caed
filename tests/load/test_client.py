"""The HTTP client of the virtual users against a server at the level of bytes: one recorded request is one sent.

What it makes of odd and broken answers: test_hostile_server.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import needs_openssl, private_ca
from tests.load.child import findings
from tests.target.raw_server import SLOW_S, RawServer, nobody_listens

TIMEOUT = "timeout: no answer in time"


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


@pytest.fixture(scope="module")
def found(server: RawServer) -> dict[str, Any]:
    """All cases, done in one process."""
    with nobody_listens() as dead:
        answers: dict[str, Any] = findings("in_child_client", server.host, dead)
    return answers


def test_one_connection_is_kept_for_all_requests(found: dict[str, Any], server: RawServer) -> None:
    assert [answer["status"] for answer in found["kept alive"]] == [200, 200, 200]
    assert server.seen("kept") == [(1, "/kept/json")] * 3


def test_a_connection_closed_while_idle_is_opened_anew_without_a_failure(
    found: dict[str, Any], server: RawServer
) -> None:
    assert [(answer["status"], answer["failure"]) for answer in found["closed when idle"]] == [(200, None)] * 2
    assert server.seen("idle") == [(1, "/idle/then-close"), (2, "/idle/json")]


def test_bytes_that_nobody_asked_for_do_not_become_the_next_answer(found: dict[str, Any], server: RawServer) -> None:
    assert found["unasked bytes"][1]["body"] == '{"a":1}'


def test_headers_are_known_by_their_lower_case_names(found: dict[str, Any]) -> None:
    assert found["each"]["json"][0]["headers"] == {
        "content-length": "7",
        "content-type": "application/json",
        "x-process-time": "0.001",
    }


def test_a_header_that_comes_twice_has_both_values(found: dict[str, Any]) -> None:
    headers = found["each"]["two-times"][0]["headers"]
    assert headers == {"content-length": "2", "x-process-time": "0.001, 0.002", "x-name": "a"}


def test_refused(found: dict[str, Any]) -> None:
    assert found["refused"][0]["failure"] == "connection refused: connection refused"


def test_a_name_that_nobody_knows(found: dict[str, Any]) -> None:
    assert found["name"][0]["failure"] == "name not found: the host name is not known"


def test_no_answer_in_time(found: dict[str, Any], server: RawServer) -> None:
    answer, following = found["silent"]

    assert answer["failure"] == TIMEOUT
    assert 0.3 <= answer["elapsed_us"] / 1e6 <= answer["asked_ago_s"]
    assert following["status"] == 200
    assert server.seen("silent") == [(1, "/silent/silent"), (2, "/silent/json")]


def test_the_time_is_for_the_whole_answer_however_it_drips(found: dict[str, Any]) -> None:
    assert found["drip"][0]["failure"] == TIMEOUT
    assert 0.5 <= found["drip"][0]["elapsed_us"] / 1e6 <= found["drip"][0]["asked_ago_s"]


def test_no_connection_in_time(found: dict[str, Any]) -> None:
    answer = found["no room"]

    assert answer["failure"] == TIMEOUT
    assert 0.3 <= answer["elapsed_us"] / 1e6 <= answer["asked_ago_s"] < found["usual time to connect"]


def test_the_time_of_an_answer_is_that_of_the_server(found: dict[str, Any]) -> None:
    (answer,) = found["slow"]

    # What the caller has waited is the most that can be true, however busy the machine is.
    assert SLOW_S <= answer["elapsed_us"] / 1e6 <= answer["sent_ago_s"] <= answer["asked_ago_s"]


def test_a_user_who_is_killed_leaves_one_unfinished_request(found: dict[str, Any], server: RawServer) -> None:
    answer, following = found["killed"]

    assert answer["failure"] == "unfinished: no answer yet when the run had to end"
    assert following["status"] == 200
    assert server.seen("killed") == [(1, "/killed/silent"), (2, "/killed/json")]


def test_users_do_not_wait_for_each_other(found: dict[str, Any]) -> None:
    # One after the other, both would be the same; at once, the one is a tenth of the other.
    assert found["at once"]["took_s"] < found["at once"]["waited_s"] / 2


def test_with_more_than_1024_descriptors(found: dict[str, Any], server: RawServer) -> None:
    if "limit" in found["many"]:
        pytest.skip(f"this machine allows {found['many']['limit']} open files")
    assert [(answer["status"], answer["failure"]) for answer in found["many"]["answers"]] == [(200, None)] * 4
    assert [connection for connection, _path in server.seen("many")] == [1, 1, 1, 2]


def test_looking_whether_a_connection_is_alive_does_not_wait_for_a_turn_of_the_loop(found: dict[str, Any]) -> None:
    assert found["busy"] == [0, 0]


def test_what_is_sent(found: dict[str, Any], server: RawServer) -> None:
    with_body, without, removal = server.raw("post")
    host = server.host.removeprefix("http://").encode()

    assert with_body == (
        b"POST /post/json HTTP/1.1\r\nHost: "
        + host
        + b"\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
        b'{"a":1}'
    )
    assert (
        without
        == b"POST /post/json HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\nContent-Length: 0\r\n\r\n"
    )
    assert removal == b"DELETE /post/json HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\n\r\n"


@needs_openssl
def test_users_share_what_they_trust_and_have_connections_of_their_own(tmp_path: Path) -> None:
    ca = private_ca(tmp_path)
    with RawServer(ca.server) as server:
        found = findings("in_child_tls", server.host, "/tls/json", str(ca.authority))

    assert found == {"statuses": [200] * 4, "failures": [None] * 4, "context shared": True}
    assert server.seen("tls") == [(1, "/tls/json")] * 2 + [(2, "/tls/json")] * 2
