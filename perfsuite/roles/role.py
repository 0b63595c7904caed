"""What a role is: its weight, its pauses, and its behaviours as steps over the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfsuite.api.session import Session


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one operation: values for the path's `{names}`, and a JSON body."""

    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


Arguments = Callable[["Session"], "Call | None"]
"""Makes the arguments from what the session knows; None when the target holds no data for it."""


def nothing(_session: Session) -> Call | None:
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
    """Operation → the field of its rows that names the one owner they all must have."""

    @property
    def think_mean_s(self) -> float:
        """Mean pause after an action."""
        return (self.think_min_s + self.think_max_s) / 2

    @property
    def requests_per_action(self) -> float:
        """Mean requests of one action over all behaviours, by their shares."""
        shares = sum(behaviour.share for behaviour in self.behaviours)
        return sum(b.share * b.requests_per_action for b in self.behaviours) / shares
