"""How often checks log in."""

from __future__ import annotations

from threading import Barrier

import pytest

from perfsuite.correctness import errors
from perfsuite.correctness.check import CheckActor, Held, NotChecked, Send, Unanswered
from perfsuite.correctness.client import LOGIN_REFUSED, LOGIN_WAITS, CheckClient
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.errors import BEFORE, SAME_REFUSAL
from perfsuite.correctness.thread_concurrency import ThreadConcurrency
from perfsuite.messages.checks import WhyNot
from perfsuite.roles import ROLES
from perfsuite.target.exchange import Answer, LastRequest
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.target.fake_target import ACCOUNTS, Asked, FakeTarget, answer

ROLE = "policyholder"
READ = Send(CheckActor(ROLE), "users.me")


def client_of(target: FakeTarget, lent: Session | None = None) -> CheckClient:
    roles, accounts = {role.slug: role for role in ROLES}, {ROLE: {1: ACCOUNTS[ROLE]}}
    return CheckClient(
        RunState("check_1", purpose="check"),
        roles,
        accounts,
        lambda: target,
        ThreadConcurrency(),
        lambda _account: lent,
    )


def asked(target: FakeTarget) -> list[str]:
    return [each.operation for each in target.asked]


def test_an_account_is_logged_in_once() -> None:
    target = FakeTarget()
    client = client_of(target)
    assert [client.exchange((READ,))[0].status for _check in range(2)] == [200, 200]
    assert asked(target) == ["login", "users.me", "users.me"]


@pytest.mark.parametrize(
    ("refusal", "first", "then"),
    [
        pytest.param(answer({}, 401), LOGIN_REFUSED, LOGIN_REFUSED, id="wrong password"),
        pytest.param(answer({}, 423), LOGIN_REFUSED, LOGIN_REFUSED, id="locked account"),
        pytest.param(answer({}, 429, Retry_After="30"), WhyNot.NO_LOGIN(), LOGIN_WAITS, id="too many logins"),
    ],
)
def test_a_login_that_is_refused_is_not_tried_again(refusal: Answer, first: str, then: str) -> None:
    target = FakeTarget()
    target.give("login", *[refusal] * 5)
    client, reasons = client_of(target), []
    for _check in range(5):
        with pytest.raises(Unanswered) as why:
            client.exchange((READ,))
        reasons.append(str(why.value))
    assert reasons == [first, *[then] * 4]
    assert asked(target) == ["login"]


def test_a_login_that_was_refused_to_the_load_is_not_tried_by_checks() -> None:
    target = FakeTarget()
    target.give("login", answer({}, 401))
    role = next(role for role in ROLES if role.slug == ROLE)
    lent = Session(role, ACCOUNTS[ROLE], target, RunState("check_1"), LastRequest())
    assert not lent.login()
    with pytest.raises(Unanswered, match=LOGIN_REFUSED):
        client_of(target, lent).exchange((READ,))
    assert asked(target) == ["login"]


def test_a_token_that_is_refused_is_renewed_once_where_that_does_not_help() -> None:
    target = FakeTarget()
    target.give("users.me", *[answer({}, 401)] * 5)
    client = client_of(target)
    assert [client.exchange((READ,))[0].status for _check in range(4)] == [401] * 4
    assert asked(target).count("login") == 2


@pytest.mark.parametrize("login", [answer({}, 429, Retry_After="30"), answer({}, 503)])
def test_a_session_that_is_lost_while_nobody_can_log_in_gives_no_result(login: Answer) -> None:
    (check,) = (one for one in errors.checks() if one.key[1:] == (SAME_REFUSAL, "users.list", (ROLE,)))
    target = FakeTarget()
    target.forbidden.add((ROLE, "users.list"))
    client = client_of(target)
    client.known[BEFORE] = errors.statuses(client, client, lambda one: one.key == check.key)
    assert carry_out(check, client, client) == Held()

    target.give(check.operation, *[answer({}, 401)] * 2)
    target.give("login", login)

    assert carry_out(check, client, client) == NotChecked("HTTP 401")


def test_requests_at_the_same_instant_renew_a_lost_session_once() -> None:
    target = FakeTarget()
    client = client_of(target)
    client.exchange((READ,))
    both = Barrier(2, timeout=5)

    def lost(_asked: Asked) -> Answer:
        both.wait()
        return answer({}, 401)

    target.give("users.me", lost, lost)
    assert [reply.status for reply in client.exchange((READ, READ))] == [200, 200]
    assert asked(target).count("login") == 2


def test_a_token_that_has_expired_is_renewed() -> None:
    target = FakeTarget()
    target.give("users.me", answer({}, 401))
    assert client_of(target).exchange((READ,))[0].status == 200
    assert asked(target) == ["login", "users.me", "login", "users.me"]


def test_a_token_is_not_renewed_where_the_budget_has_no_request_left() -> None:
    for left, sent in ((0, ["users.me"]), (1, ["users.me", "login"]), (2, ["users.me", "login", "users.me"])):
        target = FakeTarget()
        client = client_of(target)
        client.exchange((READ,))
        target.asked.clear()
        target.give("users.me", answer({}, 401))
        budget = [True] * left
        client.may_repeat = lambda budget=budget: bool(budget and budget.pop())  # type: ignore[misc]

        (reply,) = client.exchange((READ,))

        assert asked(target) == sent
        assert reply.status == (200 if left == 2 else 401)
