"""What preflight reports while a slow target keeps it waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import Plan, Scenario
from perfsuite.preflight.progress import ProgressReporter
from perfsuite.preflight.run import PreflightInput, find_target, preflight
from perfsuite.roles import ROLES
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.run_state import RunState
from tests.target.fake_target import ACCOUNTS, FakeTarget

PLAN = Plan("basic_1", Scenario("basic", 10, 2, 60), "http://localhost:8015", {}, (), (), 1, "2026-03-01T09:30:00Z")
OPERATIONS = sum(
    1 + len({step.operation for behaviour in role.behaviours for step in behaviour.steps}) for role in ROLES
)
WITHIN_S = 90.0


class SlowTarget(FakeTarget):
    """Answers one request only after a report; meanwhile the clock advances by as much as it took."""

    def __init__(self, method: str, path: str, takes_s: float) -> None:
        super().__init__()
        self.lines: list[Message] = []
        self.now_s = 100.0
        self._slow, self._takes_s = (method, path), takes_s
        self._reported = threading.Event()

    def say(self, line: Message) -> None:
        self.lines.append(line)
        self._reported.set()

    def exchange(self, request: Request) -> Answer:
        if (request.method, request.target) == self._slow and self._takes_s:
            self.now_s += self._takes_s
            self._takes_s = 0.0
            self._reported.clear()
            assert self._reported.wait(WITHIN_S), "nothing was reported while a request was in flight"
        return super().exchange(request)


@pytest.fixture
def look() -> Callable[[SlowTarget], list[Message]]:
    def run(target: SlowTarget) -> list[Message]:
        reporter = ProgressReporter(target.say, every_s=0.02, clock=lambda: target.now_s)
        run_ = RunState("basic_1", purpose="preflight", thorough=True)
        info = find_target(PLAN.host, run_, lambda: target, reporter)
        preflight(PreflightInput(PLAN, info, ROLES, tuple(ACCOUNTS.values())), run_, lambda: target, reporter)
        return target.lines

    return run


def test_a_request_that_does_not_come_back_is_named(look: Callable[[SlowTarget], list[Message]]) -> None:
    lines = look(SlowTarget("GET", "/api/v1/users/me", 12.0))

    waiting = [line for line in lines if "users/me" in line]
    assert waiting
    assert waiting[0].code is PreflightMessage.WAITING
    assert (waiting[0].fields["request"], waiting[0].fields["waited_s"]) == ("GET /api/v1/users/me", 12.0)
    progress = waiting[0].fields["progress"].fields
    assert 0 < progress["done"] < progress["total"] == OPERATIONS


def test_before_it_is_known_what_there_is_to_ask(look: Callable[[SlowTarget], list[Message]]) -> None:
    lines = look(SlowTarget("GET", "/health", 7.0))

    connecting = PreflightMessage.CONNECTING()
    assert PreflightMessage.WAITING(progress=connecting, request="GET /health", waited_s=7.0) in lines


def test_at_the_end_it_names_what_was_slow(look: Callable[[SlowTarget], list[Message]]) -> None:
    lines = look(SlowTarget("GET", "/api/v1/users/me", 12.0))

    assert (lines[-1].code, lines[-1].fields["took_s"]) == (PreflightMessage.TOOK, 12.0)
    assert lines[-1].fields["slowest"].count(" as ") == 3


def test_a_quick_one_reports_nothing() -> None:
    target, lines = FakeTarget(), []
    run = RunState("basic_1", purpose="preflight", thorough=True)

    reporter = ProgressReporter(lines.append, every_s=60)
    info = find_target(PLAN.host, run, lambda: target, reporter)
    preflight(PreflightInput(PLAN, info, ROLES, tuple(ACCOUNTS.values())), run, lambda: target, reporter)

    assert lines == []
    assert target.closed
