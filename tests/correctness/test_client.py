"""How the requests of checks reach the target: with what query, over which connections, and what is noted before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from perfsuite.correctness.check import CheckActor, Reply, Send, TokenKind, Unanswered
from perfsuite.correctness.client import CheckClient, with_query
from perfsuite.correctness.drive import RecordingCarrier
from perfsuite.messages.checks import WhyNot
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState
from tests.target.fake_target import ACCOUNTS, FakeTarget, answer

ADMIN, SUPPORT = CheckActor("super_admin"), CheckActor("support_staff")


class InTurn:
    """One after the other."""

    def wait(self, seconds: float) -> None:
        pass

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        return [call() for call in calls]


class Client(CheckClient):
    """A client of a target in memory that counts its connections."""

    def __init__(self, folder: Path) -> None:
        self.target, self.connections = FakeTarget(), 0
        run = RunState("basic_20260301_093000", purpose="check", journal=Journal(folder / "journal-local.jsonl"))
        accounts = {role: {1: account} for role, account in ACCOUNTS.items()}
        super().__init__(run, {role.slug: role for role in ROLES}, accounts, self._connect, InTurn())

    def _connect(self) -> FakeTarget:
        self.connections += 1
        return self.target


@pytest.mark.parametrize(
    ("target", "query", "expected"),
    [
        ("/leads/", {}, "/leads/"),
        ("/leads/", {"search": "A & B", "limit": "5"}, "/leads/?search=A%20%26%20B&limit=5"),
        ("/leads/?tenant=7", {"limit": "5"}, "/leads/?tenant=7&limit=5"),
    ],
)
def test_a_query_is_added_to_the_path(target: str, query: dict[str, str], expected: str) -> None:
    assert with_query(target, query) == expected


def test_an_account_is_called_by_its_number_in_the_credentials(tmp_path: Path) -> None:
    account = ACCOUNTS["support_staff"]
    in_order_of_use = {"support_staff": {3: account, 1: account, 2: account}}
    client = CheckClient(RunState("check_1"), {}, in_order_of_use, FakeTarget, InTurn())
    named = [client.name(CheckActor("support_staff", position)) for position in (0, 1, -1)]
    assert named == ["support_staff#3", "support_staff#1", "support_staff#2"]


def test_a_connection_is_used_again_by_whoever_is_next(tmp_path: Path) -> None:
    client = Client(tmp_path)
    for actor in (ADMIN, SUPPORT, ADMIN):
        (reply,) = client.exchange((Send(actor, "users.list"),))
        assert reply.status == 200
    logins = 2
    assert client.connections == logins + 1


def test_requests_at_the_same_instant_never_take_the_same_connection(tmp_path: Path) -> None:
    client, both = Client(tmp_path), (Send(ADMIN, "users.list"), Send(SUPPORT, "users.list"))
    for _race in range(2):
        assert [reply.status for reply in client.exchange(both)] == [200, 200]
    logins = 2
    assert client.connections == logins + 2


def test_a_token_that_is_not_there_costs_no_connection(tmp_path: Path) -> None:
    client, expired = Client(tmp_path), Send(ADMIN, "users.list", token=TokenKind.EXPIRED)
    for _check in range(3):
        with pytest.raises(Unanswered):
            client.exchange((expired,))
    assert client.connections == 2


def test_what_was_before_the_first_change_is_put_back_however_often_it_was_changed(tmp_path: Path) -> None:
    client = Client(tmp_path)
    assert client.will_change(SUPPORT, "language", "en") == "en"
    assert client.will_change(SUPPORT, "language", "la") == "en"
    client.put_back(SUPPORT, "language")
    assert client.will_change(SUPPORT, "language", "hi") == "hi"

    entries = [(entry.what, entry.thing, entry.before, entry.by) for entry in journal.read(tmp_path)]
    by = ACCOUNTS["support_staff"].phone_number
    assert entries == [
        ("preference", "language", "en", by),
        ("preference", "language", "en", by),
        ("restored", "language", None, ""),
        ("preference", "language", "hi", by),
    ]


@pytest.mark.parametrize("kind", [TokenKind.FORGED, TokenKind.UNSIGNED])
def test_a_token_without_a_signature_cannot_be_signed_by_somebody_else(tmp_path: Path, kind: TokenKind) -> None:
    signed, opaque = Client(tmp_path), Client(tmp_path)
    user = opaque.target.users[ACCOUNTS["super_admin"].phone_number]
    login = {"access_token": "7f3c9a", "refresh_token": "r", "token_type": "bearer", "expires_in": 900, "user": user}
    opaque.target.give("login", answer({**login, "permissions": []}))

    (reply,) = signed.exchange((Send(ADMIN, "users.list", token=kind),))
    assert reply.status == 401
    with pytest.raises(Unanswered, match="have no signature"):
        opaque.exchange((Send(ADMIN, "users.list", token=kind),))
    assert not opaque.target.asked_for("users.list")


def test_a_reply_has_the_path_that_was_sent_and_the_steps_of_a_check_too(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.run.paths = {"users.list": "/api/v1/users/?tenant=7"}
    carrier = RecordingCarrier(client, client.name)

    (reply,) = carrier.exchange((Send(SUPPORT, "users.list"),))

    assert client.target.sent[-1].target == "/api/v1/users/?tenant=7"
    assert reply.template == "/api/v1/users/?tenant=7"
    assert [step.request for step in carrier.steps] == ["GET /api/v1/users/?tenant=7"]


def test_why_no_token_has_expired(tmp_path: Path) -> None:
    far = 4_000_000_000
    for claims, why in (({"exp": far}, WhyNot.NONE_EXPIRED()), ({"sub": "u1"}, WhyNot.NO_END())):
        client = Client(tmp_path)
        assert client.why_none_expired(SUPPORT) == WhyNot.NONE_EXPIRED(), "before any login"
        client.target.claims = claims.copy
        client.exchange((Send(SUPPORT, "users.list"),))
        assert client.why_none_expired(SUPPORT) == why
