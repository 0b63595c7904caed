"""What is told while preflight takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

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
WITHIN_S = 20.0


class SlowTarget(FakeTarget):
    """Answers a certain request only after something was told; meanwhile the clock goes on by as much as it took."""

    def __init__(self, method: str, path: str, takes_s: float) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.now_s = 100.0
        self._slow, self._takes_s = (method, path), takes_s
        self._told = threading.Event()

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._told.set()

    def exchange(self, request: Request) -> Answer:
        if (request.method, request.target) == self._slow and self._takes_s:
            self.now_s += self._takes_s
            self._takes_s = 0.0
            self._told.clear()
            assert self._told.wait(WITHIN_S), "nothing was told while a request was on its way"
        return super().exchange(request)


@pytest.fixture
def look() -> Callable[[SlowTarget], list[str]]:
    def run(target: SlowTarget) -> list[str]:
        reporter = ProgressReporter(target.say, every_s=0.02, clock=lambda: target.now_s)
        run_ = RunState("basic_1", purpose="preflight", thorough=True)
        info = find_target(PLAN.host, run_, lambda: target, reporter)
        preflight(PreflightInput(PLAN, info, ROLES, tuple(ACCOUNTS.values())), run_, lambda: target, reporter)
        return target.lines

    return run


def test_a_request_that_does_not_come_back_is_named(look: Callable[[SlowTarget], list[str]]) -> None:
    lines = look(SlowTarget("GET", "/api/v1/users/me", 12.0))

    waiting = [line for line in lines if "users/me" in line]
    assert waiting
    assert waiting[0].startswith("Preflight: ")
    assert waiting[0].endswith(f" of {OPERATIONS} operations; waiting for GET /api/v1/users/me since 12 s")
    done = int(waiting[0].split()[1])
    assert 0 < done < OPERATIONS


def test_before_it_is_known_what_there_is_to_ask(look: Callable[[SlowTarget], list[str]]) -> None:
    lines = look(SlowTarget("GET", "/health", 7.0))

    assert "Preflight; waiting for GET /health since 7 s" in lines


def test_at_the_end_it_tells_what_was_slow(look: Callable[[SlowTarget], list[str]]) -> None:
    lines = look(SlowTarget("GET", "/api/v1/users/me", 12.0))

    assert lines[-1].startswith("Preflight took 12 s; slowest: ")
    assert lines[-1].count(" as ") == 3


def test_a_quick_one_tells_nothing() -> None:
    target, lines = FakeTarget(), []
    run = RunState("basic_1", purpose="preflight", thorough=True)

    reporter = ProgressReporter(lines.append, every_s=60)
    info = find_target(PLAN.host, run, lambda: target, reporter)
    preflight(PreflightInput(PLAN, info, ROLES, tuple(ACCOUNTS.values())), run, lambda: target, reporter)

    assert lines == []
    assert target.closed
