"""What every text for a terminal is made of, and the short ones: verdict, preflight, several runs side by side.

Everything here returns text; colours only when asked.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perfsuite.format import number, percent
from perfsuite.model import Outcome, PreflightReport, RunReport, Statistics, TargetOutcome, Works
from perfsuite.report.findings import findings_of
from perfsuite.report.text import clean, shortened
from perfsuite.report.wording import LABELS, figure_labels, sentence

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
_WORKS_STYLES = {Works.YES: "green", Works.BROKEN: "bold red", Works.MISSING: "yellow", Works.NO_DATA: "yellow"}


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


def plain_table(*titles: str, no_wrap: bool = False) -> Table:
    """A table without frames; a title that begins with ">" heads a column of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for title in titles:
        table.add_column(title.lstrip(">"), justify="right" if title.startswith(">") else "left", no_wrap=no_wrap)
    return table


def bullet(text: str, style: str = "") -> Padding:
    """An entry of a list; its further lines are indented like the first."""
    entry = Table.grid(padding=(0, 1, 0, 0))
    entry.add_row("–", Text(clean(text), style))
    return Padding(entry, (0, 0, 0, 2))


def load_cells(figures: Statistics) -> tuple[str, str, str, str]:
    """The cells under Requests, Requests/s, Avg ms and p95 ms."""
    return number(figures.requests), number(figures.rps), number(figures.avg_ms), number(figures.p95_ms)


def render_many(reports: Sequence[RunReport], *, width: int = 80, color: bool = False) -> str:
    """Several runs side by side, one line each, with their verdicts."""
    labels = figure_labels("users", "requests", "rps", "avg_ms", "p95_ms", "failure_rate")
    table = plain_table("Scenario", *(f">{label}" for label in labels), "Verdict")
    for report in reports:
        totals, outcome = report.summary.totals, report.verdict.outcome
        table.add_row(
            Text(shortened(report.summary.scenario, 16)),
            number(report.summary.users.peak),
            *load_cells(totals),
            percent(totals.failure_rate),
            Text(LABELS[outcome], OUTCOME_STYLES[outcome]),
        )
    return to_text(table, width=width, color=color)


def render_verdict(report: RunReport, *, width: int = 80, color: bool = False) -> str:
    """One sentence, the reasons, what was unusual at the target, and the verdict."""
    found = findings_of(report)
    lines = [clean(sentence(report)), *(f"- {clean(reason)}" for reason in report.verdict.shown_reasons)]
    lines += [f"- Finding: {each.headline}" for each in found.unusual]
    lines += [f"  {found.left_out}"] if found.left_out else []
    return to_text(Text("\n".join([*lines, f"VERDICT: {LABELS[report.verdict.outcome]}"])), width=width, color=color)


def render_preflight(report: PreflightReport, *, width: int = 80, color: bool = False) -> str:
    """What the target is, a line for every role and operation, and below them the messages in full width."""
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name in ("Role", "Operation", "Route", "Result"):
        table.add_column(name, overflow="fold", no_wrap=name != "Result")
    notes = []
    for check in report.checks:
        route = f"{check.method} {check.path.removeprefix('/api/v1')}"
        table.add_row(check.role, check.operation, route, Text(check.works.value, _WORKS_STYLES.get(check.works, "")))
        messages = (check.message, check.retry_note, check.empty_note, *check.differs)
        notes += [f"{check.role}, {check.operation}: {clean(message)}" for message in messages if message]
    counts = {works: sum(check.works is works for check in report.checks) for works in Works}
    differ = sum(bool(check.differs) for check in report.checks)
    sums = [f"{number(count)} {works.value}" for works, count in counts.items() if count]
    sums += [f"{number(differ)} with other fields than the contract's"] if differ else []
    heading = clean(f"{report.host}: {report.service}{f' {report.version}' if report.version else ''}")
    ending = "\n".join(["", *notes, *([""] if notes else []), ", ".join(sums)])
    first, last = (to_text(Text(text), width=width, color=color) for text in (heading, ending))
    return f"{first}\n{to_text(table, width=max(width, 100), color=color)}{last}"
