"""The steps of a check and whatever carries its requests: how they go on, and how they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perfsuite.correctness import watched
from perfsuite.correctness.catalogue import all_checks
from perfsuite.correctness.check import (
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Steps,
    TokenKind,
    Unanswered,
    Violated,
    ask,
)
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.errors import BEFORE, REFUSALS
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from tests.correctness.carriers import BareContext, SameAnswer

ME = CheckActor("policyholder")
READ, WRITE = Send(ME, "users.me"), Send(ME, "users.preferences")


class Script(BareContext):
    """Answers with the statuses in turn; 0 stands for no answer, None for a login that fails."""

    def __init__(self, statuses: list[int | None]) -> None:
        super().__init__()
        self.statuses = statuses
        self.seen: list[str | float] = []

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        self.seen.append("+".join(send.operation for send in sends))
        replies = []
        for send in sends:
            status = self.statuses.pop(0)
            if status is None:
                raise Unanswered(WhyNot.NO_LOGIN())
            replies.append(Reply(send, status, None))
        return tuple(replies)

    def wait(self, seconds: float) -> None:
        self.seen.append(seconds)


def done(steps: Callable[[CheckContext], Steps], *statuses: int | None) -> tuple[Outcome, list[str | float]]:
    script = Script(list(statuses))
    return carry_out(Check(Invariant.WRITES, "a rule", "users.me", (ME,), 2, steps), script, script), script.seen


def both(_context: CheckContext) -> Steps:
    one, other = yield (READ, WRITE)
    replies = yield 1.5
    assert replies == ()
    again = yield from ask(READ)
    return Violated("200", str(again.status), (one, other))


def puts_back(_context: CheckContext) -> Steps:
    yield from ask(WRITE)
    try:
        yield from ask(READ)
    finally:
        yield from ask(WRITE)
    return Held()


def test_requests_together_then_a_pause_then_one_more() -> None:
    outcome, seen = done(both, 200, 201, 404)

    assert seen == ["users.me+users.preferences", 1.5, "users.me"]
    assert isinstance(outcome, Violated)
    assert [reply.status for reply in outcome.replies] == [200, 201]


@pytest.mark.parametrize(("status", "why"), [(0, "no answer"), (503, "HTTP 503"), (None, WhyNot.NO_LOGIN())])
def test_a_target_that_is_too_busy_gives_no_result(status: int | None, why: str) -> None:
    outcome, seen = done(both, 200, 200, status)

    assert outcome == NotChecked(why)
    assert len(seen) == 3


@pytest.mark.parametrize("status", [429, None])
def test_a_check_without_an_answer_puts_back_what_it_changed(status: int | None) -> None:
    outcome, seen = done(puts_back, 200, status, 200)

    assert outcome == NotChecked(WhyNot.NO_LOGIN() if status is None else "HTTP 429")
    assert seen == ["users.preferences", "users.me", "users.preferences"]


def test_not_even_that_may_be_answered() -> None:
    assert done(puts_back, 200, 429, None)[0] == NotChecked(WhyNot.NO_LOGIN())


@pytest.mark.parametrize(
    ("status", "content"),
    [
        *((status, b"") for status in (0, 302, 401, 408, 425, 429, 501, 502, 505, 507, 520, 530, 598)),
        pytest.param(200, b"<html>Please wait</html>", id="a page of a gateway"),
    ],
)
def test_no_check_finds_a_violation_in_answers_that_say_nothing(status: int, content: bytes) -> None:
    for check in (*all_checks(), *watched.checks()):
        context = BareContext()
        context.known[BEFORE] = {refusal.name: 404 for refusal in REFUSALS}
        outcome = carry_out(check, context, SameAnswer(status, None, content))
        assert not isinstance(outcome, Violated), check.key


@pytest.mark.parametrize(
    ("reply", "ok", "says_nothing"),
    [
        (Reply(READ, 200, {}, content=b"{}"), True, False),
        (Reply(WRITE, 204, None), True, False),
        pytest.param(Reply(WRITE, 200, None, content=b"null"), True, False, id="JSON, and no object"),
        pytest.param(Reply(READ, 200, None, content=b"<html>"), False, True, id="a page"),
        pytest.param(Reply(READ, 404, None, content=b"Not Found"), False, False, id="a refusal in words"),
        pytest.param(Reply(READ, 401, {}), False, True, id="a session that is lost"),
        pytest.param(Reply(Send(ME, "users.me", token=TokenKind.FORGED), 401, {}), False, False, id="forged"),
        (Reply(READ, 500, None, content=b"Internal Server Error"), False, False),
        (Reply(READ, 501, None), False, True),
    ],
)
def test_which_answers_say_something(reply: Reply, ok: bool, says_nothing: bool) -> None:
    assert (reply.ok, reply.says_nothing) == (ok, says_nothing)


def test_an_error_of_a_check_is_no_result_of_it() -> None:
    def wrong(_context: CheckContext) -> Steps:
        reply = yield from ask(READ)
        return Violated(reply.body["name"], "", ())

    with pytest.raises(TypeError):
        done(wrong, 200)
