"""`junit.xml`: one test suite per run, one test case per target and one for the verdict, for CI servers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from perfsuite.format import bound, figure, joined
from perfsuite.messages.correctness import CorrectnessText
from perfsuite.model import ALL, Outcome, RunReport, StageFigures, TargetOutcome, TargetResult, stages
from perfsuite.model.correctness import Violation
from perfsuite.model.history import CapacityOutcome, Comparison, ComparisonOutcome
from perfsuite.report.capacity import capacity_figures, capacity_lines, capacity_remarks, load_text
from perfsuite.report.comparison import ALL_ROLES, ComparisonSummary, summarize_comparison
from perfsuite.report.correctness import (
    correctness_line,
    evidence_lines,
    held_text,
    reasons_text,
    replay_line,
    violation_line,
)
from perfsuite.report.findings import TITLE, findings_of
from perfsuite.report.text import clean, exact
from perfsuite.report.wording import sentence, target_name

_ANY_ROLE = (ALL, ALL_ROLES)
_WORSE = "became worse"
_WRONG = "wrong under load"
_TOTALS = ("tests", "failures", "errors", "skipped", "time")


def junit_xml(report: RunReport) -> str:
    """The whole file. First what was checked under load: each violation is a failure. A missed target is one, too; one
    that was not judged is skipped with its reason.

    What was unusual at the target is in the output of the suite.
    """
    summary, verdict, cleanup = report.summary, report.verdict, report.summary.cleanup
    suite = _Suite(
        summary.scenario,
        timestamp=summary.started_at.removesuffix("Z"),
        hostname=summary.host,
        time=f"{summary.duration_s:.3f}",
    )
    suite.properties(
        run_id=summary.run_id,
        exit_code=str(verdict.exit_code),
        rows_remaining=str(len(cleanup.not_removed)) if cleanup else "",
    )
    _correctness_cases(suite, report)
    _capacity_case(suite, report)
    for result in verdict.targets:
        _target_case(suite, result)
    for stage in summary.stages if report.capacity is None else ():  # of a search these are its visits
        _stage_case(suite, stage)
    if report.comparison is not None:
        found = summarize_comparison(report.comparison)
        worse = (", ".join(each.cells) for each in found.changed if each.worse)
        _comparison_cases(suite, f"baseline {found.name}", found, "\n".join([*worse, *found.notes]))
    _verdict_case(suite, report)
    _findings(suite, report)
    return suite.document()


def comparison_junit_xml(comparison: Comparison) -> str:
    """The same for two groups of runs: a case for each operation that became worse, and one for the whole."""
    found = summarize_comparison(comparison)
    suite = _Suite("comparison", time="0")
    unclear = all(change.outcome is ComparisonOutcome.CANNOT_TELL for change in comparison.changes)
    if comparison.capacity is not None:
        unclear = comparison.capacity.outcome is CapacityOutcome.CANNOT_TELL
    _comparison_cases(suite, f"against {found.name}", found, "\n".join(found.notes), skipped=unclear)
    return suite.document()


class _Suite:
    """The element of a test suite while it is built."""

    def __init__(self, name: str, **attributes: str) -> None:
        self._name = clean(f"agentmitra.performance.{name}")
        cleaned = {key: clean(value) for key, value in attributes.items()}
        self._element = ET.Element("testsuite", {"name": self._name, **cleaned})

    def properties(self, **values: str) -> None:
        self._element.append(_properties(values))

    def case(self, name: str, result: str, text: str = "", **attributes: str) -> ET.Element:
        """A test case with an element `result`: failure, error, skipped or system-out."""
        case = ET.SubElement(self._element, "testcase", {"classname": self._name, "name": name, "time": "0"})
        ET.SubElement(case, result, attributes).text = text or None
        return case

    def output(self, text: str) -> None:
        ET.SubElement(self._element, "system-out").text = text

    def document(self) -> str:
        suite, cases = self._element, self._element.findall("testcase")
        suite.set("tests", str(len(cases)))
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
        root = ET.Element("testsuites", {key: value for key, value in suite.attrib.items() if key in _TOTALS})
        root.append(suite)
        ET.indent(root)
        return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _properties(values: Mapping[str, str]) -> ET.Element:
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": clean(value)})
    return properties


def _correctness_cases(suite: _Suite, report: RunReport) -> None:
    """A failure for each violation. Then a case for each rule with a result, by the same name however it ended: a CI
    server sees which one broke. One that is skipped has all others."""
    found = report.summary.correctness
    if found is None:
        return
    if found.why_off is not None:
        suite.case("correctness", "skipped", message=correctness_line(found))
        return
    for violation in found.violations:
        _violation_case(suite, violation, report)
    unreached = []
    for (invariant, rule), rows in found.rules.items():
        name, reasons = clean(f"{invariant}: {rule}"), clean(reasons_text(rows))
        if not any(row.checks for row in rows):
            unreached.append(f"{name}: {reasons}")
            continue
        held = held_text(rows)
        text = f"{held}\n{CorrectnessText.OTHERS_NOT_CHECKED(reasons=reasons)}" if reasons else held
        if not any(row.violated for row in rows):
            suite.case(f"correctness, {name}", "system-out", text)
            continue
        ids = [one.id for one in found.violations if (one.invariant, one.rule) == (invariant, rule)]
        message = CorrectnessText.RULE_VIOLATED(violations=len(ids), ids=ids)
        suite.case(f"correctness, {name}", "failure", text, message=clean(message), type=_WRONG)
    if unreached:
        message = CorrectnessText.RULES_NOT_CHECKED(rules=len(unreached))
        suite.case("correctness, not checked", "skipped", "\n".join(unreached), message=message)


def _violation_case(suite: _Suite, violation: Violation, report: RunReport) -> None:
    line = clean(violation_line(violation))
    again = replay_line(report.plan, report.folder, violation)
    text = "\n".join((line, *map(clean, evidence_lines(violation)), clean(again)))
    what = f"{violation.rule}, {violation.operation} as {joined(violation.roles)}"
    name = clean(f"correctness, {violation.invariant}: {what}")
    case = suite.case(name, "failure", text, message=line, type=_WRONG)
    case.insert(0, _properties({"violation": violation.id}))


def _target_case(suite: _Suite, result: TargetResult) -> None:
    limit = bound(result.metric, result.limit, below=result.below)
    text = clean(f"observed {figure(result.metric, result.observed)}, limit {limit}")
    name, reason = target_name(result), clean(result.reason)
    if result.outcome is TargetOutcome.MISSED:
        suite.case(name, "failure", reason or text, message=text, type="missed target")
    elif result.outcome is TargetOutcome.NOT_JUDGED:
        suite.case(name, "skipped", message=reason or "not judged")
    else:
        prefix = "information only: " if result.outcome is TargetOutcome.INFORMATION else ""
        suite.case(name, "system-out", prefix + "; ".join(filter(None, (text, reason))))


def _capacity_case(suite: _Suite, report: RunReport) -> None:
    """The answer of a search, with its figures as properties. As a gate it fails where it is missed, and is skipped
    where the search cannot tell; without a gate it is skipped where there is no answer."""
    found, plan = report.capacity, report.plan.capacity
    if found is None or plan is None:
        return
    asked, answer = plan.at_least, found.answer
    name = "capacity" if asked is None else f"capacity at least {load_text(asked, plan.by)}"
    reached = (answer.low is not None or None) if asked is None else answer.takes(asked)
    lines = [*capacity_lines(found, plan.by, report.findings), *capacity_remarks(found, plan.by)]
    text = "\n".join(f"{line}." for line in lines)
    if reached:
        case = suite.case(name, "system-out", text)
    elif reached is None:
        case = suite.case(name, "skipped", text, message=lines[0])
    else:
        case = suite.case(name, "failure", text, message=lines[0], type="missed capacity")
    figures = capacity_figures(answer, plan.by)
    case.insert(
        0, _properties({key: value if isinstance(value, str) else exact(value) for key, value in figures.items()})
    )


def _stage_case(suite: _Suite, stage: StageFigures) -> None:
    """The figures of a stage; the targets judge it."""
    names = ("requests", "rps", "avg_ms", "p95_ms", "failure_rate")
    figures = (f"{name} {figure(name, getattr(stage.statistics, name))}" for name in names)
    suite.case(f"stage {clean(stage.name)}", "system-out", f"{stages.load_text(stage.span)}: {', '.join(figures)}")


def _comparison_cases(
    suite: _Suite, name: str, found: ComparisonSummary, details: str, *, skipped: bool = False
) -> None:
    """One failure for each operation that became worse, so that a CI server names it; then one for the whole."""
    worse: dict[str, list[str]] = {}
    for each in found.changed:
        if each.worse:
            operation, role = each.cells[:2]
            place = f"{operation} as {role}" if role not in _ANY_ROLE else operation
            worse.setdefault(place, []).append(each.change)
    for place, lines in worse.items():
        message = f"{'; '.join(lines)}, compared with {found.name}"
        suite.case(f"{place}: {_WORSE}", "failure", message, message=message, type="regression")
    text = "\n".join(filter(None, (found.headline, details)))
    if found.regressed:
        suite.case(name, "failure", details or text, message=found.headline, type="regression")
    elif found.refused or skipped:
        suite.case(name, "skipped", message="; ".join([found.headline, *found.notes]))
    else:
        suite.case(name, "system-out", text)


def _verdict_case(suite: _Suite, report: RunReport) -> None:
    outcome, text = report.verdict.outcome, clean(sentence(report))
    reasons = "\n".join(clean(reason) for reason in report.verdict.shown_reasons)
    if outcome is Outcome.PASS:
        suite.case("verdict", "system-out", "\n".join(filter(None, (text, reasons))))
    else:
        failed = outcome in (Outcome.FAIL, Outcome.REGRESSION)
        suite.case("verdict", "failure" if failed else "error", reasons, message=text, type=outcome.value)


def _findings(suite: _Suite, report: RunReport) -> None:
    found = findings_of(report)
    if found.unusual:
        lines = [TITLE]
        for each in found.unusual:
            lines += [f"- {each.headline}", *(f"    {line}" for line in each.evidence)]
        suite.output("\n".join([*lines, *filter(None, [found.left_out])]))
