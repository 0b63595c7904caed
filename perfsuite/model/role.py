"""What a role is: its weight, its pauses, and its behaviours as steps over the API."""

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
    """What a step may use: the logged-in user, what the session learnt from earlier answers, and the run's own rows."""

    role: Role
    user: dict[str, Any]
    """The account as the login answered it."""
    chosen: dict[str, dict[str, Any]]
    """The row of each kind that the steps of an action are about."""
    random: random.Random

    @property
    def user_id(self) -> str:
        """The id of the account in use."""

    @property
    def phone_number(self) -> str:
        """What the account logs in with."""

    @property
    def thorough(self) -> bool:
        """True in preflight: every step takes part in every action."""

    def need(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind, learnt from the latest list or, where none is known yet, from one of `Role.sources`."""

    def pick(self, kind: str) -> dict[str, Any] | None:
        """One of the known rows of a kind, at random; None when the target holds none."""

    def row_with(self, field: str, *kinds: str) -> dict[str, Any] | None:
        """A row that has a value in `field`, at random, of the first of these kinds that has one; None without any."""

    def just_made(self, kind: str) -> dict[str, Any] | None:
        """The row of that kind that an earlier step of this action made; None where it made none."""

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind that this process made in this run. Take one out of the list to use it only once."""

    def new_mark(self) -> str:
        """A text that marks a row as made by this run, never given before."""

    def leaves_out(self, operation: str) -> bool:
        """True when the role must not make this operation."""

    def note_flag(self, name: str, before: bool) -> None:
        """Record, once, that a flag has to be put back."""

    def note_theme(self, before: str | None) -> None:
        """Record, once, that the account's theme has to be put back."""

    def note_not_restorable(self, thing: str, identity: str) -> None:
        """Record, once, that nobody can put back what was changed."""


Arguments = Callable[[StepContext], "Call | None"]
"""Makes the arguments from what the session knows; None when the target holds no data for it."""


def nothing(_session: StepContext) -> Call | None:
    """For operations without arguments."""
    return Call()


@dataclass(frozen=True, slots=True)
class Step:
    """One operation within an action. `every` = 5: takes part in every fifth action of the user only.

    `of_run`: it works on rows that the run has made, of which each load process knows its own.
    """

    operation: str
    arguments: Arguments = nothing
    every: int = 1
    of_run: bool = False


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that users of a role do: its share among the role's behaviours, and its steps in order."""

    name: str
    share: int
    steps: tuple[Step, ...]

    @property
    def requests_per_action(self) -> float:
        """Mean requests of one action."""
        return sum(1 / step.every for step in self.steps)


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
    """Kind of row → the list that this role asks for when a step needs such a row and none is known yet."""
    owns: Mapping[str, str] = field(default_factory=dict)
    """Operation → the field of its rows that names the one owner they all must have, beside what the catalogue says."""

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

    @property
    def requests_per_action(self) -> float:
        """Mean requests of one action over all behaviours, by their shares."""
        shares = sum(behaviour.share for behaviour in self.behaviours)
        return sum(b.share * b.requests_per_action for b in self.behaviours) / shares
