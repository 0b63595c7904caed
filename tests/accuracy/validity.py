"""Experiment 6: what the suite says when it is the generator that is slow, and when it is the target."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perfsuite.judge import judge
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import Generator, Phase
from perfsuite.model import Arrival, Scenario
from perfsuite.model import Outcome as Judged
from perfsuite.model.generator import capacity_of
from perfsuite.run.load_process import LoadProcess
from tests.accuracy.lab import GRACE_S, Load, Outcome, run, wait_until, workers_of
from tests.accuracy.overload import summary_of, verdict_on
from tests.accuracy.roles import ROLES
from tests.accuracy.table import Row, equal_row

_CORE = 0
_NEIGHBOURS = 8
_TOO_FAST = 8_000
_TOGETHER_S = 0.1


@contextmanager
def busy_neighbours() -> Iterator[None]:
    """Programs that want all of one core."""
    program = f"import os\nos.sched_setaffinity(0, {{{_CORE}}})\nwhile True: pass"
    # Each in a session of its own: Linux shares a core out by sessions first, and the load has one too.
    neighbours = [subprocess.Popen([sys.executable, "-c", program], start_new_session=True) for _ in range(_NEIGHBOURS)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def _pin(process: LoadProcess, folder: Path) -> None:
    # Not before: it would take minutes to start.
    wait_until(lambda: has_begun(folder) or not process.running, GRACE_S)
    for worker in workers_of(folder):
        # All its threads.
        for thread in worker.threads():
            os.sched_setaffinity(thread.id, {_CORE})


def has_begun(folder: Path) -> bool:
    """Whether the load of the run in this folder has."""
    return any(isinstance(record, Phase) for record in Tail(folder / FILE_NAME).read())


def starved(seconds: int, folder: Path) -> Outcome:
    """A fast target, and a generator that gets little of a core for what takes most of one."""
    scenario = Scenario("accuracy", 100, 100, seconds, arrival=Arrival(_TOO_FAST))
    with busy_neighbours():
        return run(Load(scenario, "fixed 5"), folder, _pin)


def short(folder: Path) -> Outcome:
    """A run of three seconds."""
    return run(Load(Scenario("accuracy", 10, 10, 3), "fixed 20"), folder)


def slow(seconds: int, folder: Path) -> Outcome:
    """A target that is too slow, and a generator that has nothing to do but wait for it."""
    return run(Load(Scenario("accuracy", 40, 40, seconds), "fixed 800"), folder)


def starts_row(name: str, outcome: Outcome) -> Row:
    """All users are asked for in one second: they are to come spread over it, and not at once."""
    at_s = sorted(one.began_ns / 1e9 for one in outcome.truth.connected)
    most = max(sum(first <= other < first + _TOGETHER_S for other in at_s) for first in at_s)
    few = len(at_s) // 2
    measured = f"{most} of {len(at_s)}"
    return Row(
        name, "most users started within a tenth of a second", "", measured, f"≤ {few}", most <= few, of_time=True
    )


def verdict_rows(name: str, outcome: Outcome, expected: Judged, word: str) -> list[Row]:
    """The verdict, and a word that its reasons have to hold."""
    verdict = verdict_on(outcome)
    reasons = "; ".join(verdict.reasons)
    health = outcome.of(Generator)
    busiest = max((record.cpu_percent for record in health), default=0.0)
    waited = max((record.waited_percent or 0.0 for record in health), default=0.0)
    return [
        equal_row(name, "verdict", expected.value, verdict.outcome.value, of_time=True),
        Row(name, "reasons", f"… {word} …", reasons[:110], "", word in reasons, of_time=True),
        Row(name, "load process: most of a core, most waiting for one", "", f"{busiest:.0f} %, {waited:.0f} %"),
    ]


def healthy_row(name: str, outcome: Outcome) -> Row:
    """The generator had room, and the suite says so, whatever it says of the target."""
    summary = summary_of(outcome)
    used = capacity_of(summary.generator, summary.steady_s).used_percent
    verdict = judge(outcome.plan, summary, ROLES)
    holds = used is not None and used < 100 and verdict.outcome is not Judged.INCONCLUSIVE
    measured = f"{used} %, {verdict.outcome.value}"
    return Row(name, "capacity used, and verdict", "", measured, "< 100 %, not inconclusive", holds, of_time=True)
