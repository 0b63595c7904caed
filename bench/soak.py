"""Long real runs against the reference backend, compared with what is known of them.

    python bench/soak.py [--only NAME ...] [--results FOLDER]

About 55 minutes. Prints a table and ends with 1 where a line is missed; each run can be made alone. The truth of the
search is that of bench/queue_truth.py, which knows nothing of the suite but its roles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from bench.queue_truth import ClosedLoad, capacity, pool_of  # noqa: E402
from perfsuite.model import RunReport, TargetOutcome  # noqa: E402
from perfsuite.model.capacity import CapacityAnswer, CapacityKind  # noqa: E402
from perfsuite.model.correctness import Violation  # noqa: E402
from perfsuite.model.stability import Stability, StabilityOutcome  # noqa: E402
from perfsuite.run.load_run import load_run  # noqa: E402
from tests.accuracy.lab import workers_of  # noqa: E402
from tests.accuracy.table import Row, equal_row, missed, rendered  # noqa: E402
from tests.integration.programs import Program, run_folders, suite  # noqa: E402
from tests.truth.trouble import busy_neighbours, cpu_limit  # noqa: E402

MEMORY = "server.memory_bytes"
QUEUE = "capacity=16:200"
"""80 requests/s, a fraction of what backend and generator can do on two cores, each long beside what a busy machine
adds: 50 ms more for every request would move the truth by 1 %. The fault ends with the search, since more than a
thousand rows are then removed one after the other."""
P95_LIMIT_MS = {"search": 400}
"""Other runs: 2 s."""
TARGETS = """schema = 1

[[target]]
name = "95th percentile"
metric = "p95_ms"
below = {p95_ms}

[[target]]
name = "failure rate"
metric = "failure_rate"
below = 0.01
"""
USERS = ("--users", "20", "--spawn-rate", "20", "--duration", "10m")
TEN_MINUTES = ("--demo", *USERS)
SEARCH = ("capacity", "--demo", "--max-duration")
_SIMULATED_S = 2_000.0
_LONGEST_S = 25 * 60.0
_LOOK_EVERY_S = 0.5

Trouble = Callable[[psutil.Process], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Soak:
    """One run: its name, its command, and what its report is compared with. `trouble`: of its load process."""

    name: str
    command: tuple[str, ...]
    rows: Callable[[str, RunReport], Iterator[Row]]
    trouble: Trouble | None = None


def healthy_rows(name: str, report: RunReport) -> Iterator[Row]:
    """Nothing grows, all targets are met, and no check finds anything wrong."""
    yield equal_row(name, "called growing", "nothing", growing(report.stability))
    targets = report.verdict.targets
    wrong = ", ".join(each.name for each in targets if each.outcome is not TargetOutcome.MET)
    yield equal_row(name, f"not met, of {len(targets)} targets", "none", wrong or "none")
    yield from right_rows(name, report)


def right_rows(name: str, report: RunReport) -> Iterator[Row]:
    """Checks of correctness held, and there were some."""
    found = report.summary.correctness
    if found is None or not found.held:
        yield equal_row(name, "checks that held", "some", "none")
    else:
        yield equal_row(name, "violations", "none", ", ".join(map(_named, found.violations)) or "none")


def _named(violation: Violation) -> str:
    return f"{violation.operation} as {', '.join(violation.roles)}: {violation.rule}"


def leak_rows(name: str, report: RunReport) -> Iterator[Row]:
    """The memory of the backend grows."""
    memory = next((each for each in report.stability if each.metric == MEMORY), None)
    found = "not monitored" if memory is None else memory.outcome.value
    yield equal_row(name, "memory of the backend", StabilityOutcome.GROWS.value, found)


def growing(stability: Sequence[Stability]) -> str:
    """What was called growing."""
    grown = [f"{each.label}: {each.reason}" for each in stability if each.outcome is StabilityOutcome.GROWS]
    return ", ".join(grown) or "nothing"


def search_rows(name: str, report: RunReport) -> Iterator[Row]:
    """The interval contains what the simulation says."""
    users, error = capacity(ClosedLoad(pool_of(QUEUE)), P95_LIMIT_MS[name], 100.0, _SIMULATED_S)
    yield interval_row(name, _answer(report), users, error)


def interval_row(name: str, answer: CapacityAnswer, users: float, error: float) -> Row:
    """A search that has an interval, with the truth in it."""
    low, high = answer.bounds
    held = answer.kind is CapacityKind.INTERVAL and low <= users <= high
    truth = f"{users:.1f} ± {2 * error:.1f}"
    return Row(name, "most users", truth, words_of(answer), "in the 95 % CI", held, of_time=True)


def starved_rows(name: str, report: RunReport) -> Iterator[Row]:
    """What a generator cannot do is no limit of the target."""
    yield starved_row(name, _answer(report))


def starved_row(name: str, answer: CapacityAnswer) -> Row:
    """A search that ended at the limit of its generator."""
    held = answer.kind is CapacityKind.AT_LEAST
    return Row(name, "most users", "not known", words_of(answer), "at least …", held, of_time=True)


def _answer(report: RunReport) -> CapacityAnswer:
    if report.capacity is None:
        raise AssertionError("the run was no search")
    return report.capacity.answer


def words_of(answer: CapacityAnswer) -> str:
    """The answer in a few words."""
    low, high = ("–" if end is None else f"{end:.0f}" for end in (answer.low, answer.high))
    return f"at least {low}" if answer.kind is CapacityKind.AT_LEAST else f"{answer.kind.value} {low} to {high}"


SOAKS = (
    Soak("search", (*SEARCH, "15m", "--fault", f"{QUEUE} to 1000s"), search_rows),
    Soak("starved-by-a-limit", (*SEARCH, "3m"), starved_rows, cpu_limit(0.1)),
    Soak("starved-by-neighbours", (*SEARCH, "3m"), starved_rows, busy_neighbours(12)),
    Soak("leak", (*TEN_MINUTES, "--fault", "leak=1MB/min"), leak_rows),
    Soak("healthy", TEN_MINUTES, healthy_rows),
    Soak("healthy-full", ("--demo", "full", *USERS), right_rows),
)


def made(soak: Soak, results: Path) -> list[Row]:
    """The run of one line in a fresh folder, and what came of it."""
    results.mkdir(parents=True)
    targets = results / "targets.toml"
    targets.write_text(TARGETS.format(p95_ms=P95_LIMIT_MS.get(soak.name, 2000)), encoding="utf-8")
    program = suite(*soak.command, "--targets", str(targets), "--results", str(results))
    try:
        _follow(program, results, soak.trouble)
        folders = run_folders(results)
        if program.process.returncode not in (0, 1, 4) or not folders:
            said = (program.err or program.out).strip().splitlines()
            return [Row(soak.name, "exit code", "0, 1 or 4", f"{program.process.returncode}: {said[-1:]}", "", False)]
        return list(soak.rows(soak.name, load_run(folders[0]).report))
    finally:
        program.end()


def _follow(program: Program, results: Path, trouble: Trouble | None) -> None:
    """Wait for its end, with the trouble from the start of its load process on."""
    deadline = time.monotonic() + _LONGEST_S
    with ExitStack() as stack:
        while program.running and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
            program.look()
            workers = [worker for folder in run_folders(results) for worker in workers_of(folder)]
            if trouble is not None and workers:
                stack.enter_context(trouble(workers[0]))
                trouble = None


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
