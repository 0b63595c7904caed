"""Two masters load one target at the same time; `merge` makes one run of them, exact to the request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.programs import Backend, Program, ended, run_folders, suite
from tests.integration.runs import TWENTY_USERS

pytestmark = pytest.mark.integration

QUIET = re.compile(
    r"With 20 users the backend met [^-]*\.\n- \d judged targets? met over [^-]* 0\s+failures\nVERDICT: PASS\n+"
)
"""All that a run says with `--quiet`: the verdict, and why."""


def begin(backend: Backend, results: Path, seed: int) -> Program:
    load = ("--duration", "6s", "--processes", "2", "--seed", str(seed))
    return suite(*backend.target, *TWENTY_USERS, *load, "--results", str(results), "--quiet")


def test_the_merged_run_of_two_masters_agrees_with_the_target_to_the_request(backend: Backend, tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    programs = [begin(backend, place, seed) for seed, place in enumerate(places)]
    for program in programs:
        assert (program.wait(), program.err) == (0, "")
        assert QUIET.fullmatch(program.out), program.out
    folders = [folder for place in places for folder in run_folders(place)]
    merge = suite("merge", *map(str, folders), "--results", str(tmp_path / "merged"))
    done = ended(merge, merge.wait(), tmp_path / "merged")

    summary = done.summary
    logged = sum(len(backend.requests(run_id)) for run_id in {folder.name for folder in folders})
    assert summary["whole_run"]["requests"] == summary["ledger"]["recorded"] == logged > 40
    assert summary["ledger"]["balanced"] is True
    names = {worker["worker"] for worker in summary["ledger"]["workers"]}
    assert names == {f"{run}/worker-{number}" for run in (1, 2) for number in (1, 2)}
    assert (summary["users"]["peak"], summary["generator"]["processes"]) == (40, 4)
    assert summary["reconciliation"]["agrees"] is True
    assert done.code == summary["exit_code"]
