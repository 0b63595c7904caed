"""Makes the runs of the cases, and tells how busy the machine was with anything else."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from perfsuite import measurements, pipeline
from perfsuite.model import RunReport
from perfsuite.model.finding import Finding
from tests.integration.programs import Program, suite
from tests.truth.cases import Case, Queries

ATTEMPTS = 3
QUIET = 0.2
"""Where the machine was full in a larger share of the load, a run may tell about the machine: it is made again."""
_FULL_PERCENT = 90.0
_LONGEST_S = 240.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Seen:
    """What a run told. `full`: share of the load in which the machine was full; `attempts`: how often it was made."""

    case: Case
    report: RunReport
    full: float
    attempts: int = 1

    @property
    def unusual(self) -> list[Finding]:
        """What was found that is not told of every run."""
        return [finding for finding in self.report.findings if finding.unusual]

    @property
    def wrong(self) -> str:
        """What is wrong with the findings, in words; "" when they are right."""
        said = "".join(f"\n  {finding.resource or '(nothing)'}: {finding.headline}" for finding in self.unusual)
        if self.case.resource is None:
            return f"nothing is wrong, and yet was found:{said}" if said else ""
        if not said:
            return f"{self.case.resource} was to be found, and nothing was"
        first = self.unusual[0]
        if first.resource != self.case.resource:
            return f"{self.case.resource} was to be found first, not:{said}"
        wanted = self.case.queries
        if wanted is not None and not _names(first, wanted):
            return f"{wanted.more} more queries of {sorted(wanted.operations)} were to be told, not:{said}"
        return ""


def _names(finding: Finding, wanted: Queries) -> bool:
    """Does it name the operation and its number of queries, those beyond what it needs?"""
    told = [row for row in finding.evidence if row.metric == "queries_per_request" and row.after is not None]
    return finding.operation in wanted.operations and any(
        (row.after or 0) - (row.before or 0) == wanted.more for row in told
    )


def made(case: Case, folder: Path) -> Seen:
    """The run of a case in a fresh folder; made again, twice at most, where the machine was too busy to tell."""
    for attempt in range(1, ATTEMPTS + 1):
        seen = run(case, folder / f"attempt-{attempt}", attempt)
        if not seen.wrong or seen.full <= QUIET or case.alone:
            break
    return seen


def run(case: Case, results: Path, attempt: int = 1) -> Seen:
    """One run of a case, with its report."""
    program = suite(*case.options, "--results", str(results))
    try:
        full = _followed(case, program, results)
        assert program.process.returncode in (0, 1, 4), program.out + program.err
        (folder,) = results.iterdir()
        return Seen(case, pipeline.report_of(folder), full, attempt)
    finally:
        program.end()


def _followed(case: Case, program: Program, results: Path) -> float:
    """Follow it to its end, with its trouble at its time; the share of its load in which the machine was full."""
    begun_s, trouble, busy = 0.0, case.trouble, Busy()
    deadline = time.monotonic() + _LONGEST_S
    with ExitStack() as stack:
        while program.running:
            assert time.monotonic() < deadline, f"{case.name} takes too long:\n{program.out}{program.err}"
            time.sleep(_LOOK_EVERY_S)
            program.look()
            if not begun_s and any(results.glob(f"*/{measurements.FILE_NAME}")):
                begun_s = time.monotonic()
            load_s = time.monotonic() - begun_s if begun_s else -1.0
            if trouble is not None and load_s >= case.at_s:
                stack.enter_context(trouble(psutil.Process(program.process.pid)))
                trouble = None
            if load_s > case.duration_s:
                stack.close()  # cleanup meets a target that answers
            elif load_s > 0:
                busy.look()
    return busy.full


class Busy:
    """How often the machine was full, looked at once a second."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._last, self._last_s = psutil.cpu_times(), time.monotonic()

    def look(self) -> None:
        """Take note of the last second when it is over."""
        if time.monotonic() - self._last_s < 1:
            return
        now, now_s = psutil.cpu_times(), time.monotonic()
        whole = sum(now) - sum(self._last)
        idle = now.idle + now.iowait - self._last.idle - self._last.iowait
        self._seen.append(100 * (1 - idle / whole) if whole > 0 else 0.0)
        self._last, self._last_s = now, now_s

    @property
    def full(self) -> float:
        """The share of the seconds looked at."""
        return sum(each >= _FULL_PERCENT for each in self._seen) / max(len(self._seen), 1)
