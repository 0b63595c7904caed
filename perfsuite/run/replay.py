"""Checks again, without load and with fresh sessions, what a run found violated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from perfsuite.correctness.check import (
    WITHOUT_LOAD,
    Check,
    CheckContext,
    Held,
    NotChecked,
    Outcome,
    Reply,
    TokenKind,
    Violated,
)
from perfsuite.correctness.client import CheckClient
from perfsuite.correctness.drive import Carrier, RecordingCarrier, carry_out
from perfsuite.correctness.errors import BEFORE
from perfsuite.correctness.evidence import secrets_of, without_secrets_of
from perfsuite.correctness.possible import NOT_OFFERED, READ_ONLY, Possible
from perfsuite.correctness.thread_concurrency import ThreadConcurrency
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import Account, Cleanup, Plan
from perfsuite.model.correctness import CheckStep
from perfsuite.roles import ROLES
from perfsuite.run.cleanup import clean_without_load
from perfsuite.run.context import CommandContext, RunContext
from perfsuite.run.pipeline import clean_on_failure, probe
from perfsuite.target.journal import FILE_NAME, Journal
from perfsuite.target.run_state import RunState

MOST_TRIES = 20
"""Of a check whose requests race each other."""
BUSY_TRIES = 3
"""Where the target was too busy to answer."""
PAUSE_S = 1.0
_FIELDS_SHOWN = 4


class SpokenConcurrency(ThreadConcurrency):
    """With threads; `say` hears of each wait when it begins."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def wait(self, seconds: float) -> None:
        """See Concurrency."""
        self._say(f"  {ReplayMessage.WAITING(wait_s=seconds)}")
        super().wait(seconds)


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How the last try ended, after how many, and what became of the rows that they made; None where they made none."""

    outcome: Outcome
    tries: int = 0
    cleanup: Cleanup | None = None


def replay(
    command: CommandContext,
    plan: Plan,
    accounts: Sequence[Account],
    check: Check,
    name: str,
    refusals: Mapping[str, int],
) -> ReplayResult:
    """Make the check at the target of the plan, in a folder of that name, and clean up.

    `refusals`: what preflight of the run saw, see `PreflightReport.refusals`.
    Raises TargetError when the target is not there or not ours.
    """
    made = command.begin(plan, accounts, name)
    with clean_on_failure(made), closing(Journal(made.folder / FILE_NAME)) as book:
        result = _replayed(check, made, made.state_for("check", book), refusals)
    return replace(result, cleanup=clean_without_load(made))


def _replayed(check: Check, run: RunContext, state: RunState, refusals: Mapping[str, int]) -> ReplayResult:
    missing = dict.fromkeys(probe(run).missing(state), NOT_OFFERED)
    accounts = {role.slug: [one for one in run.accounts if one.role == role.slug] for role in ROLES}
    read_only = READ_ONLY if run.plan.read_only else ""
    possible = Possible({slug: len(own) for slug, own in accounts.items()}, missing, read_only=read_only)
    if why := possible.why_not(check):
        return ReplayResult(NotChecked(why))
    roles, say = {role.slug: role for role in ROLES}, run.screen.say
    known = {slug: dict(enumerate(own, 1)) for slug, own in accounts.items()}
    with closing(CheckClient(state, roles, known, run.connect, SpokenConcurrency(say))) as client:
        client.known[WITHOUT_LOAD] = [slug for slug, own in accounts.items() if own]
        client.known[BEFORE] = refusals
        result = try_again(check, client, say)
    if isinstance(result.outcome, Violated):
        secrets = secrets_of(run.accounts, state.secrets)
        result = replace(result, outcome=without_secrets_of(result.outcome, secrets))
    return result


class Sender(CheckContext, Carrier, Protocol):
    """What checks know, and what sends their requests."""


def try_again(check: Check, client: Sender, say: Callable[[str], None]) -> ReplayResult:
    """Try until it happens; once where the next time cannot end otherwise. `say`: takes lines about the steps."""
    held = busy = 0
    while True:
        first = not held and not busy
        later: list[str] = []
        carrier = RecordingCarrier(client, client.name, StepLines(say if first else later.append))
        outcome = carry_out(check, client, carrier)
        if isinstance(outcome, Violated):
            for line in later:
                say(line)
            return ReplayResult(outcome, held + 1)
        if isinstance(outcome, NotChecked):
            busy += 1
            if busy == BUSY_TRIES or not carrier.was_busy:
                return ReplayResult(Held() if held else outcome, held)
            say(ReplayMessage.AGAIN(why=outcome.why))
            client.wait(PAUSE_S)
            continue
        held += 1
        if not carrier.is_race or held == MOST_TRIES:
            return ReplayResult(outcome, held)
        if held == 1:
            say(ReplayMessage.RACE(tries=MOST_TRIES))


class StepLines:
    """Describes the steps of a check and what came back, in lines that `say` takes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __call__(self, steps: Sequence[CheckStep], replies: Sequence[Reply]) -> None:
        """Say those of one instant."""
        if len(steps) > 1:
            self._say(f"  {ReplayMessage.AT_ONCE()}")
        for step, reply in zip(steps, replies, strict=True):
            self._say(f"{'  ' * min(len(steps), 2)}{_line(step, reply)}")


def _line(step: CheckStep, reply: Reply) -> str:
    actor = step.actor
    if reply.send.token is not TokenKind.OWN:
        actor = ReplayMessage.OTHER_TOKEN(actor=actor, token=step.token)
    request, fields = step.request, len(step.fields)
    if fields > _FIELDS_SHOWN:
        request = ReplayMessage.WITH_MANY_FIELDS(request=request, fields=fields)
    elif fields:
        request = ReplayMessage.WITH_FIELDS(request=request, fields=step.fields)
    status = reply.status or "no answer"
    return ReplayMessage.STEP(actor=actor, request=request, status=status, request_id=reply.request_id)
