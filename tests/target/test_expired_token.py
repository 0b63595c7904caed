"""The token of before a renewal, once it has expired."""

from __future__ import annotations

from perfsuite.target.token import EXPIRED_FOR_S, Token


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def renewed(clock: Clock, name: str, life_s: int | None = 900) -> dict[str, object]:
    body: dict[str, object] = {"access_token": name}
    return body if life_s is None else {**body, "expires_in": life_s}


def test_a_token_counts_as_expired_only_some_time_after_its_life() -> None:
    clock = Clock()
    token = Token(clock)
    token.take(renewed(clock, "first"), "", 0.8)
    clock.now = 700.0
    token.take(renewed(clock, "second"), "", 0.8)
    clock.now = 900.0 + EXPIRED_FOR_S - 1
    assert (token.value, token.expired) == ("second", "")
    clock.now = 900.0 + EXPIRED_FOR_S
    assert token.expired == "first"


def test_an_expired_token_stays_known_after_the_next_renewal() -> None:
    clock = Clock()
    token = Token(clock)
    for now, name in ((0.0, "first"), (700.0, "second"), (1400.0, "third")):
        clock.now = now
        token.take(renewed(clock, name), "", 0.8)
    assert token.expired == "first"
    clock.now = 1600.0 + EXPIRED_FOR_S
    assert token.expired == "second"


def test_a_token_whose_life_is_not_known_never_counts_as_expired() -> None:
    clock = Clock()
    token = Token(clock)
    token.take(renewed(clock, "first", None), "", 0.8)
    token.take(renewed(clock, "second"), "", 0.8)
    clock.now = 1e9
    assert token.expired == ""
