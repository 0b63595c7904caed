"""What checks of correctness cost: runs with and without them in turn, of one seed, at 100 requests/s.

    python bench/correctness_cost.py [pairs of runs] [seconds of each]

Prints the percentiles of both with their 95 % intervals over the runs, the share of requests that were checks, and the
CPU time of the load process per request of the load.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOAD = ("--demo", "--users", "91", "--arrival-rate", "60", "--spawn-rate", "91", "--seed", "7", "--quiet")
LEVELS = ("off", "sample")
MOST_SHARE = 0.02
# Of the t distribution, by degrees of freedom: 95 % lie within.
_T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
FIGURES: dict[str, tuple[str, Callable[[dict[str, Any]], float]]] = {
    "median": ("ms", lambda summary: summary["totals"]["p50_ms"]),
    "95th percentile": ("ms", lambda summary: summary["totals"]["p95_ms"]),
    "99th percentile": ("ms", lambda summary: summary["totals"]["p99_ms"]),
    "CPU per request": ("ms", lambda summary: _cpu_ms(summary)),
}


def _cpu_ms(summary: dict[str, Any]) -> float:
    """Of the load process in the steady state; no percentage is of more than one process."""
    return float(summary["generator"]["cpu_percent_mean"] * 10 / summary["totals"]["rps"])


@dataclass(frozen=True)
class Spread:
    """A figure over several runs."""

    middle: float
    margin: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """With the 95 % interval of the mean."""
        freedom = len(values) - 1
        return cls(mean(values), _T[freedom] * stdev(values) / math.sqrt(len(values)))

    def agrees(self, other: Spread) -> bool:
        """Whether both intervals have something in common."""
        return abs(self.middle - other.middle) <= self.margin + other.margin

    def __str__(self) -> str:
        return f"{self.middle:8.3f} ± {self.margin:.3f}"


def run(level: str, seconds: int) -> dict[str, Any]:
    """The summary of one run."""
    with tempfile.TemporaryDirectory(prefix="cost-") as results:
        options = (*LOAD, "--duration", f"{seconds}s", "--check-correctness", level, "--results", results)
        subprocess.run(
            [sys.executable, str(ROOT / "run_performance_tests.py"), *options],
            check=False,
            stdout=subprocess.DEVNULL,
        )
        (path,) = Path(results).glob("*/summary.json")
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def main() -> int:
    """0 where percentiles agree and checks have no more than their share."""
    pairs, seconds = (int(each) for each in (sys.argv[1:] + ["5", "60"][len(sys.argv) - 1 :]))
    runs: dict[str, list[dict[str, Any]]] = {level: [] for level in LEVELS}
    for pair in range(pairs):
        for level in LEVELS if pair % 2 else reversed(LEVELS):
            runs[level].append(run(level, seconds))
    good = True
    print(f"{pairs} runs of {seconds} s with each")
    print(f"{'':18} {'without checks':>20} {'with':>20}")
    for name, (unit, value) in FIGURES.items():
        without, with_checks = (Spread.of([value(summary) for summary in runs[level]]) for level in LEVELS)
        agree = with_checks.agrees(without)
        good = good and agree
        print(f"{name:18} {without} {with_checks} {unit}  {'agree' if agree else 'DIFFER'}")
    shares = [summary["correctness"]["share"] for summary in runs["sample"]]
    print(f"checks per request of the load: {100 * max(shares):.3f} % at most (bound: {100 * MOST_SHARE:g} %)")
    return 0 if good and max(shares) <= MOST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
