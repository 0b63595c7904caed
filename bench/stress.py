"""Scenario `stress` against the embedded reference backend, both on this machine's cores, beside its bounds.

    python bench/stress.py [--duration 60s]

Runs `run_performance_tests.py --demo --scenario stress` (200 users, 20 started a second) for a shorter time
and prints what the steady state gave: average < 100 ms, 95th percentile < 400 ms and no failure are wanted.
Ends with 0 whatever the figures are; with the run's own code when there are none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# What is shown, its figure among the totals, its unit and its bound.
BOUNDS = (("average", "avg_ms", "ms", 100.0), ("95th percentile", "p95_ms", "ms", 400.0))


def measure(duration: str, results: Path) -> tuple[dict[str, Any] | None, int]:
    """The run's summary, None when it left none, and its exit code."""
    command = [sys.executable, str(ROOT / "run_performance_tests.py"), "--demo", "--scenario", "stress"]
    code = subprocess.run([*command, "--duration", duration, "--results", str(results)], check=False).returncode
    found = list(results.glob("*/summary.json"))
    return (json.loads(found[0].read_bytes()) if found else None), code


def lines(summary: dict[str, Any]) -> list[str]:
    """The figures, one a line, with their bounds."""
    totals, generator = summary["totals"], summary["generator"]
    shown = [
        f"{name:<16} {totals[field]:>9.1f} {unit:<4} bound < {bound:g} {unit}: {within(totals[field] < bound)}"
        if totals[field] is not None
        else f"{name:<16}         – {unit:<4} too few samples"
        for name, field, unit, bound in BOUNDS
    ]
    failures = summary["whole_run"]["failures"]
    shown.append(f"{'failures':<16} {failures:>9}      bound 0: {within(failures == 0)}")
    shown.append(f"{'requests/s':<16} {totals['rps']:>9.1f}")
    shown.append(f"{'generator CPU':<16} {generator['cpu_percent_max'] or 0:>9.0f} %    of one core at most")
    return shown


def within(holds: bool) -> str:
    """The outcome in a word."""
    return "met" if holds else "missed"


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", default="60s", help="of the run, ramp-up of 10 s included (default 60s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mitra-bench-") as results:
        summary, code = measure(options.duration, Path(results))
    if summary is None:
        return code
    users = f"{summary['users']['peak']} users, {summary['steady_s']:g} s steady, {os.cpu_count()} cores"
    print("\n".join([f"\nstress: {users}", *lines(summary)]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
