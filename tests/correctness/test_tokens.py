"""Tokens that a target must refuse: made from a token that it has given."""

from __future__ import annotations

import base64
import json

import pytest

from perfsuite.correctness.check import TokenKind, Unanswered, Unavailable
from perfsuite.correctness.tokens import NO_END, NONE_EXPIRED, token_for
from perfsuite.roles import ROLES
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from perfsuite.target.token import EXPIRED_FOR_S
from tests.target.fake_target import ACCOUNTS, LIFE_S, FakeTarget, Notes, answer, jwt


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(clock: Clock) -> Session:
    made = Session(ROLES[0], ACCOUNTS["super_admin"], FakeTarget(), RunState("basic_1"), Notes(), clock=clock)
    assert made.login()
    return made


def decoded(part: str) -> object:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_ones_own_token_is_also_that_of_a_deactivated_account(session: Session) -> None:
    assert token_for(TokenKind.OWN, session) == token_for(TokenKind.DEACTIVATED, session) == session.token
    assert token_for(TokenKind.NONE, session) == ""


def test_a_forged_token_has_the_claims_and_another_signature(session: Session) -> None:
    own, forged = session.token.split("."), token_for(TokenKind.FORGED, session).split(".")
    assert forged[:2] == own[:2]
    assert forged[2] not in ("", own[2])


def test_an_unsigned_token_says_so(session: Session) -> None:
    head, claims, signature = token_for(TokenKind.UNSIGNED, session).split(".")
    assert decoded(head) == {"alg": "none", "typ": "JWT"}
    assert (claims, signature) == (session.token.split(".")[1], "")


def renewed(clock: Clock, *tokens: str) -> Session:
    """A session that got these tokens, each shortly before the end of the one before."""
    target = FakeTarget()
    user = target.users[ACCOUNTS["super_admin"].phone_number]
    made = Session(ROLES[0], ACCOUNTS["super_admin"], target, RunState("basic_1"), Notes(), clock=clock)
    for token in tokens:
        login = {"access_token": token, "refresh_token": "r", "token_type": "bearer", "expires_in": LIFE_S}
        target.give("login", answer({**login, "user": user, "permissions": []}))
        assert made.login()
        clock.now += LIFE_S - 100.0
    return made


def test_an_expired_token_is_one_that_was_renewed_and_whose_life_is_over(clock: Clock) -> None:
    first, second = (jwt(sub=name, iat=0, exp=LIFE_S) for name in ("1", "2"))
    session = renewed(clock, first, second)
    clock.now = LIFE_S + EXPIRED_FOR_S - 1.0
    with pytest.raises(Unanswered, match=NONE_EXPIRED):
        token_for(TokenKind.EXPIRED, session)
    clock.now = LIFE_S + EXPIRED_FOR_S
    assert (token_for(TokenKind.EXPIRED, session), session.token) == (first, second)


@pytest.mark.parametrize("token", ["7f3c9a", jwt(sub="1")])
def test_a_token_that_does_not_say_when_it_expires_may_live_longer_than_the_login_said(
    clock: Clock, token: str
) -> None:
    session = renewed(clock, token, token)
    clock.now = LIFE_S + EXPIRED_FOR_S
    with pytest.raises(Unavailable, match=NO_END):
        token_for(TokenKind.EXPIRED, session)
