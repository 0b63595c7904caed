"""Long real runs against the reference backend, compared with what is known of them.

    python bench/soak.py [--only NAME ...] [--results FOLDER]

Ten minutes each. Prints a table and ends with 1 where a line is missed; each run can be made alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.model import RunReport, TargetOutcome  # noqa: E402
from perfsuite.model.stability import Stability, StabilityOutcome  # noqa: E402
from perfsuite.run.load_run import load_run  # noqa: E402
from tests.accuracy.table import Row, equal_row, missed, rendered  # noqa: E402
from tests.integration.programs import run_folders, suite  # noqa: E402

MEMORY = "server.memory_bytes"
TARGETS = """schema = 1

[[target]]
name = "95th percentile"
metric = "p95_ms"
below = 2000

[[target]]
name = "failure rate"
metric = "failure_rate"
below = 0.01
"""
TEN_MINUTES = ("--demo", "--users", "20", "--spawn-rate", "20", "--duration", "10m")
_LONGEST_S = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Soak:
    """One run: its name, its command, and what its report is compared with."""

    name: str
    command: tuple[str, ...]
    rows: Callable[[str, RunReport], Iterator[Row]]


def healthy_rows(name: str, report: RunReport) -> Iterator[Row]:
    """Nothing grows, and all targets are met."""
    yield equal_row(name, "called growing", "nothing", growing(report.stability))
    targets = report.verdict.targets
    wrong = ", ".join(each.name for each in targets if each.outcome is not TargetOutcome.MET)
    yield equal_row(name, f"not met, of {len(targets)} targets", "none", wrong or "none")


def leak_rows(name: str, report: RunReport) -> Iterator[Row]:
    """The memory of the backend grows."""
    memory = next((each for each in report.stability if each.metric == MEMORY), None)
    found = "not monitored" if memory is None else memory.outcome.value
    yield equal_row(name, "memory of the backend", StabilityOutcome.GROWS.value, found)


def growing(stability: Sequence[Stability]) -> str:
    """What was called growing."""
    grown = [f"{each.label}: {each.reason}" for each in stability if each.outcome is StabilityOutcome.GROWS]
    return ", ".join(grown) or "nothing"


SOAKS = (
    Soak("leak", (*TEN_MINUTES, "--fault", "leak=1MB/min"), leak_rows),
    Soak("healthy", TEN_MINUTES, healthy_rows),
)


def made(soak: Soak, results: Path) -> list[Row]:
    """The run of one line in a fresh folder, and what came of it."""
    results.mkdir(parents=True)
    targets = results / "targets.toml"
    targets.write_text(TARGETS, encoding="utf-8")
    program = suite(*soak.command, "--targets", str(targets), "--results", str(results))
    try:
        program.wait(_LONGEST_S)
        folders = run_folders(results)
        if program.process.returncode not in (0, 1, 4) or not folders:
            said = (program.err or program.out).strip().splitlines()
            return [Row(soak.name, "exit code", "0, 1 or 4", f"{program.process.returncode}: {said[-1:]}", "", False)]
        return list(soak.rows(soak.name, load_run(folders[0]).report))
    finally:
        program.end()


def main() -> int:
    """Make the runs and print the table; 1 when a line is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [soak.name for soak in SOAKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--results", type=Path, help="keep the runs in this new folder")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        results = options.results or Path(folder)
        for soak in SOAKS:
            if soak.name in options.only:
                print(f"{soak.name} …", flush=True)
                rows += made(soak, results / soak.name)
    print(f"\n{rendered(rows)}")
    return 1 if missed(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
