"""How often a violation is tried again, and what is said of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

import pytest

from perfsuite.correctness.check import (
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Reply,
    Send,
    Steps,
    TokenKind,
    Unavailable,
    Violated,
    answered,
    ask,
)
from perfsuite.correctness.client import LOGIN_REFUSED, LOGIN_WAITS
from perfsuite.correctness.thread_concurrency import ThreadConcurrency
from perfsuite.correctness.tokens import NONE_EXPIRED
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model.correctness import CheckStep, Invariant
from perfsuite.run.replay import BUSY_TRIES, MOST_TRIES, PAUSE_S, SpokenConcurrency, StepLines, try_again

HOLDER = CheckActor("policyholder")
REFUSED = Send(HOLDER, "dashboard.system")


def nothing(_line: str) -> None:
    pass


class ScriptedTarget:
    """Answers with these statuses in turn, then with the last one; knows nothing of accounts."""

    def __init__(self, *statuses: int) -> None:
        self.random = random.Random(1)
        self.waited: list[float] = []
        self.sent = 0
        self._statuses = list(statuses)

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        return tuple(self._reply(send) for send in sends)

    def _reply(self, send: Send) -> Reply:
        self.sent += 1
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return Reply(send, status, None, f"id-{self.sent}")

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    def name(self, actor: CheckActor) -> str:
        return str(actor)

    def user_id(self, actor: CheckActor) -> str:
        return str(actor)

    def new_mark(self) -> str:
        return "PERF-1"


def check_of(sends: Sequence[Send], *, expected: int = 403) -> Check:
    """All of them at the same instant; each has to get the expected status."""

    def steps(_context: CheckContext) -> Steps:
        replies = yield tuple(sends)
        for reply in replies:
            if answered(reply).status != expected:
                return Violated(f"HTTP {expected}", f"HTTP {reply.status}", (reply,))
        return Held()

    return Check(Invariant.PERMISSIONS, "refused", sends[0].operation, (HOLDER,), len(sends), steps)


def no_data(_context: CheckContext) -> Steps:
    reply = yield from ask(REFUSED)
    return NotChecked(f"HTTP {reply.status}")


NO_DATA = Check(Invariant.PERMISSIONS, "refused", REFUSED.operation, (HOLDER,), 1, no_data)
ONE, RACE = check_of([REFUSED]), check_of([REFUSED, REFUSED])


@pytest.mark.parametrize(
    ("check", "statuses", "outcome", "tries", "sent"),
    [
        pytest.param(ONE, (403,), Held, 1, 1, id="the next time cannot end otherwise"),
        pytest.param(ONE, (200,), Violated, 1, 1, id="it happens at once"),
        pytest.param(RACE, (403,), Held, MOST_TRIES, 2 * MOST_TRIES, id="a race may end otherwise the next time"),
        pytest.param(RACE, (*[403] * 5, 200), Violated, 3, 6, id="a race that is lost the third time"),
        pytest.param(ONE, (503, 0, 403), Held, 1, 3, id="too busy at first"),
        pytest.param(ONE, (503, 200), Violated, 1, 2, id="too busy, and then it happens"),
        pytest.param(ONE, (503,), NotChecked, 0, BUSY_TRIES, id="too busy"),
        pytest.param(NO_DATA, (404,), NotChecked, 0, 1, id="what is not there will not be there the next time"),
        pytest.param(RACE, (403, 403, 503), Held, 1, 2 + 2 * BUSY_TRIES, id="some tries of a race say something"),
    ],
)
def test_it_is_tried_until_it_happens(
    check: Check, statuses: tuple[int, ...], outcome: type, tries: int, sent: int
) -> None:
    target = ScriptedTarget(*statuses)

    result = try_again(check, target, nothing)

    assert isinstance(result.outcome, outcome)
    assert (result.tries, target.sent) == (tries, sent)
    assert set(target.waited) <= {PAUSE_S}


@pytest.mark.parametrize("why", [NONE_EXPIRED, LOGIN_REFUSED, LOGIN_WAITS])
def test_a_request_that_cannot_be_made_is_not_tried_again(why: str) -> None:
    class Closed(ScriptedTarget):
        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            super().exchange(sends)
            raise Unavailable(why)

    target, lines = Closed(200), list[str]()

    result = try_again(ONE, target, lines.append)

    assert (result.outcome, target.sent, lines, target.waited) == (NotChecked(why), 1, [], [])


def test_the_steps_of_the_first_try_and_of_the_one_that_shows_it_are_said() -> None:
    lines: list[str] = []

    try_again(RACE, ScriptedTarget(*[403] * 5, 200), lines.append)

    request = "GET /api/v1/dashboard/system-overview"
    ids = [line.rpartition(" ")[2].rstrip(")") for line in lines if request in line]
    assert ids == ["id-1", "id-2", "id-5", "id-6"]
    assert lines[3] == ReplayMessage.RACE(tries=MOST_TRIES)


@pytest.mark.parametrize(
    ("send", "status", "said"),
    [
        pytest.param(
            REFUSED, 403,
            ReplayMessage.STEP(actor="policyholder#1", request="GET /x", status=403, request_id="7"), id="a request",
        ),
        pytest.param(
            Send(HOLDER, "dashboard.system", token=TokenKind.FORGED), 401,
            ReplayMessage.STEP(
                actor=ReplayMessage.OTHER_TOKEN(actor="policyholder#1", token="forged"),
                request="GET /x", status=401, request_id="7",
            ),
            id="another token",
        ),
        pytest.param(
            REFUSED, 0,
            ReplayMessage.STEP(actor="policyholder#1", request="GET /x", status="no answer", request_id="7"),
            id="no answer",
        ),
    ],
)  # fmt: skip
def test_a_step_names_actor_request_status_and_request_id(send: Send, status: int, said: str) -> None:
    lines: list[str] = []
    step = CheckStep(str(send.actor), send.token.value, send.operation, "GET /x")

    StepLines(lines.append)([step], [Reply(send, status, None, "7")])

    assert lines == [f"  {said}"]


def test_steps_at_the_same_instant_stand_together_with_the_fields_of_their_bodies() -> None:
    lines: list[str] = []
    send = Send(HOLDER, "users.preferences", body={"theme": "dark"})
    step = CheckStep("policyholder#1", "own", send.operation, "PUT /y", ("theme",), 1)

    StepLines(lines.append)([step, step], [Reply(send, 200, None, number) for number in ("7", "8")])

    request = ReplayMessage.WITH_FIELDS(request="PUT /y", fields=["theme"])
    said = [
        ReplayMessage.STEP(actor="policyholder#1", request=request, status=200, request_id=number)
        for number in ("7", "8")
    ]
    assert lines == [f"  {ReplayMessage.AT_ONCE()}", *(f"    {line}" for line in said)]


def test_calls_at_the_same_instant_wait_for_each_other() -> None:
    met = threading.Barrier(3, timeout=60)

    def call(number: int) -> Reply:
        met.wait()  # breaks unless all of them are under way
        return Reply(REFUSED, 200 + number, None)

    replies = ThreadConcurrency().together([lambda number=number: call(number) for number in range(3)])  # type: ignore[misc]

    assert [reply.status for reply in replies] == [200, 201, 202]


def test_a_wait_is_said_when_it_begins() -> None:
    heard: list[str] = []

    SpokenConcurrency(heard.append).wait(0.001)

    assert heard == [f"  {ReplayMessage.WAITING(wait_s=0.001)}"]


def test_an_error_of_one_call_is_raised() -> None:
    def fail() -> Reply:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ThreadConcurrency().together([fail, lambda: Reply(REFUSED, 200, None)])


def test_one_request_is_asked_and_answered() -> None:
    def steps(_context: CheckContext) -> Steps:
        reply = yield from ask(REFUSED)
        return Held() if reply.ok else Violated("HTTP 200", f"HTTP {reply.status}", (reply,))

    check = Check(Invariant.ERRORS, "answers", "dashboard.system", (HOLDER,), 1, steps)

    assert try_again(check, ScriptedTarget(200), nothing).outcome == Held()
