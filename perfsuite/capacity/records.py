"""What the search asks for, and what it is given. Its answer is in `model.capacity`."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.capacity.constraints import Constraint, SecondSample
from perfsuite.model.capacity import VisitPhase


@dataclass(frozen=True, slots=True)
class Visit:
    """A load to offer for some seconds.

    `discard_s`: of its beginning, which do not count. `may_abort`: end it once a target is far beyond its limit.
    `until_concurrency`: end it once no more requests than this are in the target and it `is_recovered`; None: never.
    """

    load: float
    seconds: int
    phase: VisitPhase
    discard_s: int = 5
    may_abort: bool = True
    until_concurrency: float | None = None


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What came of a visit. `samples`: by constraint, second by second from the visit's begin. `offered`, `completed`:
    requests of each second. `concurrency`: requests in the target at a time, on average after the discarded seconds.
    `recovered_s`: after so many seconds the target `is_recovered`.
    """

    visit: Visit
    samples: tuple[tuple[SecondSample, ...], ...]
    offered: tuple[int, ...]
    completed: tuple[int, ...]
    concurrency: float = 0.0
    generator_limited: bool = False
    aborted: bool = False
    recovered_s: int | None = None

    @property
    def seconds(self) -> int:
        """How long it took: less than planned where it was ended early."""
        return len(self.completed)


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to try, or no time to try it."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """`start`: the first load. `most`: the highest one that may be offered. `open_model`: load is an arrival rate, so
    that a saturated target completes less than is offered; else it is a number of users."""

    constraints: tuple[Constraint, ...]
    duration_s: int = 900
    start: float = 8.0
    most: float = 100_000.0
    open_model: bool = True
    levels: int = 15
