"""Makes the runs of the cases, and tells how busy the machine was with anything else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from perfsuite.measurements import file as measurements_file
from perfsuite.model import RunReport
from perfsuite.model.finding import Finding
from perfsuite.run.load_run import load_run
from tests.integration.programs import Program, run_folders, suite
from tests.truth.blemishes import blemishes
from tests.truth.cases import Case, Queries

ATTEMPTS = 3
QUIET = 0.2
"""Where the machine was full in a larger share of the load, a run may tell about the machine: it is made again."""
_FULL_PERCENT = 90.0
OTHERS_PERCENT = 40.0
"""Of a core: from here on others have a part in a full machine."""
OF_OTHERS = frozenset({"other processes", "load generator", "cores", "logins"})
"""What a run without a fault may name where others really filled the machine: it is true then. 150 logins within two
seconds are a storm for a backend that is left half a core."""
_LONGEST_S = 240.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Seen:
    """What a run told. `full`: share of the load in which the machine was full, `others`: with a part of others in it.

    `attempts`: how often it was made.
    """

    case: Case
    report: RunReport
    full: float
    others: float
    attempts: int = 1

    @property
    def unusual(self) -> list[Finding]:
        """What was found that is not told of every run."""
        return [finding for finding in self.report.findings if finding.unusual]

    @property
    def wrong(self) -> str:
        """What is wrong with what the run says, in words; "" when it is right."""
        wrong = wrong_in(self.unusual, self.case, self.others)
        if wrong or self.case.resource is not None:
            return wrong
        said = blemishes(self.report, quiet=self.full <= QUIET)
        return "".join(f"\n  nothing is wrong, and yet it says {what}" for what in said)


def wrong_in(unusual: Sequence[Finding], case: Case, others: float) -> str:
    """What is wrong with these findings of a run of `case`, in words; "" when they are right."""
    said = "".join(f"\n  {finding.resource or '(nothing)'}: {finding.headline}" for finding in unusual)
    if case.resource is None:
        if others > QUIET and {finding.resource for finding in unusual} <= OF_OTHERS:
            return ""
        return f"nothing is wrong, and yet was found:{said}" if said else ""
    if not said:
        return f"{case.resource} was to be found, and nothing was"
    first = unusual[0]
    if first.resource != case.resource:
        return f"{case.resource} was to be found first, not:{said}"
    wanted = case.queries
    if wanted is not None and not _names(first, wanted):
        return f"{wanted.more} more queries of {sorted(wanted.operations)} were to be told, not:{said}"
    return ""


def _names(finding: Finding, wanted: Queries) -> bool:
    """Does it name the operation and its number of queries, those beyond what it needs?"""
    told = [row for row in finding.evidence if row.metric == "queries_per_request" and row.after is not None]
    return finding.operation in wanted.operations and any(
        (row.after or 0) - (row.before or 0) == wanted.more for row in told
    )


def made(case: Case, folder: Path, seed: int) -> Seen:
    """The run of a case in a fresh folder. One that is wrong is made again; twice, where the machine was too busy to
    tell. It can also stand still without being busy, but what is wrong with the suite is so in the second attempt."""
    for attempt in range(1, ATTEMPTS + 1):
        seen = run(case, folder / f"attempt-{attempt}", seed, attempt)
        if not seen.wrong or (attempt > 1 and (seen.full <= QUIET or case.alone)):
            break
    return seen


def run(case: Case, results: Path, seed: int, attempt: int = 1) -> Seen:
    """One run of a case, with its report."""
    program = suite(*case.options(seed), "--results", str(results))
    try:
        busy = _followed(case, program, results)
        assert program.process.returncode in (0, 1, 4), program.out + program.err
        (folder,) = run_folders(results)
        return Seen(case, load_run(folder).report, busy.full, busy.others, attempt)
    finally:
        program.end()


def _followed(case: Case, program: Program, results: Path) -> Busy:
    """Follow it to its end, with its trouble at its time; how busy the machine was in its load."""
    begun_s, trouble, busy = 0.0, case.trouble, Busy(psutil.Process(program.process.pid))
    deadline = time.monotonic() + _LONGEST_S
    with ExitStack() as stack:
        while program.running:
            assert time.monotonic() < deadline, f"{case.name} takes too long:\n{program.out}{program.err}"
            time.sleep(_LOOK_EVERY_S)
            program.look()
            if not begun_s and any(results.glob(f"*/{measurements_file.FILE_NAME}")):
                begun_s = time.monotonic()
            load_s = time.monotonic() - begun_s if begun_s else -1.0
            if trouble is not None and load_s >= case.at_s:
                stack.enter_context(trouble(psutil.Process(program.process.pid)))
                trouble = None
            if load_s > case.duration_s:
                stack.close()  # cleanup meets a target that answers
            elif load_s > 0:
                busy.look()
    return busy


class Busy:
    """How often the machine was full, and with whose work, looked at once a second."""

    def __init__(self, suite: psutil.Process) -> None:
        self._suite = suite
        self._seen: list[tuple[float, float]] = []
        """Of each second: CPU of the machine, all cores together, and CPU of others, of one core; per cent."""
        self._last, self._own, self._last_s = psutil.cpu_times(), self._of_suite(), time.monotonic()

    def look(self) -> None:
        """Take note of the last second when it is over."""
        span_s = time.monotonic() - self._last_s
        if span_s < 1:
            return
        now, own, now_s = psutil.cpu_times(), self._of_suite(), time.monotonic()
        whole = sum(now) - sum(self._last)
        used_s = whole - (now.idle + now.iowait - self._last.idle - self._last.iowait)
        own_s = sum(spent_s - self._own.get(process, 0.0) for process, spent_s in own.items())
        self._seen.append((100 * used_s / whole if whole > 0 else 0.0, 100 * (used_s - own_s) / span_s))
        self._last, self._own, self._last_s = now, own, now_s

    def _of_suite(self) -> dict[psutil.Process, float]:
        """CPU seconds of the suite and all that it has started, its target too."""
        found = {}
        with suppress(psutil.NoSuchProcess):
            for process in (self._suite, *self._suite.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    spent = process.cpu_times()
                    found[process] = spent.user + spent.system
        return found

    @property
    def full(self) -> float:
        """The share of the seconds looked at in which it was."""
        return sum(machine >= _FULL_PERCENT for machine, _ in self._seen) / max(len(self._seen), 1)

    @property
    def others(self) -> float:
        """The share of them in which others had a part in that."""
        taken = [machine >= _FULL_PERCENT and others >= OTHERS_PERCENT for machine, others in self._seen]
        return sum(taken) / max(len(taken), 1)
