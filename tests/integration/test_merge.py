"""Two masters load one target at the same time; `merge` makes one run of them, exact to the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.attempts import repeated
from tests.integration.cost_runs import easy
from tests.integration.programs import Backend, Ended, Program, ended, run_suite, running_backend, suite
from tests.integration.runs import TWENTY_USERS

pytestmark = pytest.mark.integration

QUIET = re.compile(
    r"With 20 users the backend met [^-]*\.\n- \d judged targets? met over [^-]* 0\s+failures\n"
    r"(?:- Finding: (?:.+\n)+?)*VERDICT: PASS\n+"
)
"""All that a run says with `--quiet`: the verdict, why, and findings, which a busy machine may give cause for."""


@dataclass(frozen=True)
class Both:
    """Two runs at the same time; the requests that their target logged of them."""

    runs: list[Ended]
    logged: int


def both(folder: Path) -> Both:
    with running_backend(folder / "backend") as backend:
        runs = _at_once(folder, backend)
        return Both(runs, sum(len(backend.requests(run_id)) for run_id in {run.folder.name for run in runs}))


def _at_once(folder: Path, backend: Backend) -> list[Ended]:
    targets, places = easy(folder), (folder / "a", folder / "b")
    programs: list[Program] = []
    try:
        for seed, place in enumerate(places):
            load = (*TWENTY_USERS, *targets, "--duration", "9s", "--processes", "2", "--seed", str(seed))
            programs.append(suite(*backend.target, *load, "--results", str(place), "--quiet"))
        return [ended(program, program.wait(), place) for program, place in zip(programs, places, strict=True)]
    finally:
        for program in programs:
            program.end()


def test_the_merged_run_of_two_masters_agrees_with_the_target_to_the_request(tmp_path: Path) -> None:
    made = repeated(both, tmp_path)
    for run in made.runs:
        assert (run.code, run.err) == (0, ""), run.out
        assert QUIET.fullmatch(run.out), run.out
    folders = [run.folder for run in made.runs]
    done = run_suite("merge", *map(str, folders), results=tmp_path / "merged", attempts=1)

    summary = done.summary
    assert summary["whole_run"]["requests"] == summary["ledger"]["recorded"] == made.logged > 40
    assert summary["ledger"]["balanced"] is True
    names = {worker["worker"] for worker in summary["ledger"]["workers"]}
    assert names == {f"{run}/worker-{number}" for run in (1, 2) for number in (1, 2)}
    assert (summary["users"]["peak"], summary["generator"]["processes"]) == (40, 4)
    assert summary["reconciliation"]["agrees"] is True
    assert done.code == summary["exit_code"], done.out + done.err
