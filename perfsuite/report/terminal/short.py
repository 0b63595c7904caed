"""Short texts for the terminal: the verdict alone, and the table of preflight."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from perfsuite.model import PreflightReport, RunReport, Works
from perfsuite.report.evidence import findings_of
from perfsuite.report.terminal.console import to_text
from perfsuite.report.text import clean
from perfsuite.report.wording import sentence

_STYLES = {Works.YES: "green", Works.BROKEN: "bold red", Works.MISSING: "yellow", Works.NO_DATA: "yellow"}


def render_verdict(report: RunReport, *, width: int = 80, color: bool = False) -> str:
    """One sentence, the reasons, what was unusual at the target, and the verdict."""
    lines = [clean(sentence(report)), *(f"- {clean(reason)}" for reason in report.verdict.shown_reasons)]
    found = findings_of(report)
    lines += [f"- Finding: {told.headline}" for told in found.unusual]
    lines += [f"  {found.left_out}"] if found.left_out else []
    lines.append(f"VERDICT: {report.verdict.outcome.value.upper()}")
    return to_text(Text("\n".join(lines)), width=width, color=color)


def render_preflight(report: PreflightReport, *, width: int = 80, color: bool = False) -> str:
    """What the target is, and a line for every role and operation."""
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name in ("Role", "Operation", "Route", "Result"):
        table.add_column(name, overflow="fold", no_wrap=name != "Result")
    for check in report.checks:
        table.add_row(
            check.role,
            check.operation,
            f"{check.method} {check.path.removeprefix('/api/v1')}",
            Text(check.works.value, _STYLES.get(check.works, "")),
        )
    # Below the table, where a message has the whole width.
    told = (
        (check, message)
        for check in report.checks
        for message in (check.message, check.retry_note, check.empty_note, *check.differs)
    )
    notes = [f"{check.role}, {check.operation}: {clean(message)}" for check, message in told if message]
    version = f" {report.version}" if report.version else ""
    counts = {works: sum(check.works is works for check in report.checks) for works in Works}
    differ = sum(bool(check.differs) for check in report.checks)
    sums = [f"{count} {works.value}" for works, count in counts.items() if count]
    sums += [f"{differ} with other fields than the contract's"] if differ else []
    heading = to_text(Text(f"{report.host}: {clean(report.service)}{clean(version)}"), width=width, color=color)
    ending = to_text(Text("\n".join(["", *notes, *([""] if notes else []), ", ".join(sums)])), width=width, color=color)
    return f"{heading}\n{to_text(table, width=max(width, 100), color=color)}{ending}"
