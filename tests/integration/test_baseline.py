"""Real runs against a baseline: one run on each side shows an N+1, and nothing else is called a regression."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from perfsuite.history import History, read_baseline
from perfsuite.messages.reasons import Reason
from perfsuite.model import ALL, Outcome
from perfsuite.run.load_run import load_run
from tests.integration.programs import Ended
from tests.truth.cases import CASES
from tests.truth.lab import OF_OTHERS, wrong_in

pytestmark = [pytest.mark.integration, pytest.mark.made("against_baseline")]

LISTS = {"policies.list", "policies.page", "policies.by_status", "policies.by_policyholder"}
"""The fault is that of a route, and these are its operations."""


def test_an_n_plus_1_is_a_regression_in_one_run(made: Ended) -> None:
    summary = made.summary

    assert (made.code, summary["verdict"], summary["exit_code"]) == (5, "regression", 5), made.out
    told = {reason.split(" as ")[0] for reason in summary["reasons"] if " as " in reason}
    assert {"policies.list"} <= told <= LISTS
    assert any(re.search(r"\d+ → \d+ queries per request\b.*main\.json", line) for line in summary["reasons"])
    assert made.out.rstrip().endswith("VERDICT: REGRESSION")


def test_the_n_plus_1_is_the_first_finding_beside_what_else_the_machine_did(made: Ended) -> None:
    unusual = [finding for finding in load_run(made.folder).report.findings if finding.unusual]
    of_target = [finding for finding in unusual if finding.resource not in OF_OTHERS]
    (case,) = (case for case in CASES if case.name == "N+1")

    assert wrong_in(of_target, case, others=0) == ""


def test_every_file_says_so(made: Ended) -> None:
    baseline = made.summary["baseline"]
    assert baseline["compared"] is True
    assert {cost["operation"] for cost in baseline["costs"] if cost["regression"]} == LISTS
    cases = {case.get("name"): case for case in ET.parse(made.folder / "junit.xml").iter("testcase")}  # noqa: S314  our own file
    assert cases["baseline " + baseline["name"]].find("failure") is not None
    assert cases["verdict"].find("failure") is not None
    assert "queries per request" in (made.folder / "summary.md").read_text(encoding="utf-8")
    assert 'id="baseline-title"' in (made.folder / "report.html").read_text(encoding="utf-8")


def test_the_same_backend_again_is_none(made: Ended) -> None:
    same: Ended = made.beside["same"]
    summary = same.summary

    assert (same.code, summary["verdict"]) == (0, "pass"), (same.out, summary["baseline"]["costs"])
    assert summary["baseline"]["runs"] == [made.beside["first"].folder.name]
    found = Reason.NO_REGRESSION(baseline="1.0", runs=1, baseline_runs=1)
    assert any(note.startswith(found) for note in summary["notes"])


def test_the_folder_alone_tells_it_again(made: Ended) -> None:
    report = load_run(made.folder).report

    assert report.verdict.outcome is Outcome.REGRESSION
    assert list(report.verdict.reasons) == made.summary["reasons"]


def test_all_runs_are_in_the_history(made: Ended) -> None:
    history = History(str(made.beside["history"]))
    runs = {run.run_id: run for run in history.runs()}
    first = runs[made.beside["first"].folder.name]

    assert runs[made.folder.name].outcome is Outcome.REGRESSION
    assert (first.release, first.label, first.conditions.demo) == ("1.0", "first", "full")
    assert first.conditions.data_size.keys() == {"users", "agents", "policies"}
    assert first.target_version != ""
    total = first.of(ALL, ALL)
    assert total is not None
    assert total.requests == made.beside["first"].summary["totals"]["requests"]
    history.close()


def test_the_file_for_git_is_small(made: Ended) -> None:
    saved: Ended = made.beside["saved"]
    file = made.beside["history"].with_name("main.json")

    assert saved.code == 0, saved.err
    assert [run.run_id for run in read_baseline(file).runs] == [made.beside["first"].folder.name]
    assert file.stat().st_size < 1_500_000
