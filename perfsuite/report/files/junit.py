"""`junit.xml`: one test suite per run, one test case per target and one for the verdict, for CI servers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from perfsuite.format import bound, figure
from perfsuite.model import ALL, Outcome, RunReport, TargetOutcome, TargetResult
from perfsuite.model.history import Comparison, ComparisonOutcome
from perfsuite.report.comparison import ALL_ROLES, ComparisonSummary, summarize_comparison
from perfsuite.report.findings import TITLE, findings_of
from perfsuite.report.text import clean
from perfsuite.report.wording import sentence, target_name


def junit_xml(report: RunReport) -> str:
    """The whole file. A missed target is a failure, one that was not judged is skipped with its reason.

    What was unusual at the target stands in the output of the suite.
    """
    summary, verdict = report.summary, report.verdict
    name = clean(f"agentmitra.performance.{summary.scenario}")
    suite = ET.Element(
        "testsuite",
        {
            "name": name,
            "timestamp": clean(summary.started_at.removesuffix("Z")),
            "hostname": clean(summary.host),
            "time": f"{summary.duration_s:.3f}",
        },
    )
    _property(suite, run_id=summary.run_id, exit_code=str(verdict.exit_code), rows_remaining=_rows_remaining(report))
    for result in verdict.targets:
        _target_case(suite, name, result)
    _baseline_case(suite, name, report)
    _verdict_case(suite, name, report)
    _findings(suite, report)
    return _document(suite)


def _rows_remaining(report: RunReport) -> str:
    """How many rows should have been removed and were not; "" where there was nothing to remove."""
    cleanup = report.summary.cleanup
    return str(len(cleanup.not_removed)) if cleanup else ""


def _document(suite: ET.Element) -> str:
    _count(suite)
    root = ET.Element("testsuites", {key: value for key, value in suite.attrib.items() if key in _TOTALS})
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


_ANY_ROLE = (ALL, ALL_ROLES)
_WORSE = "became worse"
_TOTALS = ("tests", "failures", "errors", "skipped", "time")


def _property(suite: ET.Element, **values: str) -> None:
    properties = ET.SubElement(suite, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": clean(value)})


def _target_case(suite: ET.Element, class_name: str, result: TargetResult) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": target_name(result), "time": "0"})
    limit = bound(result.metric, result.limit, below=result.below)
    text = clean(f"observed {figure(result.metric, result.observed)}, limit {limit}")
    reason = clean(result.reason)
    if result.outcome is TargetOutcome.MISSED:
        failure = ET.SubElement(case, "failure", {"message": text, "type": "missed target"})
        failure.text = reason or text
    elif result.outcome is TargetOutcome.NOT_JUDGED:
        ET.SubElement(case, "skipped", {"message": reason or "not judged"})
    else:
        prefix = "information only: " if result.outcome is TargetOutcome.INFORMATION else ""
        ET.SubElement(case, "system-out").text = prefix + text + (f"; {reason}" if reason else "")


def _baseline_case(suite: ET.Element, class_name: str, report: RunReport) -> None:
    if report.comparison is None:
        return
    found = summarize_comparison(report.comparison)
    _worse_cases(suite, class_name, found)
    case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": f"baseline {found.name}", "time": "0"})
    text = "\n".join([*(", ".join(each.cells) for each in found.changed if each.worse), *found.notes])
    if found.regressed:
        ET.SubElement(case, "failure", {"message": found.headline, "type": "regression"}).text = text
    elif found.refused:
        ET.SubElement(case, "skipped", {"message": "; ".join([found.headline, *found.notes])})
    else:
        ET.SubElement(case, "system-out").text = "\n".join(filter(None, (found.headline, text)))


def _worse_cases(suite: ET.Element, class_name: str, found: ComparisonSummary) -> None:
    """One failure for each operation that became worse, so that a CI server names it."""
    worse: dict[str, list[str]] = {}
    for each in found.changed:
        if each.worse:
            operation, role = each.cells[:2]
            place = f"{operation} as {role}" if role not in _ANY_ROLE else operation
            worse.setdefault(place, []).append(each.change)
    for place, lines in worse.items():
        case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": f"{place}: {_WORSE}", "time": "0"})
        message = f"{'; '.join(lines)}, compared with {found.name}"
        ET.SubElement(case, "failure", {"message": message, "type": "regression"}).text = message


def comparison_junit_xml(comparison: Comparison) -> str:
    """The same for two groups of runs: a case for each operation that became worse, and one for the whole."""
    found = summarize_comparison(comparison)
    name = "agentmitra.performance.comparison"
    suite = ET.Element("testsuite", {"name": name, "time": "0"})
    _worse_cases(suite, name, found)
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": f"against {found.name}", "time": "0"})
    text = "\n".join(filter(None, (found.headline, *found.notes)))
    if found.regressed:
        ET.SubElement(case, "failure", {"message": found.headline, "type": "regression"}).text = text
    elif found.refused or all(change.outcome is ComparisonOutcome.CANNOT_TELL for change in comparison.changes):
        ET.SubElement(case, "skipped", {"message": text})
    else:
        ET.SubElement(case, "system-out").text = text
    return _document(suite)


def _verdict_case(suite: ET.Element, class_name: str, report: RunReport) -> None:
    verdict = report.verdict
    case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": "verdict", "time": "0"})
    reasons = "\n".join(clean(reason) for reason in verdict.shown_reasons)
    if verdict.outcome is not Outcome.PASS:
        failed = verdict.outcome in (Outcome.FAIL, Outcome.REGRESSION)
        element = ET.SubElement(
            case, "failure" if failed else "error", {"message": clean(sentence(report)), "type": verdict.outcome.value}
        )
        element.text = reasons
        return
    ET.SubElement(case, "system-out").text = "\n".join(filter(None, (clean(sentence(report)), reasons)))


def _findings(suite: ET.Element, report: RunReport) -> None:
    found = findings_of(report)
    if not found.unusual:
        return
    lines = [TITLE]
    for each in found.unusual:
        lines += [f"- {each.headline}", *(f"    {line}" for line in each.evidence)]
    lines += [found.left_out] if found.left_out else []
    ET.SubElement(suite, "system-out").text = "\n".join(lines)


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
