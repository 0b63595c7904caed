"""`summary.md`: the run on one page for a pull request or a CI job; and the page of a CI job on GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from perfsuite.format import CI, bound, clock, duration, figure, interval_text, number, percent, plural
from perfsuite.messages.report import ReportMessage
from perfsuite.model import Outcome, RunReport, SuiteErrorGroup, Summary, TargetOutcome, TargetResult
from perfsuite.model.correctness import Correctness
from perfsuite.model.stages import load_text
from perfsuite.report.capacity import (
    CAPACITY_TITLE,
    LEVEL_COLUMNS,
    capacity_remarks,
    level_cells,
    level_rows,
    unit_of,
)
from perfsuite.report.comparison import COLUMNS, summarize_comparison
from perfsuite.report.correctness import CORRECTNESS_TITLE, correctness_line, evidence_lines, violation_line
from perfsuite.report.files.json_file import steady_operations
from perfsuite.report.findings import ALWAYS_TITLE, TITLE, findings_of
from perfsuite.report.stability import STABILITY_TITLE, stability_lines
from perfsuite.report.stages import recovery_lines
from perfsuite.report.text import heading, markdown, markdown_table, shortened
from perfsuite.report.wording import (
    LABELS,
    arrival_lines,
    figure_labels,
    generator_line,
    logins_line,
    operation_of,
    regularities,
    role_of,
    sentence,
    target_title,
    title_of,
)

SLOWEST = 10
MOST_FAILURES = 10
MOST_CHANGES = 20
MOST_VIOLATIONS = 10
MOST_BYTES = 1 << 20
"""GitHub shows nothing at all of a step whose file is larger."""
FEWEST_BYTES = 200
"""A shorter rest of a summary is left out."""

_MARKS_OF_RUNS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.REGRESSION: "❌"}
_MARKS = {
    TargetOutcome.MET: "✅ met",
    TargetOutcome.MISSED: "❌ missed",
    TargetOutcome.NOT_JUDGED: "➖ not judged",
    TargetOutcome.INFORMATION: "ℹ️ information",
}


def summary_md(report: RunReport) -> str:
    """Verdict, targets, findings, slowest operations and failures, as GitHub-flavoured Markdown."""
    summary, verdict = report.summary, report.verdict
    mark = _MARKS_OF_RUNS.get(verdict.outcome, "⚠️")
    checked = correctness_line(summary.correctness)
    lines = (*arrival_lines(summary), logins_line(report), generator_line(summary), checked)
    parts = [
        f"## {mark} {LABELS[verdict.outcome]}: {markdown(title_of(report))}",
        markdown(sentence(report)),
        "\n".join(f"- {markdown(reason)}" for reason in verdict.shown_reasons),
        *_violations(summary.correctness),
        *_capacity(report),
        _figures(summary) if report.capacity is None else "",
        "\n".join(f"- {markdown(line)}" for line in lines if line),
        _section("Targets", ("Target", "Limit", "Observed", CI, "Outcome", "Reason"), map(_target, verdict.targets)),
        _stages(summary) if report.capacity is None else "",
        *_baseline(report),
        *_findings(report),
        _list(STABILITY_TITLE, [f"- {markdown(line)}" for line in stability_lines(report)]),
        _slowest(summary),
        *_failures(report),
        _suite_errors(summary.suite_errors),
        "\n".join(f"- Note: {markdown(note)}" for note in verdict.notes),
        *([f"Work: {markdown(report.plan.scenario.work_text)}."] if report.plan.scenario.work else []),
        f"Run {markdown(summary.run_id)}, target {markdown(summary.host)}, started {markdown(summary.started_at)}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def runs_md(reports: Sequence[RunReport]) -> str:
    """Several runs side by side, one line each, with their verdicts."""
    cells = (
        (
            markdown(report.summary.scenario),
            markdown(report.summary.run_id),
            number(report.summary.users.peak),
            number(report.summary.totals.requests),
            number(report.summary.totals.rps),
            number(report.summary.totals.avg_ms),
            number(report.summary.totals.p95_ms),
            number(report.summary.totals.failures),
            f"{_MARKS_OF_RUNS.get(report.verdict.outcome, '⚠️')} {LABELS[report.verdict.outcome]}",
        )
        for report in reports
    )
    figures = figure_labels("users", "requests", "rps", "avg_ms", "p95_ms", "failures")
    columns = ("Scenario", "Run", *figures, "Verdict")
    return _section(plural(len(reports), "run"), columns, cells) + "\n"


def _figures(summary: Summary) -> str:
    totals = summary.totals
    if not totals.requests:
        return f"{number(summary.whole_run.requests)} requests, none in the steady state."
    return (
        f"**{number(totals.requests)}** requests in {clock(summary.steady_s)} of steady state · "
        f"**{number(totals.rps)}** requests/s · average **{figure('avg_ms', totals.avg_ms)}** · "
        f"p95 **{figure('p95_ms', totals.p95_ms)}** · failures **{number(totals.failures)}** "
        f"({percent(totals.failure_rate)}) · **{number(summary.users.peak)}** users"
    )


def _capacity(report: RunReport) -> Sequence[str]:
    """What goes with the answer of a search, and the loads that were tried; nothing for another run."""
    found, plan = report.capacity, report.plan.capacity
    if found is None or plan is None:
        return ()
    by = plan.by
    remarks = [f"- {markdown(line)}" for line in capacity_remarks(found, by)]
    rows = (tuple(map(markdown, level_cells(row))) for row in level_rows(found))
    return _list(CAPACITY_TITLE, remarks), _section("Loads tried", (heading(unit_of(by)), *LEVEL_COLUMNS), rows)


def _violations(found: Correctness | None) -> Sequence[str]:
    """What was wrong under load, each with its evidence below it; nothing where nothing was."""
    violations = found.violations if found is not None else ()
    lines: list[str] = []
    for violation in violations[:MOST_VIOLATIONS]:
        about = f"{violation.id}, {violation.invariant}, {violation.rule}: {violation_line(violation)}"
        lines += [f"- {markdown(about)}", *(f"  - {markdown(line)}" for line in evidence_lines(violation))]
    left = len(violations) - MOST_VIOLATIONS
    return _list(CORRECTNESS_TITLE, lines), f"{plural(left, 'more violation')} in `summary.json`." if left > 0 else ""


def _target(result: TargetResult) -> Sequence[str]:
    return (
        markdown(target_title(result)),
        markdown(bound(result.metric, result.limit, below=result.below)),
        figure(result.metric, result.observed),
        interval_text(result.metric, result.interval),
        _MARKS[result.outcome] + (" (close)" if result.too_close else ""),
        markdown(result.reason),
    )


def _stages(summary: Summary) -> str:
    """A line for each stage, and the recoveries; "" without stages."""
    cells = (
        (
            markdown(stage.name),
            load_text(stage.span),
            duration(stage.seconds.length_s),
            number(stage.statistics.requests),
            number(stage.statistics.rps),
            number(stage.statistics.avg_ms),
            number(stage.statistics.p95_ms),
            number(stage.statistics.failures),
        )
        for stage in summary.stages
    )
    columns = ("Stage", "Load", "Over", *figure_labels("requests", "rps", "avg_ms", "p95_ms", "failures"))
    table = _section("Stages", columns, cells) if summary.stages else ""
    lines = "\n".join(f"- {markdown(line)}" for line in recovery_lines(summary))
    return "\n\n".join(filter(None, (table, lines)))


def _baseline(report: RunReport) -> Sequence[str]:
    """What changed compared with the baseline, and what is unclear; nothing without one."""
    if report.comparison is None:
        return ()
    found = summarize_comparison(report.comparison)
    rows = (tuple(map(markdown, each.cells)) for each in found.changed[:MOST_CHANGES])
    left = len(found.changed) - MOST_CHANGES
    return (
        f"### Compared with {markdown(found.name)}\n\n{markdown(found.headline)}",
        markdown_table(COLUMNS, rows),
        f"{number(left)} more in `summary.json`." if left > 0 else "",
        "\n".join(f"- {markdown(note)}" for note in found.notes),
    )


def _findings(report: RunReport) -> Sequence[str]:
    """The unusual ones with their evidence below them, where the time goes, and the note."""
    found = findings_of(report)
    lines: list[str] = []
    for each in found.unusual:
        lines += [f"- {markdown(each.headline)}", *(f"  - {markdown(line)}" for line in each.evidence)]
    lines += [f"- {found.left_out}"] if found.left_out else []
    always = [f"- {markdown(line)}" for line in found.always]
    return _list(TITLE, lines), _list(ALWAYS_TITLE, always), markdown(found.note)


def _list(title: str, lines: Sequence[str]) -> str:
    """A heading and a list; "" without lines."""
    return "\n".join([f"### {title}", "", *lines]) if lines else ""


def _slowest(summary: Summary) -> str:
    rows = sorted(steady_operations(summary), key=lambda row: row.statistics.avg_ms or 0, reverse=True)[:SLOWEST]
    cells = (
        (
            markdown(row.operation),
            markdown(row.role),
            number(row.statistics.requests),
            number(row.statistics.avg_ms),
            number(row.statistics.p95_ms),
            number(row.statistics.max_ms),
            number(row.statistics.failures),
        )
        for row in rows
        if row.statistics.requests
    )
    columns = ("Operation", "Role", *figure_labels("requests", "avg_ms", "p95_ms", "max_ms", "failures"))
    return _section("Slowest operations", columns, cells)


def _failures(report: RunReport) -> Sequence[str]:
    patterns = report.summary.failure_patterns
    cells = (
        (
            number(pattern.count),
            markdown(operation_of(pattern)),
            markdown(role_of(pattern)),
            markdown(pattern.kind),
            markdown(shortened(pattern.message, 120)),
            markdown(pattern.request_id),
        )
        for pattern in patterns[:MOST_FAILURES]
    )
    columns = ("Count", "Operation", "Role", "Kind", "Message", "Sample request id")
    table = _section("Failures", columns, cells)
    left = len(patterns) - MOST_FAILURES
    more = f"{number(left)} more kinds in `failures.csv`." if left > 0 else ""
    return table, more, "\n".join(f"- {markdown(line)}" for line in regularities(report, patterns[:MOST_FAILURES]))


def _suite_errors(groups: Iterable[SuiteErrorGroup]) -> str:
    cells = (
        (number(group.count), markdown(group.place), markdown(group.message), markdown(group.log)) for group in groups
    )
    return _section("Errors of the suite", ("Count", "Place", "Error", "Traceback"), cells)


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A heading and a table; "" without rows."""
    table = markdown_table(columns, rows)
    return f"### {title}\n\n{table}" if table else ""


def append_summary(path: Path, text: str, whole: str) -> str:
    """Append Markdown to the file that $GITHUB_STEP_SUMMARY names, shortened if that would grow too large.

    The shortened text names the `whole` file. Returns "", or a warning if it could not be done: nothing depends on
    this file.
    """
    try:
        # O_NONBLOCK: a pipe that nobody reads would block the run for good.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "wb", buffering=0) as appended:
            most = MOST_BYTES - os.fstat(appended.fileno()).st_size
            content = _fitting(f"\n{text}", whole, most)
            if not content:
                return ReportMessage.STEP_SUMMARY(
                    path=path, why=f"nearly full, at most {number(MOST_BYTES)} bytes fit", whole=whole
                )
            if appended.write(content) < len(content):
                return ReportMessage.STEP_SUMMARY(path=path, why="the summary did not fit", whole=whole)
    except OSError as error:
        return ReportMessage.STEP_SUMMARY(path=path, why=(error.strerror or str(error)).lower(), whole=whole)
    return ""


def _fitting(text: str, whole: str, most: int) -> bytes:
    """The text in at most `most` bytes, cut at the end of a line; b"" if hardly anything would remain."""
    content = text.encode("utf-8", "replace")
    if len(content) <= most:
        return content
    pointer = f"\n\nShortened, because this page has no room for more. The whole summary: `{whole}`.\n".encode()
    cut = content[: max(most - len(pointer), 0)]
    kept = cut[: cut.rfind(b"\n")]
    return kept + pointer if len(kept) >= FEWEST_BYTES else b""
