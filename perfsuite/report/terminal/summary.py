"""The summary of a finished run for a terminal, cut to what fits the screen if asked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perfsuite.format import CI, UNKNOWN, bound, clock, duration, interval_text, number, percent, plain, plural
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import ALL, Row, RunReport, Statistics, Summary, TargetOutcome, TargetResult
from perfsuite.model.periods import STEADY
from perfsuite.model.stages import load_text
from perfsuite.report.comparison import COLUMNS, summarize_comparison
from perfsuite.report.correctness import correctness_line, first_to_replay, replay_command
from perfsuite.report.findings import ALWAYS_TITLE, MOST_UNUSUAL, TITLE, FindingTexts, findings_of
from perfsuite.report.published import published_line
from perfsuite.report.stability import STABILITY_TITLE, stability_lines
from perfsuite.report.stages import recovery_lines
from perfsuite.report.terminal.capacity import level_parts, remark_parts
from perfsuite.report.terminal.console import OUTCOME_STYLES, TARGET_STYLES, bullet, load_cells, plain_table, to_text
from perfsuite.report.text import clean, heading, shortened
from perfsuite.report.wording import (
    LABELS,
    arrival_lines,
    count_outcomes,
    figure_labels,
    generator_line,
    logins_line,
    operation_of,
    outcome_counts,
    outcome_text,
    regularities,
    role_of,
    sentence,
    suite_errors_line,
    target_title,
    title_of,
    unjudged_reasons,
)

MOST_FAILURES = 5
MOST_CHANGES = 10
_ROLE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown. `roles`: how many, None for all; `evidence`: the figures behind findings; `always`: where the
    time goes; `unjudged`: why targets could not be judged; `hint`: what could have been monitored;
    `logins`: the lines of the ramp-up logins and of the generator; `levels`, `remarks`: of a search, how many levels,
    and what goes with its answer.
    """

    evidence: bool = True
    always: bool = True
    hint: bool = True
    notes: bool = True
    unjudged: bool = True
    all_files: bool = True
    all_targets: bool = True
    findings: int = MOST_UNUSUAL
    failures: int = MOST_FAILURES
    changes: int = MOST_CHANGES
    roles: int | None = None
    levels: int | None = None
    remarks: bool = True
    logins: bool = True
    stability: bool = True
    correctness: bool = True
    airy: bool = True

    @property
    def blank(self) -> tuple[str, ...]:
        """The empty line between two parts."""
        return ("",) if self.airy else ()


CUTS: tuple[dict[str, Any], ...] = (
    {"hint": False},
    {"logins": False},
    {"evidence": False},
    {"always": False},
    {"unjudged": False},
    {"notes": False},
    {"remarks": False},
    {"findings": 3},
    {"all_files": False},
    {"failures": 2},
    {"changes": 3},
    {"findings": 1},
    {"correctness": False},
    {"stability": False},
    {"levels": 5},
    {"roles": 3},
    {"all_targets": False},
    {"roles": 1},
    {"airy": False},
    {"findings": 0},
    {"changes": 0},
    {"roles": 0},
)
"""The cuts, the least important part first; each applies on top of those before it."""


def render_summary(
    report: RunReport, *, width: int = 80, color: bool = False, folder: Path | None = None, lines: int | None = None
) -> str:
    """The run in lines of at most `width`: by role, targets, failures, findings, reasons, files; last the verdict.

    `folder`: where the files of the run are; left out when None. `lines`: how many fit the screen; the least
    important parts are then left out, and named in a line. Never left out: reasons of the verdict, missed targets.
    """

    def text(shown: Shown) -> str:
        return _render(report, shown, width=width, color=color, folder=folder)

    return text(Shown() if lines is None else _shown_in(lines, lambda shown: text(shown).count("\n")))


def _shown_in(lines: int, height: Callable[[Shown], int]) -> Shown:
    """What fits so many lines, measured by `height`: as few cuts as possible, the later ones undone first."""
    fits = bisect_left(range(len(CUTS)), True, key=lambda cuts: height(_shown_after(range(cuts))) <= lines)
    made = list(range(fits))
    for cut in reversed(made):
        fewer = [other for other in made if other != cut]
        if height(_shown_after(fewer)) <= lines:
            made = fewer
    return _shown_after(made)


def _shown_after(cuts: Iterable[int]) -> Shown:
    shown = Shown()
    for cut in cuts:
        shown = replace(shown, **CUTS[cut])
    return shown


def _render(report: RunReport, shown: Shown, *, width: int, color: bool, folder: Path | None) -> str:
    summary, verdict = report.summary, report.verdict
    parts: list[RenderableType] = [*_heading(report), *(shown.blank if shown.all_files else ())]
    parts += _figures(report, shown)
    if shown.logins and (logins := logins_line(report)):
        parts += [Text(logins, "dim")]
    if shown.logins and (generator := generator_line(summary)):
        parts += [Text(generator, "dim")]
    if summary.arrivals:
        parts += [*shown.blank, *map(Text, arrival_lines(summary))]
    if verdict.targets:
        parts += [*shown.blank, *_targets(verdict.targets, shown)]
    if shown.hint and (published := published_line(report)):
        parts += [*shown.blank, Text(published, "dim")]
    if summary.failures:
        parts += [*shown.blank, *_failures(report, shown.failures)]
    if summary.suite_errors:
        parts += [*shown.blank, Text(suite_errors_line(summary.suite_errors), "yellow")]
    if shown.correctness and (checked := correctness_line(summary.correctness)):
        parts += [*shown.blank, Text(checked, "red" if summary.correctness and summary.correctness.violations else "")]
    parts += _baseline(report, shown)
    parts += _findings(findings_of(report), shown)
    parts += _stability(report, shown)
    parts += [*shown.blank, Text(clean(sentence(report))), *map(bullet, verdict.shown_reasons)]
    if shown.notes:
        parts += [bullet(f"Note: {note}", "dim") for note in verdict.notes]
    if left := ", ".join(_left_out(report, shown)):
        parts += [Text(f"In the report: {left}", "dim")]
    label = Text(LABELS[verdict.outcome], OUTCOME_STYLES[verdict.outcome])
    last = to_text(Text("VERDICT: ").append_text(label), width=width, color=color)
    files = [_files(folder, shown, report)] if folder is not None else []
    return ("\n" if shown.all_files else "").join([to_text(Group(*parts), width=width, color=color), *files, last])


def _figures(report: RunReport, shown: Shown) -> Iterator[RenderableType]:
    """By role and stage; of a search by level, with what goes with its answer."""
    if report.capacity is not None:
        yield from level_parts(report, shown.levels)
        if shown.remarks:
            yield from remark_parts(report)
        return
    yield _roles(report.summary, shown.roles)
    if report.summary.stages:
        yield from (*shown.blank, *_stages(report.summary))


def _left_out(report: RunReport, shown: Shown) -> Iterator[str]:
    """What the run has and is not shown, in words."""
    found = findings_of(report)
    unusual = len(found.unusual)
    if shown.findings < unusual:
        yield plural(unusual - shown.findings + found.more, "finding")
    elif found.unusual and not shown.evidence:
        yield "evidence"
    if found.always and not shown.always:
        yield "where the time goes"
    if (unjudged := count_outcomes(report)[TargetOutcome.NOT_JUDGED]) and not (shown.unjudged and shown.all_targets):
        yield f"why {plural(unjudged, 'target was', 'targets were')} not judged"
    if report.summary.correctness and not shown.correctness:
        yield "what was checked"
    if report.stability and not shown.stability:
        yield "stability"
    if report.verdict.notes and not shown.notes:
        yield plural(len(report.verdict.notes), "note")
    if shown.roles is not None:
        yield "more roles"


def _heading(report: RunReport) -> Iterator[Text]:
    summary, work = report.summary, report.plan.scenario.work_text
    steady = f"{clock(summary.steady_s)} steady" if summary.steady_s else "no steady state"
    text = Text(title_of(report), "bold")
    yield text.append(clean(f"  {summary.host}  {clock(summary.duration_s)}, {steady}"), "dim")
    if work:
        yield Text(clean(work), "dim", no_wrap=True, overflow="ellipsis")


def _roles(summary: Summary, most: int | None) -> Table:
    """Users, requests, rate, times and failures by role over the steady state, and the total.

    If the run ended before its steady state, the figures of the period that it reached. `most`: only so many roles,
    those with the most failures and then the slowest.
    """
    reached = [row.period for row in summary.rows if row.role == ALL and row.statistics.requests]
    period = STEADY if summary.totals.requests or not reached else reached[0]
    title = "Role" if period == STEADY else f"Role, {clean(period)}"
    labels = figure_labels("users", "requests", "rps", "avg_ms", "p95_ms", "failures")
    table = plain_table(title, *(f">{label}" for label in (*labels, "Success")))
    totals = {row.role: row.statistics for row in summary.rows if row.period == period and _is_role_total(row)}
    roles = [role for role in dict.fromkeys([*summary.users.by_role, *totals]) if role != ALL]
    kept = roles if most is None else sorted(roles, key=lambda role: _severity(totals.get(role)), reverse=True)[:most]
    for role in roles:
        if role in kept:
            users = summary.users.by_role.get(role, 0)
            table.add_row(*_role_cells(role.replace("_", " "), users, totals.get(role)))
    table.add_row(*_role_cells(ALL, summary.users.peak, totals.get(ALL)))
    return table


def _stages(summary: Summary) -> Iterable[RenderableType]:
    """A line for each stage: the figures of its steady part, or of all of it where it has none."""
    labels = figure_labels("requests", "rps", "avg_ms", "p95_ms", "failures")
    table = plain_table("Stage", "Load", ">Over", *(f">{label}" for label in labels))
    for stage in summary.stages:
        failures = stage.statistics.failures
        table.add_row(
            Text(shortened(stage.name, _ROLE_LENGTH)),
            load_text(stage.span),
            duration(stage.seconds.length_s),
            *load_cells(stage.statistics),
            Text(number(failures), "red" if failures else ""),
        )
    yield table
    yield from (bullet(line) for line in recovery_lines(summary))


def _severity(figures: Statistics | None) -> tuple[int, float]:
    return (figures.failures, figures.avg_ms or 0.0) if figures else (0, 0.0)


def _is_role_total(row: Row) -> bool:
    return row.behaviour == row.operation == ALL


def _role_cells(name: str, users: int, figures: Statistics | None) -> Sequence[str | Text]:
    cells = (Text(shortened(name, _ROLE_LENGTH)), number(users))
    if figures is None or not figures.requests:
        return *cells, "0", *[UNKNOWN] * 5
    failures = Text(number(figures.failures), "red" if figures.failures else "")
    return *cells, *load_cells(figures), failures, percent(1 - figures.failures / figures.requests)


def _targets(results: Sequence[TargetResult], shown: Shown) -> Iterable[RenderableType]:
    """The table, and each reason once below it: reasons are too long for a column.

    The reasons of missed targets are among those of the verdict; that of a met one is shown if it is too close.
    """
    kept = [result for result in results if shown.all_targets or result.outcome is TargetOutcome.MISSED]
    if kept:
        yield _target_table(kept)
    if others := [result for result in results if result not in kept]:
        yield Text(f"Other targets: {outcome_counts(others)}", "dim")
    for result in kept:
        if result.too_close and result.outcome is TargetOutcome.MET:
            yield bullet(heading(result.reason), "yellow")
    for reason in unjudged_reasons(kept) if shown.unjudged else ():
        yield bullet(reason, "dim")


def _target_table(results: Sequence[TargetResult]) -> Table:
    interval = [f">{CI}"] if any(result.interval for result in results) else []
    table = plain_table("Target", ">Observed", *interval, ">Limit", "Outcome")
    for result in results:
        table.add_row(
            Text(target_title(result)),
            plain(result.metric, result.observed),
            *([interval_text(result.metric, result.interval, plain=True)] if interval else []),
            bound(result.metric, result.limit, below=result.below),
            Text(outcome_text(result), "yellow" if result.too_close else TARGET_STYLES[result.outcome]),
        )
    for column in table.columns[1:]:
        column.no_wrap = True
    return table


def _failures(report: RunReport, most: int) -> Iterable[RenderableType]:
    patterns = report.summary.failure_patterns
    table = plain_table(">Failures", "Operation", "Role", "Message")
    for pattern in patterns[:most]:
        table.add_row(
            number(pattern.count),
            Text(shortened(operation_of(pattern), 24)),
            Text(shortened(role_of(pattern), _ROLE_LENGTH)),
            Text(clean(pattern.what), no_wrap=True, overflow="ellipsis"),
        )
    yield table
    yield from (bullet(line, "dim") for line in regularities(report, patterns[:most]))
    if len(patterns) > most:
        yield Text(f"and {plural(len(patterns) - most, 'more kind')} in failures.csv", "dim")


def _baseline(report: RunReport, shown: Shown) -> list[RenderableType]:
    """What changed compared with the baseline; what became worse is among the reasons as well."""
    if report.comparison is None:
        return []
    found = summarize_comparison(report.comparison)
    headline = f"Compared with {found.name}: {found.headline}"
    parts: list[RenderableType] = [*shown.blank, Text(headline, "red" if found.regressed else "")]
    if found.changed and shown.changes:
        table = plain_table(*COLUMNS)
        for each in found.changed[: shown.changes]:
            table.add_row(*map(Text, each.cells), style="red" if each.worse else "")
        parts.append(table)
    if (left := len(found.changed) - shown.changes) > 0:
        parts.append(Text(f"and {number(left)} more in summary.json", "dim"))
    return parts


def _findings(found: FindingTexts, shown: Shown) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if found.unusual and shown.findings:
        parts += [*shown.blank, Text(TITLE, "dim")]
    for each in found.unusual[: shown.findings]:
        parts.append(bullet(each.headline))
        parts += [Padding(Text(line, "dim"), (0, 0, 0, 6)) for line in each.evidence if shown.evidence]
    if found.left_out and shown.findings == MOST_UNUSUAL:
        parts.append(Padding(Text(found.left_out, "dim"), (0, 0, 0, 4)))
    if found.always and shown.always:
        parts += [*shown.blank, Text(ALWAYS_TITLE, "dim"), *map(bullet, found.always)]
    if found.note and shown.hint:
        parts += [*shown.blank, Text(found.note, "dim")]
    return parts


def _stability(report: RunReport, shown: Shown) -> list[RenderableType]:
    lines = list(stability_lines(report)) if shown.stability else []
    return [*shown.blank, Text(STABILITY_TITLE, "dim"), *map(bullet, lines)] if lines else []


def _files(folder: Path, shown: Shown, report: RunReport) -> str:
    """Each path whole, on a line of its own however long, so that it can be opened or copied."""
    lines = [f"Report   {folder / 'report.html'}"]
    if shown.all_files:
        lines += [f"Figures  {folder / 'summary.json'}, stats.csv, failures.csv"]
    found = report.summary.correctness
    if shown.all_files and found is not None and found.violations:
        first = first_to_replay(found.violations)
        never = ReplayMessage.NEVER(why=first.no_replay)
        lines += [f"Replay   {replay_command(report.plan, str(folder), first) or never}"]
    return "".join(f"{line}\n" for line in lines)
