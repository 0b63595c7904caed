"""Many searches on simulated targets with a known capacity: how often the interval contains it, and how wide it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from perfsuite.capacity.records import SearchSettings, Visit
from perfsuite.capacity.search import Search
from perfsuite.model.capacity import CapacityAnswer, CapacityKind
from tests.capacity.systems import (
    HEAVY,
    Bench,
    Cliff,
    Queueing,
    SoftKnee,
    Station,
    System,
    exponential,
    fixed,
    limited,
    lognormal,
    mmc_p95_ms,
)

COVERED, FALSE_CLIFFS = 0.85, 0.01
MOST_LOADS = SearchSettings(()).levels


def queue(servers: int, times: object) -> Queueing:
    return Queueing([Station(1.0, servers, times)], ("all",))  # type: ignore[arg-type]


def one_slow_of_28() -> Queueing:
    others = [Station(1 / 28, 0, lognormal(0.04 + 0.002 * number, 0.5)) for number in range(27)]
    slow = Station(1 / 28, 4, exponential(4 / (13.7 / 0.82)))
    return Queueing([slow, *others], ("reports", *(f"operation {number}" for number in range(27))))


def systems() -> list[System]:
    """Truths of M/M/c by Erlang C; of the others by simulations of 3 to 10 million requests (`simulated_ms`)."""
    mm20, mm10 = mmc_p95_ms(184, 20, 0.1), mmc_p95_ms(0.99 * 10 / 0.19, 10, 0.19)
    slow = mmc_p95_ms(13.7, 4, 4 / (13.7 / 0.82))
    return [
        System("M/M/20", lambda: queue(20, exponential(0.1)), (limited("p95_ms", mm20),), 184, 200, 0.10),
        System("M/D/24", lambda: queue(24, fixed(0.08)), (limited("p95_ms", 141.04),), 279, 300, 0.08),
        System("M/G/20, cv² 4", lambda: queue(20, lognormal(0.1, HEAVY)), (limited("avg_ms", 203.1),), 186, 200),
        System("soft knee", lambda: SoftKnee(0.05, 30.0), (limited("p95_ms", 403.6),), 480, 600, 0.08),
        System(
            "one slow operation of 28",
            one_slow_of_28,
            (
                limited("p95_ms", 3000),
                limited("p95_ms", slow, "reports"),
                *(limited("p95_ms", 500, f"operation {number}") for number in range(0, 27, 9)),
            ),
            13.7 * 28,
            13.7 / 0.82 * 28,
        ),
        System("cliff", lambda: Cliff(97.0, 0.05, 60.0), (limited("p95_ms", 500),), 97, 500, 0.08, is_cliff=True),
        System(
            "M/M/10 near saturation",
            lambda: queue(10, exponential(0.19)),
            (limited("p95_ms", mm10),),
            0.99 * 10 / 0.19,
            10 / 0.19,
            0.10,
        ),
        System("M/D/10 near saturation", lambda: queue(10, fixed(0.05)), (limited("p95_ms", 1592.3),), 199, 200, 0.08),
    ]


@dataclass
class Line:
    """One system: outcomes of its searches."""

    system: System
    answers: list[CapacityAnswer] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)
    loads: list[int] = field(default_factory=list)

    def contains(self, answer: CapacityAnswer) -> bool:
        return answer.low is not None and answer.high is not None and answer.low <= self.system.truth <= answer.high

    @property
    def contained(self) -> int:
        return sum(self.contains(answer) for answer in self.answers)

    @property
    def widths(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([answer.width if answer.width is not None else np.inf for answer in self.answers])

    @property
    def cliffs(self) -> int:
        return sum(answer.kind is CapacityKind.CLIFF for answer in self.answers)

    @property
    def low_misses(self) -> int:
        """The truth lies below the interval: the dangerous error."""
        return sum(answer.low is not None and answer.low > self.system.truth for answer in self.answers)

    def missed(self) -> list[str]:
        """What misses its bound."""
        count, bound = len(self.answers), self.system.widest
        found = []
        if self.contained < COVERED * count:
            found.append(f"only {self.contained} of {count} intervals contain the truth")
        if not self.system.is_cliff and self.cliffs > FALSE_CLIFFS * count:
            found.append(f"{self.cliffs} false cliffs")
        if bound is not None and float(np.median(self.widths)) > bound:
            found.append(f"the median width is {100 * float(np.median(self.widths)):.1f} %")
        if max(self.loads) > MOST_LOADS:
            found.append(f"{max(self.loads)} loads in one search")
        if self.system.is_cliff and not all(self.contains(answer) for answer in self.answers):
            found.append("a cliff is not where it was found")
        return found

    def text(self) -> str:
        widths = np.quantile(self.widths, [0.5, 0.9], method="inverted_cdf") * 100
        return (
            f"{self.system.name:26} {self.system.truth / self.system.saturation:5.2f} "
            f"{self.contained:4d} of {len(self.answers):3d} (too high {self.low_misses:2d})  "
            f"width {widths[0]:5.1f} / {widths[1]:5.1f} %  cliffs {self.cliffs:3d}  "
            f"loads {max(self.loads):2d}  {max(self.seconds):4d} s"
        )


def one_search(system: System, seed: int, duration_s: int = 900) -> Search:
    bench = Bench(system, seed)
    search = Search(SearchSettings(system.constraints, duration_s=duration_s))
    while isinstance(visit := search.next(), Visit):
        search.add(bench.offer(visit))
    return search


def lines(searches: int, first_seed: int, duration_s: int = 900, only: str = "") -> Iterator[Line]:
    for system in systems():
        if only not in system.name:
            continue
        line = Line(system)
        for number in range(searches):
            search = one_search(system, first_seed + number, duration_s)
            line.answers.append(search.answer())
            line.seconds.append(search.used_s)
            line.loads.append(len({each.visit.load for each in search.results}))
        yield line
