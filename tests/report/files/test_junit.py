"""`junit.xml`, parsed back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest

from perfsuite.messages.correctness import CorrectnessText
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import CapacityReport, Outcome, RunReport, SearchBy, TargetOutcome
from perfsuite.model.correctness import CheckLevel, ChecksOff, Correctness
from perfsuite.report.correctness import correctness_line, evidence_lines, replay_command, violation_line
from perfsuite.report.files.junit import junit_xml
from tests.report import example_runs, made_capacity, made_correctness


def parsed(report: RunReport) -> ET.Element:
    return ET.fromstring(junit_xml(report))  # noqa: S314 - our own text


def cases_of(report: RunReport) -> dict[str, ET.Element]:
    return {case.get("name", ""): case for case in parsed(report).iter("testcase")}


def test_a_case_per_target_and_one_for_the_verdict() -> None:
    root = parsed(example_runs.failed())
    suite = root[0]
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "4", "errors": "0", "skipped": "2"}
    assert {key: root.get(key) for key in counts} == counts
    assert suite.get("name") == "agentmitra.performance.moderate"


def test_missed_is_a_failure_and_not_judged_is_skipped_with_its_reason() -> None:
    cases = cases_of(example_runs.failed())
    failure = cases["failure rate"].find("failure")
    skipped = cases["concurrent users"].find("skipped")
    assert failure is not None and failure.get("message") == "observed 7.19 %, limit < 1 %"
    assert skipped is not None and skipped.get("message") == "ran 50 users, more than 200 needed"


def test_information_passes_and_says_so() -> None:
    report = example_runs.failed()
    shown = replace(report.verdict.targets[2], outcome=TargetOutcome.INFORMATION, reason="stress is beyond normal load")
    report = replace(report, verdict=replace(report.verdict, targets=(shown,)))
    case = cases_of(report)["failure rate"]
    assert case.find("failure") is None
    assert case.findtext("system-out") == "information only: observed 7.19 %, limit < 1 %; stress is beyond normal load"


@pytest.mark.parametrize(
    ("found", "at_least", "name", "tag"),
    [
        pytest.param(made_capacity.by_rate, None, "capacity", "system-out", id="no gate"),
        pytest.param(made_capacity.by_rate, 150.0, "capacity at least 150 actions/s", "system-out", id="met"),
        pytest.param(made_capacity.by_rate, 250.0, "capacity at least 250 actions/s", "failure", id="missed"),
        pytest.param(
            made_capacity.by_rate, 180.0, "capacity at least 180 actions/s", "skipped", id="within the interval"
        ),
        pytest.param(
            made_capacity.first_load_fails, 50.0, "capacity at least 50 actions/s", "failure", id="even less fails"
        ),
        pytest.param(
            made_capacity.limited_by_generator, 150.0, "capacity at least 150 actions/s", "skipped",
            id="beyond what the generator can do",
        ),
        pytest.param(made_capacity.first_load_fails, None, "capacity", "skipped", id="no answer"),
    ],
)  # fmt: skip
def test_a_search_has_a_case_of_its_own(
    found: Callable[[], CapacityReport], at_least: float | None, name: str, tag: str
) -> None:
    case = cases_of(made_capacity.run_of(found(), at_least=at_least))[name]
    assert [child.tag for child in case] == ["properties", tag]


def test_the_figures_of_a_search_are_properties() -> None:
    case = cases_of(made_capacity.run_of(made_capacity.by_users(), SearchBy.USERS))["capacity"]
    values = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert {key: values[key] for key in ("by", "kind", "last_pass", "first_fail", "first_to_fail", "saturation")} == {
        "by": "users", "kind": "interval", "last_pass": "318.0", "first_fail": "325.0",
        "first_to_fail": "average response time", "saturation": "",
    }  # fmt: skip
    assert 313 <= float(values["low"] or 0) < float(values["high"] or 0) <= 327
    assert "capacity" not in cases_of(example_runs.passed())


@pytest.mark.parametrize(
    ("name", "tag"),
    [("passed", "system-out"), ("failed", "failure"), ("inconclusive", "error"), ("interrupted", "error")],
)
def test_the_verdict_case(name: str, tag: str) -> None:
    report = example_runs.EXAMPLES[name]()
    case = cases_of(report)["verdict"]
    assert [child.tag for child in case] == [tag]
    assert report.verdict.reasons[0] in (case[0].text or "")


def test_regression_is_a_failure() -> None:
    report = example_runs.passed()
    report = replace(report, verdict=replace(report.verdict, outcome=Outcome.REGRESSION, exit_code=5))
    assert cases_of(report)["verdict"].find("failure") is not None


def test_characters_that_xml_cannot_hold_are_stripped() -> None:
    report = example_runs.inconclusive()
    reasons = ("bell \x07 null \x00 surrogate \ud800 end \ufffe ]]> <b>",)
    report = replace(report, verdict=replace(report.verdict, reasons=reasons))
    error = cases_of(report)["verdict"].find("error")
    assert error is not None and (error.text or "").split() == ["bell", "null", "surrogate", "end", "]]>", "<b>"]


def test_findings_stand_in_the_output_of_the_suite() -> None:
    suite = parsed(example_runs.watched())[0]
    lines = (suite.findtext("system-out") or "").splitlines()
    assert lines[0] == "Findings (evidence of where to look, not causes)"
    assert lines[1].startswith("- Response times rose (26 ms → 1,140 ms on average")
    assert lines[3] == "    sessions blocked by another session: 0 → 5, at 00:29"
    assert lines[-1] == "and 2 more in the report"
    assert parsed(example_runs.passed())[0].find("system-out") is None


def test_a_target_on_a_reading_has_its_unit_and_no_scope() -> None:
    failure = cases_of(example_runs.watched())["pool in use"].find("failure")
    assert failure is not None and failure.get("message") == "observed 97.5 %, limit < 80 %"


def with_checks(found: Correctness) -> RunReport:
    report = example_runs.passed()
    return replace(report, summary=replace(report.summary, correctness=found))


def test_each_violation_is_a_failure_and_comes_first() -> None:
    cases = list(parsed(example_runs.wrong_under_load()).iter("testcase"))
    assert [(case.get("name"), case[-1].tag) for case in cases[:5]] == [
        ("correctness, isolation: own rows only, policies.read as policyholder", "failure"),
        ("correctness, isolation: own rows only, policies.update as policyholder and junior_agent", "failure"),
        ("correctness, permissions: refused to other roles, users.list as support_staff", "failure"),
        ("correctness, isolation: own rows only", "failure"),
        ("correctness, permissions: refused to other roles", "failure"),
    ]
    failure = cases[0].find("failure")
    assert failure is not None and failure.get("type") == "wrong under load"
    violation = made_correctness.VIOLATIONS[0]
    assert failure.get("message") == violation_line(violation)
    report = example_runs.wrong_under_load()
    again = ReplayMessage.AGAIN_WITH(command=replay_command(report.plan, report.folder, violation))
    assert (failure.text or "").splitlines() == [violation_line(violation), *evidence_lines(violation), again]
    assert [(each.get("name"), each.get("value")) for each in cases[0].iter("property")] == [("violation", "v1")]


def test_rules_that_held_and_rules_that_had_no_result() -> None:
    cases = cases_of(with_checks(made_correctness.HEALTHY))
    held = cases["correctness, permissions: refused to other roles"].findtext("system-out") or ""
    assert held.splitlines() == [
        CorrectnessText.CHECKS_HELD(held=7, checks=7),
        CorrectnessText.OTHERS_NOT_CHECKED(reasons=f"HTTP 503 (2), {made_correctness.BUDGET} (1)"),
    ]
    skipped = cases["correctness, not checked"].find("skipped")
    assert skipped is not None and skipped.get("message") == CorrectnessText.RULES_NOT_CHECKED(rules=1)
    assert skipped.text == f"contests: one winner: HTTP 503 (3), {made_correctness.BUDGET} (1)"


def test_answers_that_are_watched_have_a_case_of_their_own() -> None:
    case = cases_of(with_checks(made_correctness.WATCHED))[f"correctness, isolation: {made_correctness.IN_LISTS}"]
    assert case.findtext("system-out") == CorrectnessText.ANSWERS_HELD(held=1_240, answers=1_240)


def test_a_rule_keeps_the_name_of_its_case_when_it_breaks() -> None:
    before, after = cases_of(with_checks(made_correctness.HEALTHY)), cases_of(example_runs.wrong_under_load())
    assert before.keys() < after.keys()
    rules = [name for name in before if name.startswith("correctness, ")]
    broken = [name for name in rules if before[name][-1].tag == "system-out" and after[name][-1].tag == "failure"]
    assert broken == ["correctness, isolation: own rows only", "correctness, permissions: refused to other roles"]
    failures = [after[name].find("failure") for name in broken]
    assert [failure is not None and failure.get("message") for failure in failures] == [
        CorrectnessText.RULE_VIOLATED(violations=2, ids=["v1", "v2"]),
        CorrectnessText.RULE_VIOLATED(violations=1, ids=["v3"]),
    ]


def test_what_was_not_checked_is_skipped_with_its_reason() -> None:
    off = Correctness(CheckLevel.OFF, why_off=ChecksOff.OPTION)
    (case,) = [case for name, case in cases_of(with_checks(off)).items() if name.startswith("correctness")]
    skipped = case.find("skipped")
    assert skipped is not None and skipped.get("message") == correctness_line(off)
    assert not [name for name in cases_of(example_runs.passed()) if name.startswith("correctness")]
