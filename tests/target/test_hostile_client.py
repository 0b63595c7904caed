"""The client and every odd and broken answer, in memory: split at every position, in clear and over TLS.

One recorded request is one sent, with the right outcome, and a connection is used again only where that is safe.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from perfsuite.model import FailureKind
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.failures import IN_USE
from perfsuite.target.http_client import HttpClient
from perfsuite.target.sockets import READ_BYTES
from tests.cases import for_each
from tests.certificates import PrivateCa, needs_openssl, private_ca
from tests.target.hostile_case import BODY, Case, Then, head, ok, whole
from tests.target.hostile_cases import CASES, NO_HTTP
from tests.target.scripted_network import WELL, MemoryNetwork, NothingComesError, ScriptedSocket, encrypted, scripted
from tests.target.test_hostile_answers import positions

SHORT = [case for case in CASES if len(case.content) <= 700]


def request(method: str = "GET") -> Request:
    return Request(method, "/x", {}, b"{}" if method == "POST" else None)


def check(case: Case, network: MemoryNetwork, settings: ConnectionSettings, *, kept: bool | None = None) -> None:
    """The outcome of a case and of one request after it. `kept`: None where both are right."""
    client = HttpClient(settings, network)
    answer = client.exchange(request(case.method))
    following = client.exchange(request())

    outcome(case, answer)
    assert (following.status, following.body, following.failure) == (200, b'"well"', None)
    assert network.requests == 2
    if kept is not None:
        assert len(network.opened) == (1 if kept else 2)


def outcome(case: Case, answer: Answer) -> None:
    """The outcome is that of the case."""
    assert answer.retries == 0
    assert answer.elapsed_us >= 0
    if case.failure is None:
        assert answer.failure is None, answer.failure
    else:
        assert answer.failure is not None
        assert answer.failure.kind is case.failure, answer.failure
        assert all(word in answer.failure.message for word in case.mentions), answer.failure
    assert (answer.status, answer.body) == (case.status, case.body)


# ── in clear ────────────────────────────────────────────────────────────────────────────────────────

PLAIN = ConnectionSettings("http://localhost:1")


@for_each("case", CASES, ids=lambda case: case.name)
def test_each_answer_split_at_every_position(case: Case) -> None:
    for at in positions(case.content):
        pieces = [case.content[:at], case.content[at:]]
        check(case, scripted(case, [part for piece in pieces for part in _as_read(piece)]), PLAIN, kept=case.kept)


@for_each("case", SHORT, ids=lambda case: case.name)
def test_each_answer_in_one_piece_and_byte_by_byte(case: Case) -> None:
    check(case, scripted(case, [case.content]), PLAIN, kept=case.kept)
    check(case, scripted(case, [bytes([byte]) for byte in case.content]), PLAIN, kept=case.kept)


@pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET])
@for_each("case", [case for case in SHORT if case.content and case.then is Then.KEEP], ids=lambda case: case.name)
def test_each_answer_that_is_cut_at_every_position_is_no_answer(case: Case, then: Then) -> None:
    for at in range(len(case.content)):
        network = scripted(Case("", (), then=then), [case.content[:at]])
        answer = HttpClient(PLAIN, network).exchange(request(case.method))

        assert network.requests == 1
        if answer.failure is None:  # what is missing came after the answer
            assert case.failure is None
            assert (answer.status, answer.body) == (case.status, case.body)
        else:
            assert answer.failure.kind in (FailureKind.CONNECTION_LOST, FailureKind.INVALID_RESPONSE)
            assert (answer.status, answer.body) == (0, b"")


def _as_read(piece: bytes) -> Iterator[bytes]:
    return (piece[at : at + READ_BYTES] for at in range(0, len(piece), READ_BYTES))


# ── over TLS ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return private_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secure(ca: PrivateCa) -> ConnectionSettings:
    return ConnectionSettings("https://localhost:1", ca_file=str(ca.authority))


@needs_openssl
@for_each("case", CASES, ids=lambda case: case.name)
def test_each_answer_over_tls(case: Case, ca: PrivateCa, secure: ConnectionSettings) -> None:
    check(case, encrypted(case, ca.server, READ_BYTES), secure, kept=case.kept)


@needs_openssl
@for_each("case", SHORT, ids=lambda case: case.name)
def test_each_answer_over_tls_byte_by_byte(case: Case, ca: PrivateCa, secure: ConnectionSettings) -> None:
    check(case, encrypted(case, ca.server, 1), secure, kept=case.kept)


@needs_openssl
@pytest.mark.parametrize("then", [Then.NO_NOTIFY, Then.RESET])
def test_over_tls_an_end_without_close_notify_does_not_end_a_body(
    then: Then, ca: PrivateCa, secure: ConnectionSettings
) -> None:
    for content in (head() + BODY, head(), head(status="HTTP/1.0 200 OK") + BODY):
        case = Case("", (content,), 0, b"", then, failure=FailureKind.CONNECTION_LOST)
        for size in (1, READ_BYTES):
            check(case, encrypted(case, ca.server, size), secure, kept=False)


@needs_openssl
def test_over_tls_surplus_in_a_record_of_its_own_is_no_answer(ca: PrivateCa, secure: ConnectionSettings) -> None:
    case = ok("", whole(), whole(b'"not asked for"'))
    for size in (1, READ_BYTES):
        check(case, encrypted(case, ca.server, size), secure, kept=False)


# ── a proxy ─────────────────────────────────────────────────────────────────────────────────────────

REFUSALS = [case for case in CASES if case.method == "GET" and (case in NO_HTTP or not 200 <= case.status < 300)]
"""Those whose heads are no answer, or none that opens a tunnel; and those of which only the body is broken."""


@for_each("case", REFUSALS, ids=lambda case: case.name)
def test_whatever_a_proxy_answers_instead_of_a_tunnel_is_the_proxys(case: Case) -> None:
    settings = ConnectionSettings("https://localhost:1", proxy="http://localhost:3128", timeout_s=5)
    for pieces in ([case.content], [bytes([byte]) for byte in case.content[:5000]] + [case.content[5000:]]):
        network = scripted(case, pieces)
        try:
            answer = HttpClient(settings, network).exchange(request())
        except NothingComesError:  # its head opened the tunnel, and TLS waits for its other end
            assert case.content.startswith(b"HTTP/1.1 2")
            continue
        assert answer.failure is not None
        assert answer.failure.kind in (FailureKind.PROXY, FailureKind.TLS, FailureKind.CONNECTION_LOST)
        if not case.content.startswith(b"HTTP/1.1 2") or case in NO_HTTP:
            assert answer.failure.kind is FailureKind.PROXY
        assert all(b"GET" not in sent for connection in network.opened for sent in connection.sent)


# ── a connection that was idle ──────────────────────────────────────────────────────────────────────


class _ClosesLater(ScriptedSocket):
    """Closes, or does worse, when the second request is sent over it; until then it looks well."""

    def __init__(self, end: bytes | OSError, *, while_sending: bool = False) -> None:
        super().__init__([WELL], Then.KEEP)
        self._end, self._while_sending = end, while_sending

    def send(self, data: bytes, deadline: float) -> None:
        super().send(data, deadline)
        if len(self.sent) > 1 and self._while_sending and isinstance(self._end, OSError):
            raise self._end

    def receive(self, deadline: float) -> bytes:
        if len(self.sent) < 2:
            return super().receive(deadline)
        if isinstance(self._end, OSError):
            raise self._end
        end, self._end = self._end, b""
        return end


ENDS = (
    pytest.param(b"", False, id="FIN"),
    pytest.param(ConnectionResetError(), False, id="RST"),
    pytest.param(ConnectionResetError(), True, id="RST while the request is sent"),
    pytest.param(BrokenPipeError(), True, id="closed before the request is sent"),
)


IDLE_S = 5.0


def asked_again(
    method: str, end: bytes | OSError, *, while_sending: bool, retry: bool = True, idle_s: float = IDLE_S
) -> tuple[Answer, int]:
    """The answer to the second request over a connection that ends then, after so much time without one, and how often
    that was sent."""
    idle_ns = 0
    network = MemoryNetwork(
        lambda first: _ClosesLater(end, while_sending=while_sending) if first else ScriptedSocket([whole()], Then.KEEP)
    )
    settings = ConnectionSettings("http://localhost:1", retry=retry)
    client = HttpClient(settings, network, clock_ns=lambda: time.perf_counter_ns() + idle_ns)
    assert client.exchange(request()).body == b'"well"'
    idle_ns = round(idle_s * 1e9)
    return client.exchange(request(method)), network.requests - 1


@pytest.mark.parametrize(("end", "while_sending"), ENDS)
def test_a_get_is_sent_again_once_where_the_idle_connection_was_closed(
    end: bytes | OSError, while_sending: bool
) -> None:
    answer, sent = asked_again("GET", end, while_sending=while_sending)

    assert (answer.status, answer.body, answer.failure, answer.retries, sent) == (200, BODY, None, 1, 2)


@pytest.mark.parametrize(("end", "while_sending"), ENDS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_else_is_ever_sent_twice(method: str, end: bytes | OSError, while_sending: bool) -> None:
    answer, sent = asked_again(method, end, while_sending=while_sending)

    assert answer.failure is not None
    assert (answer.failure.kind, answer.retries, sent) == (FailureKind.IDLE_CLOSED, 0, 1)


@pytest.mark.parametrize(("end", "while_sending"), ENDS)
def test_nor_is_a_get_where_that_is_turned_off(end: bytes | OSError, while_sending: bool) -> None:
    answer, sent = asked_again("GET", end, while_sending=while_sending, retry=False)

    assert answer.failure is not None
    assert (answer.failure.kind, answer.retries, sent) == (FailureKind.IDLE_CLOSED, 0, 1)


def test_a_connection_in_use_that_is_closed_is_no_idle_one() -> None:
    again, sent_again = asked_again("GET", b"", while_sending=False, idle_s=0.01)
    once, sent_once = asked_again("POST", b"", while_sending=False, idle_s=0.01)

    assert (again.status, again.retries, sent_again) == (200, 1, 2)
    assert [remark.about for remark in again.remarks] == [IN_USE]
    assert once.failure is not None
    assert (once.failure.kind, once.retries, sent_once) == (FailureKind.CONNECTION_LOST, 0, 1)


def test_a_connection_closed_long_after_the_send_was_not_closed_for_being_idle() -> None:
    now_ns = 0

    class Hesitates(_ClosesLater):
        def receive(self, deadline: float) -> bytes:
            nonlocal now_ns
            now_ns += 500_000_000
            return super().receive(deadline)

    network = MemoryNetwork(lambda first: Hesitates(b"") if first else ScriptedSocket([whole()], Then.KEEP))
    client = HttpClient(PLAIN, network, clock_ns=lambda: now_ns)
    client.exchange(request())
    now_ns += 5_000_000_000
    answer = client.exchange(request())

    assert answer.failure is not None
    assert (answer.failure.kind, answer.retries, network.requests) == (FailureKind.CONNECTION_LOST, 0, 2)


def test_nor_is_a_get_of_which_a_byte_of_an_answer_came() -> None:
    answer, sent = asked_again("GET", b"H", while_sending=False)

    assert answer.failure is not None
    assert (answer.failure.kind, answer.retries, sent) == (FailureKind.CONNECTION_LOST, 0, 1)


def test_a_get_is_not_sent_a_third_time() -> None:
    network = MemoryNetwork(lambda first: _ClosesLater(b"") if first else ScriptedSocket([], Then.CLOSE))
    client = HttpClient(PLAIN, network)
    client.exchange(request())
    answer = client.exchange(request())

    assert answer.failure is not None
    assert (answer.failure.kind, answer.retries, network.requests) == (FailureKind.CONNECTION_LOST, 1, 3)


@pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET])
def test_a_new_connection_that_is_closed_is_not_an_idle_one(then: Then) -> None:
    network = MemoryNetwork(lambda _first: ScriptedSocket([], then))
    answer = HttpClient(PLAIN, network).exchange(request())

    assert answer.failure is not None
    assert (answer.failure.kind, network.requests) == (FailureKind.CONNECTION_LOST, 1)


# ── a request that is cut off by this side ──────────────────────────────────────────────────────────


class _Stopped(BaseException):
    """What a signal handler, or a timeout of a role, may raise at any moment."""


class _Stops(ScriptedSocket):
    def receive(self, _deadline: float) -> bytes:
        raise _Stopped


def test_after_an_exception_that_is_not_the_clients_the_connection_is_not_used_again() -> None:
    network = MemoryNetwork(lambda first: _Stops([], Then.KEEP) if first else ScriptedSocket([WELL], Then.KEEP))
    client = HttpClient(PLAIN, network)
    with pytest.raises(_Stopped):
        client.exchange(request())

    assert client.exchange(request()).body == b'"well"'
    assert len(network.opened) == 2
    assert isinstance(network.opened[0], ScriptedSocket)
    assert network.opened[0].closed
