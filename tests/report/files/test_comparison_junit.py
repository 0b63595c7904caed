"""What a CI server shows of a comparison: each operation that became worse by its name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from perfsuite.model.history import Comparison
from perfsuite.report.files.junit import comparison_junit_xml, junit_xml
from tests.report import example_runs
from tests.report.test_comparison import N_PLUS_ONE, compared


def cases(text: str) -> dict[str, tuple[str, str]]:
    """Name of a case → its outcome ("passed" where nothing else stands) and what it says."""
    found = {}
    for case in ET.fromstring(text).iter("testcase"):  # noqa: S314 - our own text
        outcome = next((element for element in case if element.tag != "system-out"), None)
        text = (outcome.get("message") or "") if outcome is not None else case.findtext("system-out") or ""
        found[case.get("name", "")] = ("passed" if outcome is None else outcome.tag, text)
    return found


def worse(comparison: Comparison) -> dict[str, str]:
    return {name: text for name, (_, text) in cases(comparison_junit_xml(comparison)).items() if "became worse" in name}


def test_each_operation_that_became_worse_is_a_failure() -> None:
    found = worse(replace(compared(104), costs=(N_PLUS_ONE,)))
    assert list(found) == [
        "policies.list as policyholder: became worse",
        "policies.list: became worse",
    ]
    assert found["policies.list: became worse"].startswith("average 42 ms → 104 ms (+148 %); p50 ")
    assert "queries per request 3 → 23 (+20)" in found["policies.list as policyholder: became worse"]
    whole = cases(comparison_junit_xml(compared(104)))
    assert whole["against before"][0] == "failure"


def test_the_same_fails_nothing() -> None:
    found = cases(comparison_junit_xml(compared(42.0)))
    assert {name: outcome for name, (outcome, _) in found.items()} == {"against before": "passed"}


def test_an_unclear_comparison_is_skipped_not_passed() -> None:
    found = cases(comparison_junit_xml(compared(104, runs=1)))
    assert found["against before"][0] == "skipped"


def test_the_counts_are_those_of_the_cases() -> None:
    text = comparison_junit_xml(replace(compared(104), costs=(N_PLUS_ONE,)))
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "3", "0")


def test_a_run_names_them_beside_its_targets() -> None:
    found = cases(junit_xml(replace(example_runs.passed(), comparison=compared(104))))
    assert found["policies.list: became worse"][0] == "failure"
    assert found["baseline before"][0] == "failure"
    assert found["average response time"][0] == "passed"
