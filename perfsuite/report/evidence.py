"""Findings as lines of text, the same for the terminal, Markdown and JUnit: evidence to weigh, never a cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.format import change, clock, duration, number, utc
from perfsuite.model import RunReport, Summary
from perfsuite.model.finding import COMPARED_FROM_S, Evidence, Finding
from perfsuite.report.monitored import monitored
from perfsuite.report.text import clean

MOST_UNUSUAL = 5
MOST_EVIDENCE = 3
TITLE = "Findings (evidence of where to look, not causes)"
ALWAYS_TITLE = "Where the time goes"
NOT_WATCHED = (
    "Nothing was watched at the target: --monitor-server, --monitor-postgres, --monitor-redis and "
    "--monitor-prometheus tell what it was short of."
)
NOTHING_UNUSUAL = "Findings: nothing unusual in what was monitored"
"""What follows names the parts."""
_TOO_SHORT = "The steady state of {} is too short to compare answers over time."


@dataclass(frozen=True, slots=True)
class Told:
    """One finding to show: its sentence, and the figures behind it, the most telling first."""

    headline: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run shows, in reading order. `more`: how many unusual ones are left out; `always`: where the time goes.

    `note`: one line where nothing unusual was found, and where something was not monitored; "" where there is none.
    """

    unusual: tuple[Told, ...]
    more: int
    always: tuple[str, ...]
    note: str

    @property
    def left_out(self) -> str:
        """ "and 2 more in the report"; "" where all are there."""
        return f"and {number(self.more)} more in the report" if self.more else ""


def findings_of(report: RunReport) -> Findings:
    """The findings of a run as text, on one line each and printable."""
    start_s = started_s(report.summary)
    unusual = [finding for finding in report.findings if finding.unusual]
    return Findings(
        unusual=tuple(_told(finding, start_s) for finding in unusual[:MOST_UNUSUAL]),
        more=max(len(unusual) - MOST_UNUSUAL, 0),
        always=tuple(clean(finding.headline) for finding in report.findings if not finding.unusual),
        note=_note(report, unusual),
    )


def started_s(summary: Summary) -> int | None:
    """The UTC second from which times since the start count; None where no second was recorded."""
    return summary.seconds[0].second if summary.seconds else None


def evidence_text(evidence: Evidence, start_s: int | None) -> str:
    """ "sessions blocked by another session: 0 → 5, at 00:35"; the time of day where the start is not known."""
    told = f"{clean(evidence.label)}: {change(evidence.before, evidence.after, evidence.unit)}"
    if evidence.at_s is None:
        return told
    at = f"{utc(evidence.at_s)[11:19]} UTC" if start_s is None else clock(evidence.at_s - start_s)
    return f"{told}, at {at}"


def _told(finding: Finding, start_s: int | None) -> Told:
    shown = finding.evidence[:MOST_EVIDENCE]
    return Told(clean(finding.headline), tuple(evidence_text(evidence, start_s) for evidence in shown))


def _note(report: RunReport, unusual: Sequence[Finding]) -> str:
    """Nothing unusual covers only what was monitored."""
    found = monitored(report)
    when = "in the steady state" if report.summary.steady_s else "in the run"
    silent = f"Not monitored, since no reading came {when}: {', '.join(found.silent)}." if found.silent else ""
    if not found.parts:
        return silent or NOT_WATCHED
    if unusual or not report.summary.steady_s:
        return silent
    short = "" if report.summary.steady_s >= COMPARED_FROM_S else _TOO_SHORT.format(duration(report.summary.steady_s))
    return " ".join(filter(None, (f"{NOTHING_UNUSUAL}: {', '.join(found.parts)}.", short, silent)))
