"""Preflight and load say the same about every odd and broken answer, over real sockets, and what they say is right.

The parent's blocking client and the virtual users' client on gevent's loop (in a process of its own) ask the hostile
server for each case: over IPv4, IPv6 and TLS, in one piece and in two. Each position of a split: tests/target.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.http_client import HttpClient
from tests.certificates import PrivateCa, needs_openssl, private_ca
from tests.load.child import Child
from tests.target.hostile_case import BODY
from tests.target.hostile_cases import CASES
from tests.target.hostile_client import (
    HOW,
    METHODS,
    PATIENT_S,
    Found,
    all_cases,
    case_path,
    closing_outcomes,
    early_outcome,
    orders,
    race_outcomes,
)
from tests.target.hostile_server import SLOW_READER_S, HostileServer

PARENT, USER = "parent", "user"
WELL = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture(scope="module")
def user() -> Iterator[Child]:
    """One process asks for all tests of this file."""
    with Child("in_child_hostile") as child:
        yield child


def check(server: HostileServer, user: Child, what: str, ca_file: str = "") -> None:
    """Both clients find the same, and what was to be expected; each request was received once."""
    todo = orders(what)
    settings = ConnectionSettings(server.host, ca_file=ca_file, timeout_s=PATIENT_S)
    found = {
        PARENT: all_cases(HttpClient, settings, PARENT, todo),
        USER: user.ask(what, server.host, ca_file),
    }
    connections: dict[str, list[int]] = {}
    for connection, _method, path in server.received:
        connections.setdefault(path, []).append(connection)
    wrong = []
    for place, (number, at) in enumerate(todo):
        name = f"{CASES[number].name}, split at {at}"
        of_parent, of_user = found[PARENT][place], found[USER][place]
        wrong += [f"{name}: {trouble}" for trouble in _troubles(number, of_parent)]
        if of_parent != of_user:
            wrong.append(f"{name}: differ: {of_parent} and {of_user}")
        for by in (PARENT, USER):
            path = case_path(CASES[number], at)
            mark = f"{'&' if '?' in path else '?'}by={by}"
            first, second = connections.get(path + mark, []), connections.get(f"/next{path}{mark}", [])
            if len(first) != 1 or len(second) != 1:
                wrong.append(f"{name}: {by} sent it {len(first)} times, the next one {len(second)} times")
            elif (first == second) != CASES[number].kept:
                wrong.append(f"{name}: {by} {'kept' if first == second else 'did not keep'} the connection")
    assert wrong == []


def _troubles(number: int, found: Found) -> Iterator[str]:
    case = CASES[number]
    if found["kind"] != (case.failure and str(case.failure)):
        yield f"failure {found['kind']}: {found['message']}"
    elif case.failure is None and found["body"] != hashlib.sha256(case.body).hexdigest():
        yield "another body"
    elif found["status"] != case.status:
        yield f"status {found['status']}"
    if found["message"] and not all(word in found["message"] for word in case.mentions):
        yield found["message"]
    if found["following"] != 200 or found["retries"]:
        yield f"then status {found['following']}, {found['retries']} retries"


def test_every_case_over_ipv4(server: HostileServer, user: Child) -> None:
    check(server, user, "whole")


def test_every_case_over_ipv4_in_two_parts(server: HostileServer, user: Child) -> None:
    check(server, user, "split")


def test_every_case_over_ipv6(user: Child) -> None:
    with HostileServer(address="::1") as server:
        check(server, user, "whole")


@needs_openssl
@pytest.mark.parametrize("what", ["whole", "some"])
def test_every_case_over_tls(what: str, ca: PrivateCa, user: Child) -> None:
    with HostileServer(ca.server) as server:
        check(server, user, what, str(ca.authority))


def test_an_answer_that_comes_while_a_large_body_is_sent_is_the_answer(server: HostileServer, user: Child) -> None:
    by_parent, of_user = early_outcome(HttpClient, server.host), user.ask("early", server.host, "")

    assert by_parent == of_user
    assert (by_parent["status"], by_parent["kind"]) == (413, None)


def test_an_interim_answer_while_a_large_body_is_sent_costs_no_waiting_in_circles(
    server: HostileServer, user: Child
) -> None:
    found = user.ask("slow reader", server.host, "")

    assert (found["status"], found["kind"]) == (200, None)
    assert found["cpu_s"] < SLOW_READER_S / 2


# ── closed when it was idle ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return private_ca(tmp_path_factory.mktemp("ca"))


@dataclass(frozen=True)
class Closing:
    """What became of the requests over connections that were closed just then, and the server that did so."""

    server: HostileServer
    found: dict[str, dict[str, Found]]


@pytest.fixture(scope="module", params=["in clear", pytest.param("over TLS", marks=needs_openssl)])
def closing(request: pytest.FixtureRequest, user: Child) -> Iterator[Closing]:
    ca = request.getfixturevalue("ca") if request.param == "over TLS" else None
    with HostileServer(ca and ca.server) as server:
        settings = ConnectionSettings(server.host, ca_file=str(ca.authority) if ca else "", timeout_s=PATIENT_S)
        by_parent = closing_outcomes(HttpClient, settings, PARENT)
        yield Closing(server, {PARENT: by_parent, USER: user.ask("closing", server.host, settings.ca_file)})


@pytest.mark.parametrize("by", [PARENT, USER])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", HOW)
def test_a_request_over_a_connection_that_is_closed_just_then(how: str, method: str, by: str, closing: Closing) -> None:
    for retry in (True, False):
        name = f"{how}-{method}-{retry}"
        found, sent = closing.found[by][name], closing.server.times(f"/second/{name}-{by}")
        again = retry and method == "GET" and how != "half"
        assert sent == again + (how != "unread")  # what was not read was not received
        assert found["retries"] == again
        if again:
            assert (found["kind"], found["body"]) == (None, WELL)
            assert found["remarks"] == ["a connection in use"]  # there was no pause before
        else:
            assert found["kind"] == "connection lost"


def test_both_clients_say_the_same_about_closed_connections(closing: Closing) -> None:
    assert closing.found[PARENT] == closing.found[USER]


@pytest.mark.parametrize("by", [PARENT, USER])
def test_a_race_with_the_close_loses_no_get_and_sends_no_post_twice(
    by: str, server: HostileServer, user: Child
) -> None:
    if by == PARENT:
        found = race_outcomes(HttpClient, server.host, PARENT, time.sleep)
    else:
        found = user.ask("races", server.host, "")

    assert {one["kind"] for one in found if one["method"] == "GET"} == {None}
    posts = [one for one in found if one["method"] == "POST"]
    assert {one["kind"] for one in posts} <= {None, "connection lost"}
    received = sum(path.startswith("/raced/") and path.endswith(f"POST-{by}") for _c, _m, path in server.received)
    assert received == sum(one["kind"] is None for one in posts)
