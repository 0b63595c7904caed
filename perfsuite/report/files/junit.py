"""`junit.xml`: one test suite per run, one test case per target and one for the verdict, for CI servers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from perfsuite.format import bound, figure
from perfsuite.model import ALL, Outcome, RunReport, TargetOutcome, TargetResult
from perfsuite.model.history import Comparison, ComparisonOutcome
from perfsuite.report.baseline import ALL_ROLES, Held, held_of
from perfsuite.report.evidence import TITLE, findings_of
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
    told = clean(f"observed {figure(result.metric, result.observed)}, limit {limit}")
    reason = clean(result.reason)
    if result.outcome is TargetOutcome.MISSED:
        failure = ET.SubElement(case, "failure", {"message": told, "type": "missed target"})
        failure.text = reason or told
    elif result.outcome is TargetOutcome.NOT_JUDGED:
        ET.SubElement(case, "skipped", {"message": reason or "not judged"})
    else:
        prefix = "information only: " if result.outcome is TargetOutcome.INFORMATION else ""
        ET.SubElement(case, "system-out").text = prefix + told + (f"; {reason}" if reason else "")


def _baseline_case(suite: ET.Element, class_name: str, report: RunReport) -> None:
    if report.comparison is None:
        return
    held = held_of(report.comparison)
    _worse_cases(suite, class_name, held)
    case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": f"baseline {held.name}", "time": "0"})
    told = "\n".join([*(", ".join(line.cells) for line in held.lines if line.worse), *held.notes])
    if held.regressed:
        ET.SubElement(case, "failure", {"message": held.headline, "type": "regression"}).text = told
    elif held.refused:
        ET.SubElement(case, "skipped", {"message": "; ".join([held.headline, *held.notes])})
    else:
        ET.SubElement(case, "system-out").text = "\n".join(filter(None, (held.headline, told)))


def _worse_cases(suite: ET.Element, class_name: str, held: Held) -> None:
    """One failure for each operation that became worse, so that a CI server names it."""
    found: dict[str, list[str]] = {}
    for line in held.lines:
        if line.worse:
            operation, role, figure, before, after, change, _result = line.cells
            told = f"{figure} {before} → {after}{f' ({change})' if change else ''}"
            found.setdefault(f"{operation} as {role}" if role not in _ANY_ROLE else operation, []).append(told)
    for name, lines in found.items():
        case = ET.SubElement(suite, "testcase", {"classname": class_name, "name": f"{name}: {_WORSE}", "time": "0"})
        message = f"{'; '.join(lines)}, against {held.name}"
        ET.SubElement(case, "failure", {"message": message, "type": "regression"}).text = message


def comparison_junit_xml(comparison: Comparison) -> str:
    """The same for runs held against runs: a case for each operation that became worse, and one for all of it."""
    held = held_of(comparison)
    name = "agentmitra.performance.comparison"
    suite = ET.Element("testsuite", {"name": name, "time": "0"})
    _worse_cases(suite, name, held)
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": f"against {held.name}", "time": "0"})
    told = "\n".join(filter(None, (held.headline, *held.notes)))
    if held.regressed:
        ET.SubElement(case, "failure", {"message": held.headline, "type": "regression"}).text = told
    elif held.refused or all(change.outcome is ComparisonOutcome.CANNOT_TELL for change in comparison.changes):
        ET.SubElement(case, "skipped", {"message": told})
    else:
        ET.SubElement(case, "system-out").text = told
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
    for told in found.unusual:
        lines += [f"- {told.headline}", *(f"    {line}" for line in told.evidence)]
    lines += [found.left_out] if found.left_out else []
    ET.SubElement(suite, "system-out").text = "\n".join(lines)


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
