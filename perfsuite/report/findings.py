"""Findings as lines of text, the same in every report: evidence to weigh, never a cause; and what was monitored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.format import change, clock, duration, number, time_of_day
from perfsuite.model import RunReport, Summary
from perfsuite.model.finding import COMPARED_FROM_S, Evidence, Finding
from perfsuite.model.monitor import METRICS
from perfsuite.model.readings import metrics_of, within
from perfsuite.report.text import clean

MOST_UNUSUAL = 5
MOST_EVIDENCE = 3
TITLE = "Findings (evidence of where to look, not causes)"
ALWAYS_TITLE = "Where the time goes"
NOT_MONITORED = (
    "Nothing was monitored at the target: --monitor-server, --monitor-postgres, --monitor-redis and "
    "--monitor-prometheus show which resource was short."
)
NOTHING_UNUSUAL = "Findings: nothing unusual in the monitored parts"
"""Followed by the names of the parts."""

_PARTS = {
    "server": "server",
    "machine": "machine",
    "application": "application",
    "pool": "connection pool",
    "postgres": "PostgreSQL",
    "redis": "Redis",
}
_OF_GENERATOR = "machine.tcp_"
"""Readings of the load generator's machine, wherever the target runs."""


@dataclass(frozen=True, slots=True)
class FindingText:
    """One finding: its sentence, and the figures behind it, the most important first."""

    headline: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingTexts:
    """What a report shows, in reading order. `more`: unusual findings left out; `always`: where the time goes.

    `note`: one line if nothing unusual was found or something was not monitored; else "".
    """

    unusual: tuple[FindingText, ...]
    more: int
    always: tuple[str, ...]
    note: str

    @property
    def left_out(self) -> str:
        """ "and 2 more in the report"; "" if all are there."""
        return f"and {number(self.more)} more in the report" if self.more else ""


def findings_of(report: RunReport) -> FindingTexts:
    """The findings of a run, each on one line and printable."""
    start_s = started_s(report.summary)
    unusual = [finding for finding in report.findings if finding.unusual]
    return FindingTexts(
        unusual=tuple(_text(finding, start_s) for finding in unusual[:MOST_UNUSUAL]),
        more=max(len(unusual) - MOST_UNUSUAL, 0),
        always=tuple(clean(finding.headline) for finding in report.findings if not finding.unusual),
        note=_note(report, unusual),
    )


def started_s(summary: Summary) -> int | None:
    """The UTC second from which times since the start count; None if no second was recorded."""
    return summary.seconds[0].second if summary.seconds else None


def evidence_text(evidence: Evidence, start_s: int | None) -> str:
    """ "sessions blocked by another session: 0 → 5, at 00:35"; the time of day if the start is not known."""
    text = f"{clean(evidence.label)}: {change(evidence.before, evidence.after, evidence.unit)}"
    if evidence.at_s is None:
        return text
    return f"{text}, at {time_of_day(evidence.at_s) if start_s is None else clock(evidence.at_s - start_s)}"


def _text(finding: Finding, start_s: int | None) -> FindingText:
    shown = finding.evidence[:MOST_EVIDENCE]
    return FindingText(clean(finding.headline), tuple(evidence_text(evidence, start_s) for evidence in shown))


def _note(report: RunReport, unusual: Sequence[Finding]) -> str:
    """ "Nothing unusual" covers only what was monitored."""
    found, steady_s = monitored_parts(report), report.summary.steady_s
    when = "in the steady state" if steady_s else "in the run"
    silent = f"Not monitored, because no reading came {when}: {', '.join(found.silent)}." if found.silent else ""
    if not found.parts:
        return silent or NOT_MONITORED
    if unusual or not steady_s:
        return silent
    short = f"The steady state of {duration(steady_s)} is too short to compare responses over time."
    parts = (f"{NOTHING_UNUSUAL}: {', '.join(found.parts)}.", short if steady_s < COMPARED_FROM_S else "", silent)
    return " ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class MonitoredParts:
    """Parts of the target by name. `silent`: a source was asked for them and gave no reading during the load."""

    parts: tuple[str, ...]
    silent: tuple[str, ...]


def monitored_parts(report: RunReport) -> MonitoredParts:
    """Over the steady state, or the whole run if there was none. That a part answers (`….up`) is not monitoring."""
    summary, during = report.summary, report.readings
    if summary.steady_start is not None and summary.steady_end is not None:
        during = within(during, summary.steady_start, summary.steady_end)
    asked = {_part_of(metric) for metric in metrics_of(report.readings)}
    read = {_part_of(metric) for metric in metrics_of(during, known=True)}
    return MonitoredParts(_named(read), _named(asked - read))


def _part_of(metric: str) -> str:
    """The part of the target that it belongs to; "" for none."""
    part = METRICS[metric].component if metric in METRICS else metric.partition(".")[0]
    if metric.endswith(".up") or metric.startswith(_OF_GENERATOR) or part not in _PARTS:
        return ""
    return part


def _named(parts: set[str]) -> tuple[str, ...]:
    return tuple(name for part, name in _PARTS.items() if part in parts)
