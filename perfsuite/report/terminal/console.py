"""The summary of finished runs for a terminal. Returns text; colours only when asked."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perfsuite.format import bound, clock, interval_text, number, percent, plain, plural
from perfsuite.model import ALL, Outcome, Row, RunReport, Statistics, Summary, TargetOutcome, TargetResult
from perfsuite.model.periods import STEADY
from perfsuite.report.baseline import COLUMNS, held_of
from perfsuite.report.evidence import ALWAYS_TITLE, MOST_UNUSUAL, TITLE, Findings, findings_of
from perfsuite.report.failing import operation_of, remarks, role_of
from perfsuite.report.logins import logins_line
from perfsuite.report.published import published_line
from perfsuite.report.terminal.cuts import Shown, left_out, shown_in
from perfsuite.report.text import clean, heading, shortened
from perfsuite.report.wording import (
    LABELS,
    arrival_lines,
    outcome_text,
    sentence,
    suite_errors_line,
    target_title,
    unjudged_reasons,
)

OUTCOME_STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.REGRESSION: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.INTERRUPTED: "bold yellow",
}
TARGET_STYLES = {
    TargetOutcome.MET: "green",
    TargetOutcome.MISSED: "red",
    TargetOutcome.NOT_JUDGED: "yellow",
    TargetOutcome.INFORMATION: "cyan",
}


def render_summary(
    report: RunReport, *, width: int = 80, color: bool = False, folder: Path | None = None, lines: int | None = None
) -> str:
    """The run in lines of at most `width`: by role, targets, failures, findings, reasons, files; last the verdict.

    `folder`: where the files of the run are; left out when None. `lines`: so many fit the screen; what is least
    telling is then left out, and named in a line. Never left out: reasons of the verdict, missed targets.
    """

    def told(shown: Shown) -> str:
        return _render(report, shown, width=width, color=color, folder=folder)

    return told(Shown() if lines is None else shown_in(lines, lambda shown: told(shown).count("\n")))


def _render(report: RunReport, shown: Shown, *, width: int, color: bool, folder: Path | None) -> str:
    summary, verdict = report.summary, report.verdict
    parts: list[RenderableType] = [
        _heading(summary),
        *(shown.blank if shown.all_files else ()),
        *_roles(summary, shown.roles),
    ]
    if shown.logins and (logins := logins_line(report)):
        parts += [Text(logins, "dim")]
    if summary.arrivals:
        parts += [*shown.blank, *(Text(line) for line in arrival_lines(summary))]
    if verdict.targets:
        parts += [*shown.blank, *_targets(verdict.targets, shown)]
    if shown.hint and (published := published_line(report)):
        parts += [*shown.blank, Text(published, "dim")]
    if summary.failures:
        parts += [*shown.blank, *_failures(report, shown.failures)]
    if summary.suite_errors:
        parts += [*shown.blank, Text(suite_errors_line(summary.suite_errors), "yellow")]
    parts += _baseline(report, shown)
    parts += _findings(findings_of(report), shown)
    parts += [*shown.blank, Text(clean(sentence(report)))]
    parts += [bullet(reason) for reason in verdict.shown_reasons]
    if shown.notes:
        parts += [bullet(f"Note: {note}", "dim") for note in verdict.notes]
    if left := left_out(report, shown):
        parts += [Text(f"In the report: {left}", "dim")]
    told = to_text(Group(*parts), width=width, color=color)
    label = Text(LABELS[verdict.outcome], OUTCOME_STYLES[verdict.outcome])
    last = to_text(Text("VERDICT: ").append_text(label), width=width, color=color)
    places = [_whereabouts(folder, shown)] if folder is not None else []
    return ("\n" if shown.all_files else "").join([told, *places, last])


def render_many(reports: Sequence[RunReport], *, width: int = 80, color: bool = False) -> str:
    """Several runs side by side, one line each, with their verdicts."""
    table = plain_table("Scenario", ">Users", ">Requests", ">Requests/s", ">Avg ms", ">p95 ms", ">Failures", "Verdict")
    for report in reports:
        totals, outcome = report.summary.totals, report.verdict.outcome
        table.add_row(
            Text(shortened(report.summary.scenario, 16)),
            f"{number(report.summary.users.peak)}",
            *_load(totals),
            percent(totals.failure_rate),
            Text(LABELS[outcome], OUTCOME_STYLES[outcome]),
        )
    return to_text(table, width=width, color=color)


def to_text(shown: RenderableType, *, width: int, color: bool) -> str:
    """What `shown` looks like on a terminal of that width, without spaces at the ends of lines.

    Nothing is taken from the environment of the process.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        height=24,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")) + "\n"


def outcome_counts(results: Iterable[TargetResult]) -> str:
    """ "3 met, 1 missed, 2 not judged"; outcomes that did not occur are left out; "none" for none."""
    found = [result.outcome for result in results]
    told = [f"{found.count(outcome)} {outcome.value}" for outcome in TargetOutcome if outcome in found]
    return ", ".join(told) or "none"


def _heading(summary: Summary) -> Text:
    steady = f"{clock(summary.steady_s)} steady" if summary.steady_s else "no steady state"
    text = Text(clean(summary.scenario), "bold")
    text.append(clean(f"  {summary.host}  {clock(summary.duration_s)}, {steady}"), "dim")
    return text


def _roles(summary: Summary, most: int | None) -> Iterable[RenderableType]:
    """Users, requests, rate, times and failures by role over the steady state, and the total.

    Where the run ended before its steady state, the figures of the period that it reached. `most`: only so many
    roles, those with the most failures and then the slowest.
    """
    period = _period_shown(summary)
    title = "Role" if period == STEADY else f"Role, {clean(period)}"
    table = plain_table(title, ">Users", ">Requests", ">Requests/s", ">Avg ms", ">p95 ms", ">Failures", ">Success")
    totals = {row.role: row.statistics for row in summary.rows if row.period == period and _is_role_total(row)}
    roles = [role for role in dict.fromkeys([*summary.users.by_role, *totals]) if role != ALL]
    kept = roles if most is None else sorted(roles, key=lambda role: _badness(totals.get(role)), reverse=True)[:most]
    for role in roles:
        if role in kept:
            _add_figures(table, role.replace("_", " "), summary.users.by_role.get(role, 0), totals.get(role))
    _add_figures(table, ALL, summary.users.peak, totals.get(ALL))
    yield table


def _badness(figures: Statistics | None) -> tuple[int, float]:
    return (figures.failures, figures.avg_ms or 0.0) if figures else (0, 0.0)


def _period_shown(summary: Summary) -> str:
    reached = [row.period for row in summary.rows if row.role == ALL and row.statistics.requests]
    return STEADY if summary.totals.requests or not reached else reached[0]


def _is_role_total(row: Row) -> bool:
    return row.behaviour == row.operation == ALL


def _add_figures(table: Table, name: str, users: int, figures: Statistics | None) -> None:
    if figures is None or not figures.requests:
        table.add_row(Text(shortened(name, 16)), f"{number(users)}", "0", *["–"] * 5)
        return
    failed = Text(f"{number(figures.failures)}", "red" if figures.failures else "")
    rate = percent(1 - figures.failures / figures.requests)
    table.add_row(Text(shortened(name, 16)), f"{number(users)}", *_load(figures), failed, rate)


def _load(figures: Statistics) -> tuple[str, str, str, str]:
    return (
        f"{number(figures.requests)}",
        number(figures.rps),
        number(figures.avg_ms),
        number(figures.p95_ms),
    )


def _targets(results: Sequence[TargetResult], shown: Shown) -> Iterable[RenderableType]:
    kept = [result for result in results if shown.all_targets or result.outcome is TargetOutcome.MISSED]
    if kept:
        yield _target_table(kept)
    if len(kept) < len(results):
        yield Text(f"Other targets: {outcome_counts(result for result in results if result not in kept)}", "dim")
    yield from _target_reasons(kept, unjudged=shown.unjudged)


def _target_table(shown: Sequence[TargetResult]) -> Table:
    sure = [">95 % sure"] if any(result.interval for result in shown) else []
    table = plain_table("Target", ">Observed", *sure, ">Limit", "Outcome")
    for result in shown:
        table.add_row(
            Text(target_title(result)),
            plain(result.metric, result.observed),
            *([interval_text(result.metric, result.interval, plain=True)] if sure else []),
            bound(result.metric, result.limit, below=result.below),
            Text(outcome_text(result), "yellow" if result.too_close else TARGET_STYLES[result.outcome]),
        )
    for column in table.columns[1:]:
        column.no_wrap = True
    return table


def _target_reasons(results: Sequence[TargetResult], *, unjudged: bool) -> Iterable[RenderableType]:
    """Each reason once, after the names of the targets that have it: they are too long for a column.

    Those of missed targets are among the reasons of the verdict, those of met ones told where they are too close.
    """
    for result in results:
        if result.too_close and result.outcome is TargetOutcome.MET:
            yield bullet(heading(result.reason), "yellow")
    for reason in unjudged_reasons(results) if unjudged else ():
        yield bullet(reason, "dim")


def _failures(report: RunReport, most: int) -> Iterable[RenderableType]:
    patterns = report.summary.failure_patterns
    table = plain_table(">Failures", "Operation", "Role", "What")
    for pattern in patterns[:most]:
        table.add_row(
            f"{number(pattern.count)}",
            Text(shortened(operation_of(pattern), 24)),
            Text(shortened(role_of(pattern), 16)),
            Text(clean(pattern.what), no_wrap=True, overflow="ellipsis"),
        )
    yield table
    yield from (bullet(remark, "dim") for remark in remarks(report, patterns[:most]))
    if len(patterns) > most:
        yield Text(f"and {plural(len(patterns) - most, 'more kind')} in failures.csv", "dim")


def _baseline(report: RunReport, shown: Shown) -> list[RenderableType]:
    """What changed against the baseline; that which is worse is told once more among the reasons."""
    if report.comparison is None:
        return []
    held = held_of(report.comparison)
    told = Text(f"Against {held.name}: {held.headline}", "red" if held.regressed else "")
    parts: list[RenderableType] = [*shown.blank, told]
    if held.lines and shown.changes:
        table = plain_table(*COLUMNS)
        for line in held.lines[: shown.changes]:
            table.add_row(*map(Text, line.cells), style="red" if line.worse else "")
        parts.append(table)
    if (left := len(held.lines) - shown.changes) > 0:
        parts.append(Text(f"and {number(left)} more in summary.json", "dim"))
    return parts


def _findings(found: Findings, shown: Shown) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if found.unusual and shown.findings:
        parts += [*shown.blank, Text(TITLE, "dim")]
    for told in found.unusual[: shown.findings]:
        parts.append(bullet(told.headline))
        parts += [Padding(Text(line, "dim"), (0, 0, 0, 6)) for line in told.evidence if shown.evidence]
    if found.left_out and shown.findings == MOST_UNUSUAL:
        parts.append(Padding(Text(found.left_out, "dim"), (0, 0, 0, 4)))
    if found.always and shown.always:
        parts += [*shown.blank, Text(ALWAYS_TITLE, "dim"), *map(bullet, found.always)]
    if found.note and shown.hint:
        parts += [*shown.blank, Text(found.note, "dim")]
    return parts


def bullet(text: str, style: str = "") -> Padding:
    """A line of a list; what does not fit hangs below its beginning."""
    hanging = Table.grid(padding=(0, 1, 0, 0))
    hanging.add_row("–", Text(clean(text), style))
    return Padding(hanging, (0, 0, 0, 2))


def _whereabouts(folder: Path, shown: Shown) -> str:
    """Paths are whole, each on a line of its own however long, so that they can be opened or copied."""
    report = f"Report   {folder / 'report.html'}\n"
    return f"{report}Figures  {folder / 'summary.json'}, stats.csv, failures.csv\n" if shown.all_files else report


def plain_table(*titles: str) -> Table:
    """A table without frames; a title that begins with ">" heads a column of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for title in titles:
        table.add_column(title.lstrip(">"), justify="right" if title.startswith(">") else "left")
    return table
