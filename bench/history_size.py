"""How long a history of many runs takes to answer.

    python bench/history_size.py [--runs 10000] [--operations 40] [--keep FILE]

The runs are made up: each with so many operations over seven roles, and their totals. Wall time counts,
each question is asked three times from a new connection, as a command does, and the longest counts.
Ends with 1 when a question that a person waits for takes a second or more.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.history import History, RunQuery, Selection, select  # noqa: E402
from perfsuite.history.database import writing  # noqa: E402
from perfsuite.history.tables import FIGURES, RUNS, figure_rows, run_row  # noqa: E402
from perfsuite.model import ALL, Outcome, Statistics  # noqa: E402
from perfsuite.model.history import Conditions, Measured, PastRun  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.run.archive import read_past_run  # noqa: E402

BOUND_S = 1.0
ROUNDS = 3
_AT_ONCE = 200
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def made_run(number: int, operations: int, dice: random.Random) -> PastRun:
    """A run of a history: every hour one, three scenarios in turn, a release every hundred runs."""
    began = _BEGAN + timedelta(hours=number)
    scenario = ("basic", "moderate", "peak")[number % 3]
    roles = [role.slug for role in ROLES]
    keys = [(roles[place % len(roles)], f"operation.{place:02}") for place in range(operations)]
    totals = [(ALL, ALL), *((role, ALL) for role in roles), *((ALL, operation) for _role, operation in keys[::2])]
    ms = 20 + dice.random()
    figures = Statistics(640, 1, 1 / 640, 12.5, ms, 0.7, ms * 9, ms / 2, ms, ms * 2, ms * 3, None, None)
    return PastRun(
        run_id=f"{scenario}_{began:%Y%m%d_%H%M%S}",
        started_at=began.isoformat(timespec="seconds"),
        ended_at=(began + timedelta(minutes=1)).isoformat(timespec="seconds"),
        folder=f"{scenario}_{began:%Y%m%d_%H%M%S}",
        outcome=Outcome.FAIL if number % 7 == 0 else Outcome.PASS,
        exit_code=int(number % 7 == 0),
        conditions=Conditions(scenario, "d", dict.fromkeys(roles, 2), "http://staging", machine="a machine"),
        measured=tuple(Measured(role, operation, figures) for role, operation in [*totals, *keys]),
        release=f"1.{number // 100}",
        steady_s=49,
    )


def fill(history: History, runs: int, operations: int) -> None:
    """Keep the runs, many in a transaction: one each is what a command does, and takes as long again and again."""
    dice = random.Random(1)
    first = made_run(0, operations, dice)
    history.add(first)
    history.remove(first.run_id)
    for start in range(0, runs, _AT_ONCE):
        with writing(history._engine) as connection:
            for number in range(start, min(start + _AT_ONCE, runs)):
                run = made_run(number, operations, dice)
                connection.execute(RUNS.insert(), run_row(run) | {"number": number + 1})
                connection.execute(FIGURES.insert(), figure_rows(number + 1, run.measured))


def longest_s(url: str, ask: Callable[[History], object]) -> float:
    """The longest of the rounds."""
    spans = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        history = History(url)
        ask(history)
        history.close()
        spans.append(time.perf_counter() - began)
    return max(spans)


def questions(newest: PastRun) -> dict[str, Callable[[History], object]]:
    """What is asked of a history while a person waits."""

    def named(name: str) -> Callable[[History], object]:
        def differ(a: Conditions, b: Conditions) -> list[str]:
            return [] if a == b else ["other"]

        return lambda history: select(name, Selection(history, read_past_run, differ, newest.conditions))

    return {
        "history, the newest 20": lambda history: history.runs(RunQuery(latest=20, totals_only=True)),
        "history of a scenario": lambda history: history.runs(RunQuery(scenario="peak", latest=20, totals_only=True)),
        "how many": lambda history: history.count(),
        "a run by its id": named(newest.run_id),
        "last:5": named("last:5"),
        "last:50": named("last:50"),
        "a release (100 runs)": named(f"release:{newest.release}"),
        "a name that is not there": lambda history: history.baseline("nobody"),
        "keep a run": lambda history: history.add(replace(newest, run_id="one more")),
    }


def main() -> int:
    """Print the table; 1 when a question takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, metavar="N")
    parser.add_argument("--operations", type=int, default=40, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="leave the database here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.keep or Path(folder) / "history.db"
        history = History(str(file))
        began = time.perf_counter()
        fill(history, arguments.runs, arguments.operations)
        newest = history.runs(RunQuery(latest=1))[0]
        history.close()
        figures = len(newest.measured)
        size = file.stat().st_size
        print(f"{arguments.runs:,} runs of {figures} figures: {size / 1e6:,.0f} MB, filled in", end=" ")
        print(f"{time.perf_counter() - began:.0f} s")
        spans = {name: longest_s(str(file), ask) for name, ask in questions(newest).items()}
        for name, span in spans.items():
            print(f"  {name:<28} {span * 1000:7.1f} ms{'' if span < BOUND_S else '   too long'}")
        everything = longest_s(str(file), lambda history: history.runs())
        print(f"  {'every figure of every run':<28} {everything * 1000:7.1f} ms   (no person waits)")
    return int(max(spans.values()) >= BOUND_S)


if __name__ == "__main__":
    sys.exit(main())
