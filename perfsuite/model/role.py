"""A role: its weight, its think times, and its behaviours as steps on the API."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one operation: values for the path's `{names}`, and a JSON body."""

    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


class StepContext(Protocol):
    """What a step can use: the logged-in user, rows from earlier answers, and rows that the run made."""

    role: Role
    user: dict[str, Any]
    """The account as the login returned it."""
    chosen: dict[str, dict[str, Any]]
    """Kind → the row that the steps of an action are about."""
    random: random.Random

    @property
    def user_id(self) -> str:
        """The id of the account in use."""

    @property
    def phone_number(self) -> str:
        """What the account logs in with."""

    def need(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind from the latest list; where none is known yet, from one of `Role.sources`."""

    def pick(self, kind: str) -> dict[str, Any] | None:
        """A random known row of a kind; None when the target has none."""

    def row_with(self, field: str, *kinds: str) -> dict[str, Any] | None:
        """A random row with a value in `field`, of the first of these kinds that has one; None without any."""

    def just_made(self, kind: str) -> dict[str, Any] | None:
        """The row of a kind that an earlier step of this action created; None without one."""

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind that this process created in this run. Remove a row from the list to use it only once."""

    def new_mark(self) -> str:
        """A new text that marks a row as created by this run."""

    def leaves_out(self, operation: str) -> bool:
        """True when the role leaves out this operation."""

    def note_flag(self, name: str, before: bool) -> None:
        """Record, once, that a flag has to be put back."""

    def note_theme(self, before: str | None) -> None:
        """Record, once, that the account's theme has to be put back."""

    def note_not_restorable(self, thing: str, identity: str) -> None:
        """Record, once, that a change cannot be undone."""


Arguments = Callable[[StepContext], "Call | None"]
"""Builds the arguments from what the session knows; None when the target has no data for it."""


NO_ARGUMENTS = Call()


def nothing(_session: StepContext) -> Call | None:
    """For operations without arguments."""
    return NO_ARGUMENTS


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of an action. `every` = 5: only in every fifth action of the user.

    `of_run`: it works on rows that the run has created; each load process knows only its own.
    """

    operation: str
    arguments: Arguments = nothing
    every: int = 1
    of_run: bool = False


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that users of a role do: its share of the role's actions, and its steps in order."""

    name: str
    share: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of user. `weight` is out of 91; think times in seconds, uniform."""

    slug: str
    title: str
    api_names: tuple[str, ...]
    weight: int
    think_min_s: float
    think_max_s: float
    behaviours: tuple[Behaviour, ...]
    sources: Mapping[str, Step] = field(default_factory=dict)
    """Kind of row → the list that the role asks for when a step needs such a row and none is known yet."""
    owns: Mapping[str, str] = field(default_factory=dict)
    """Operation → the field that names the owner of its rows, where the role must only see its own. The catalogue has
    such rules, too (`owners`)."""

    @property
    def steps_by_operation(self) -> dict[str, tuple[Step, ...]]:
        """The operations in the order of the behaviours, each with all steps that call it."""
        found: dict[str, tuple[Step, ...]] = {}
        for behaviour in self.behaviours:
            for step in behaviour.steps:
                found[step.operation] = (*found.get(step.operation, ()), step)
        return found

    @property
    def think_mean_s(self) -> float:
        """Mean pause after an action."""
        return (self.think_min_s + self.think_max_s) / 2

    def requests_per_action(self, operation: str | None = None) -> float:
        """Mean requests of one action, or those of one operation; 0 for a role without behaviours."""
        shares = sum(behaviour.share for behaviour in self.behaviours)
        requests = sum(
            behaviour.share / step.every
            for behaviour in self.behaviours
            for step in behaviour.steps
            if operation in (None, step.operation)
        )
        return requests / shares if shares else 0.0
