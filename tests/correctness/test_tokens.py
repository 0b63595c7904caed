"""Tokens that a target must refuse: made from a token that it has given."""

from __future__ import annotations

import base64
import json

import pytest

from perfsuite.correctness.check import TokenKind, Unanswered
from perfsuite.correctness.tokens import NONE_EXPIRED, token_for
from perfsuite.roles import ROLES
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from perfsuite.target.token import EXPIRED_FOR_S
from tests.target.fake_target import ACCOUNTS, LIFE_S, FakeTarget, Notes


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


def test_an_expired_token_is_one_that_was_renewed_and_whose_life_is_over(session: Session, clock: Clock) -> None:
    first = session.token
    clock.now = LIFE_S - 100.0
    assert session.login()
    with pytest.raises(Unanswered, match=NONE_EXPIRED):
        token_for(TokenKind.EXPIRED, session)
    clock.now = LIFE_S + EXPIRED_FOR_S
    assert token_for(TokenKind.EXPIRED, session) == first
    assert first != session.token
