"""The steps of a check, as they are recorded while it is made."""

from __future__ import annotations

import random

import pytest

from perfsuite.correctness.check import (
    Check,
    CheckActor,
    CheckContext,
    Held,
    Reply,
    Send,
    Steps,
    TokenKind,
    Unanswered,
    Unavailable,
)
from perfsuite.correctness.drive import RecordingCarrier, carry_out
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import CheckStep, Invariant
from tests.correctness.carriers import SameAnswer

SENIOR, OTHER = CheckActor("senior_agent"), CheckActor("senior_agent", 1)
NUMBER, POLICY = {"policy_number": "PERF-secret"}, {"policy_id": "1234"}


class Silent:
    """A carrier, and a context, that answers everything with 200."""

    random = random.Random(1)

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        return tuple(Reply(send, 200, None) for send in sends)

    def wait(self, seconds: float) -> None:
        pass

    def name(self, actor: CheckActor) -> str:
        return str(actor)

    def user_id(self, actor: CheckActor) -> str:
        return str(actor)

    def new_mark(self) -> str:
        return "PERF-1"


def steps(_context: CheckContext) -> Steps:
    yield Send(SENIOR, "policies.create", body=NUMBER), Send(OTHER, "policies.create", body=NUMBER)
    yield 1.5
    yield 0.5
    yield (Send(SENIOR, "policies.read", POLICY, token=TokenKind.NONE),)
    return Held()


def test_steps_have_names_in_place_of_values() -> None:
    heard: list[tuple[int, int]] = []
    carrier = RecordingCarrier(Silent(), str, lambda steps, replies: heard.append((len(steps), len(replies))))
    check = Check(Invariant.CONTESTS, "one wins", "policies.create", (SENIOR, OTHER), 3, steps)

    assert carry_out(check, Silent(), carrier) == Held()

    create, fields = "POST /api/v1/policies/", ("policy_number",)
    assert carrier.steps == [
        CheckStep("senior_agent#1", "own", "policies.create", create, fields, instant=1),
        CheckStep("senior_agent#2", "own", "policies.create", create, fields, instant=1),
        CheckStep("senior_agent#1", "none", "policies.read", "GET /api/v1/policies/{policy_id}", (), 2, 2.0),
    ]
    assert heard == [(2, 2), (1, 1)]
    assert carrier.is_race


def test_one_request_after_the_other_is_no_race() -> None:
    carrier = RecordingCarrier(Silent(), str)
    for _ in range(2):
        carrier.exchange((Send(SENIOR, "policies.list"),))
    assert not carrier.is_race


@pytest.mark.parametrize(
    ("status", "busy"), [(200, False), (404, False), (0, True), (401, True), (500, True), (503, True)]
)
def test_a_target_that_does_not_answer_was_busy(status: int, busy: bool) -> None:
    carrier = RecordingCarrier(SameAnswer(status), str)
    carrier.exchange((Send(SENIOR, "policies.list"),))
    assert carrier.was_busy is busy


@pytest.mark.parametrize(
    ("why", "busy"), [(Unanswered(WhyNot.NO_LOGIN()), True), (Unavailable("its login was refused"), False)]
)
def test_a_request_that_could_not_be_made_may_be_made_the_next_time(why: Unanswered, busy: bool) -> None:
    class Closed(Silent):
        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            raise why

    carrier = RecordingCarrier(Closed(), str)
    with pytest.raises(Unanswered):
        carrier.exchange((Send(SENIOR, "policies.list"),))
    assert carrier.was_busy is busy
