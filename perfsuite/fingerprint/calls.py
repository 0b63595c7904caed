"""The calls of one role: its operations with their steps, and each call with arguments the role would give."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perfsuite.model import LOGIN, Account
from perfsuite.model.role import Call, Role, Step
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import Observed, Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session


class _Last:
    """Keeps the last request and counts all."""

    def __init__(self) -> None:
        self.observed: Observed | None = None
        self.count = 0
        self.expired = False
        """Since this was last set to False, a request was refused for its token, and there was a login in between."""

    def request(self, observed: Observed) -> None:
        self.observed = observed
        self.count += 1
        self.expired = self.expired or observed.expired

    def not_possible(self, _role: str, _behaviour: str, _operation: str, _why: str) -> None:
        """Steps are asked for their arguments directly."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made. `failure` names kind and status only: words of the target may hold values."""

    elapsed_ms: float
    failure: str
    answered_rows: int | None


class Caller:
    """One user of a role, calling its operations one by one."""

    def __init__(self, role: Role, account: Account, transport: Transport, run: RunState) -> None:
        self.role = role
        self._last = _Last()
        self._session = Session(role, account, transport, run, self._last)

    @property
    def requests(self) -> int:
        """Requests made so far, those for arguments too."""
        return self._last.count

    def begin(self, operation: str) -> None:
        """From here the same choices are made as in every other fingerprint, however many repeats came before.

        A token that is due for renewal is renewed now, so that no call is measured with a login.
        """
        if operation != LOGIN and not self._session.logged_in:
            self._session.login()
        self._session.random = random.Random(f"{self.role.slug}/{operation}")
        for kind in tuple(self._session.chosen):
            self._session.pick(kind)  # steps about the row chosen last; one that was made (kind "created …") stays

    def arguments(self, step: Step) -> Call | None:
        """What the role would ask for; None when the target holds no data for it. May itself ask for a list."""
        return step.arguments(self._session)

    def login(self) -> Called:
        """Log in."""
        self._last.expired = False
        self._session.login()
        return self._called(None, {})

    def call(self, operation: str, arguments: Call) -> Called:
        """Make one request."""
        which = CATALOGUE[operation]
        self._last.expired = False
        return self._called(which, self._session.call(which, arguments))

    def _called(self, operation: Operation | None, body: Any) -> Called:
        observed = self._last.observed
        if observed is None:
            raise RuntimeError("a session told its observer nothing of a request")
        failure = ""
        if observed.failure is not None or body is None or self._last.expired:
            kind = observed.failure.kind.value if observed.failure else "login again"
            failure = f"the call failed ({kind}{f', HTTP {observed.status}' if observed.status else ''})"
        rows = checks.rows_of(operation, body) if operation and operation.lists is not None and not failure else None
        return Called(observed.elapsed_us / 1000, failure, None if rows is None else len(rows))


def steps_of(role: Role) -> dict[str, tuple[Step, ...]]:
    """The operations of a role in the order of its behaviours, each with all steps that call it."""
    found: dict[str, tuple[Step, ...]] = {}
    for behaviour in role.behaviours:
        for step in behaviour.steps:
            found[step.operation] = (*found.get(step.operation, ()), step)
    return found


def makers_first(roles: Sequence[Role]) -> list[Role]:
    """The roles with those first that make rows which others work on."""
    return sorted(roles, key=lambda role: not any(CATALOGUE[name].creates for name in steps_of(role)))


__all__ = ["LOGIN", "Called", "Caller", "makers_first", "steps_of"]
