"""How many simulated runs find each of the seeded defects within a minute at 100 requests/s, and whether healthy ones
find anything: 1,000 runs of each defect, and 200 of ten minutes. About ten minutes on one core.

    python bench/correctness_accuracy.py [runs of each defect] [healthy runs]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from tests.correctness.seeded import SEEDED, WITHIN_S, Seeded, alone  # noqa: E402
from tests.correctness.simulated import SimulatedRun  # noqa: E402

RUNS, HEALTHY = 1_000, 200
LEAST = 0.99
HEALTHY_S = 600.0
BUSY = 0.01
"""Of the requests of checks in healthy runs so many get HTTP 503."""
_ALONE_RUNS = 20
"""Of the runs of a defect, one in so many is made for each route alone."""


@dataclass
class Row:
    """`first_s`: of each run that found the defect, when; `wrong`: what else was found before it."""

    name: str
    runs: int
    first_s: list[float]
    wrong: list[str]

    @property
    def share(self) -> float:
        """Of the runs, those that found it."""
        return len(self.first_s) / self.runs

    def __str__(self) -> str:
        times = sorted(self.first_s) or [0.0]
        late = times[min(round(0.95 * len(times)), len(times) - 1)]
        wrong = f"  {len(self.wrong)} named something else: {self.wrong[0]}" if self.wrong else ""
        return f"{self.name:44} {100 * self.share:6.1f} %  {median(times):5.0f} s  {late:5.0f} s{wrong}"


def simulated(seeded: Seeded, runs: int, name: str) -> Row:
    """A defect in so many runs."""
    row = Row(name, runs, [], [])
    for seed in range(runs):
        run = seeded.run(seed)
        found = run.run(WITHIN_S, lambda found, seed=seed: seeded.is_right(found, seed))  # type: ignore[misc]
        if found is not None:
            row.first_s.append(found.at)
        if run.violations and not seeded.is_right(run.violations[0], seed):
            first = run.violations[0]
            row.wrong.append(f"{first.invariant}, {first.operation}, {', '.join(first.roles)}")
    return row


def print_defects(runs: int) -> bool:
    """Whether all are found often enough."""
    print(f"{'defect':44} {'found':>8}  {'median':>7}  {'95 %':>7}")
    good = True
    for seeded in SEEDED:
        places = "" if len(seeded.places) == 1 else f" at one of {len(seeded.places)} routes"
        row = simulated(seeded, runs, f"{seeded.defect}{places}")
        good = good and row.share >= LEAST
        print(row, "" if row.share >= LEAST else "  too few", flush=True)
    print("\nat one route alone, for which a minute may be too short:")
    for seeded in SEEDED:
        for route, each in alone(seeded).items():
            print(simulated(each, max(runs // _ALONE_RUNS, 1), f"{seeded.defect}@{route}"), flush=True)
    return good


def print_healthy(runs: int) -> bool:
    """Whether none finds anything."""
    found, checks, share = [], 0, 0.0
    for seed in range(runs):
        run = SimulatedRun(seed, busy=BUSY)
        run.run(HEALTHY_S)
        found += [(seed, violation) for violation in run.violations]
        checks, share = checks + len(run.ended), max(share, run.sent / run.load)
    print(f"\n{runs} healthy runs of {HEALTHY_S:.0f} s: {len(found)} violations in {checks} checks;", end=" ")
    print(f"checks were {100 * share:.2f} % of the requests at most")
    for seed, violation in found[:10]:
        print(f"  seed {seed}: {violation}")
    return not found


def main() -> int:
    """0 where all bounds hold."""
    runs, healthy = (int(each) for each in (sys.argv[1:] + [str(RUNS), str(HEALTHY)][len(sys.argv) - 1 :]))
    defects = print_defects(runs)
    return 0 if print_healthy(healthy) and defects else 1


if __name__ == "__main__":
    sys.exit(main())
