"""For which role each action of the open model is, and which process begins it.

Pure and seeded: every load process computes the same sequence for itself, so nothing has to be sent around.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.model.rate_profile import Course
from perfsuite.roles.mix import start_order


@dataclass(frozen=True, slots=True)
class Due:
    """One action that is due, `at_s` seconds after the start."""

    at_s: float
    role: str
    turn: int
    """How many actions of the same role were due before."""


def dues(course: Course, seed: int, weights: Mapping[str, int]) -> Iterator[Due]:
    """All actions of a run, over all processes, the roles in proportion to their weights at any moment."""
    order = start_order(dict(weights))
    turns = dict.fromkeys(weights, 0)
    for number, at_s in enumerate(course.times(seed)):
        role = order[number % len(order)]
        yield Due(at_s, role, turns[role])
        turns[role] += 1


class Owners:
    """Which process begins which action: each role's actions go round the sessions of that role.

    An assignment holds for what is due from a moment on, so that processes can be exchanged while a run goes on.
    """

    def __init__(self, sessions: Mapping[str, Sequence[int]]) -> None:
        self._changes: list[tuple[float, dict[str, tuple[int, ...]]]] = [(0.0, _fixed(sessions))]

    def change(self, from_s: float, sessions: Mapping[str, Sequence[int]]) -> None:
        """From that many seconds after the start on: role → process index of each of its sessions."""
        self._changes.append((from_s, _fixed(sessions)))

    def of(self, due: Due) -> int | None:
        """The index of the process that begins it; None when no process has a session of the role."""
        current = next(sessions for start, sessions in reversed(self._changes) if due.at_s >= start)
        of_role = current.get(due.role, ())
        return of_role[due.turn % len(of_role)] if of_role else None


def _fixed(sessions: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {role: tuple(indices) for role, indices in sessions.items()}
