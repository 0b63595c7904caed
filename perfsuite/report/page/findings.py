"""Findings as the page shows them, and the highlights at its top."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perfsuite.format import NO_ANSWER, change, clock, quantity, utc
from perfsuite.messages.page import PageMessage
from perfsuite.model import FailureGroup, FailureKind, RunReport
from perfsuite.model.failures import MANY_OPERATIONS
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.report.findings import NOT_MONITORED, findings_of, started_s
from perfsuite.report.page.timeline import ChartTimeline
from perfsuite.report.text import clean, shortened

_ROWS_SHOWN = 4
_INTO_THE_RUN = re.compile(r", (?:[\d,.]+ (?:s|min|h) )+into the run\b")
"""Follows a time of day in headlines; superfluous here, where every time counts from the start of the run."""
_THROUGHOUT = "throughout the steady state"
_WITHOUT_LOAD = "measured without load"
_MAX_HIGHLIGHTS = 2
_LONGEST_MESSAGE = 120
_LONGEST_SENTENCE = 300
_MIN_FAILURES = 3
"""One or two failures say little about an operation."""
_KIND_LABELS = {FindingKind.ONSET: "left its normal range"}
"""Kinds whose value in summary.json does not read well."""
_TABLES = {
    FindingKind.SLOWEST: "operations",
    FindingKind.ROLE: "roles",
    FindingKind.OUTSIDE: "time",
    FindingKind.COST: "cost",
    FindingKind.CHANGE: "cost",
}
"""Kind of finding → the table that shows its figures."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One figure. `anchor`: the chart or table that shows it, or ""; `curve`: the id of its line, or "".

    `at`: time since the start; `at_percent`: its position in the charts, None for the whole steady state.
    """

    label: str
    before: str
    after: str
    at: str
    at_percent: float | None
    anchor: str
    curve: str


@dataclass(frozen=True, slots=True)
class FindingCard:
    """One finding. `about`: resource, kind and time in a few words; `rows` are shown, `more` is folded."""

    number: int
    headline: str
    about: tuple[str, ...]
    anchor: str
    rows: tuple[EvidenceRow, ...]
    more: tuple[EvidenceRow, ...]


@dataclass(frozen=True, slots=True)
class FindingsSection:
    """The findings of a run. `always`: where the time goes, each with a table for details.

    `note`: says that nothing unusual was found, or what is not covered; `not_monitored`: that nothing was monitored.
    """

    cards: tuple[FindingCard, ...]
    always: tuple[FindingCard, ...]
    note: str
    not_monitored: str

    @property
    def any(self) -> bool:
        """True if there is anything to show."""
        return bool(self.cards or self.always or self.note or self.not_monitored)


def findings_section(report: RunReport, timeline: ChartTimeline | None, tables: Iterable[str]) -> FindingsSection:
    """The findings of a run. `tables`: the names of the page's tables, which a finding may refer to."""
    start_s, known = started_s(report.summary), frozenset(tables)
    builder = _CardBuilder(start_s, timeline, known)
    unusual = [finding for finding in report.findings if finding.unusual]
    others = [finding for finding in report.findings if not finding.unusual]
    note = findings_of(report).note
    return FindingsSection(
        cards=tuple(builder.card(number, finding) for number, finding in enumerate(unusual, 1)),
        always=tuple(builder.card(0, finding) for finding in others),
        note="" if note == NOT_MONITORED else note,
        not_monitored=note if note == NOT_MONITORED else "",
    )


@dataclass(frozen=True, slots=True)
class _CardBuilder:
    start_s: int | None
    timeline: ChartTimeline | None
    tables: frozenset[str]

    def card(self, number: int, finding: Finding) -> FindingCard:
        rows = tuple(self._rows(finding))
        table = _TABLES.get(finding.kind, "")
        anchor = table if table in self.tables else next((row.anchor for row in rows if row.anchor), "")
        about = tuple(filter(None, self._about(finding)))
        return FindingCard(number, self._headline(finding), about, anchor, rows[:_ROWS_SHOWN], rows[_ROWS_SHOWN:])

    def _about(self, finding: Finding) -> Iterable[str]:
        if not finding.unusual:
            return
        yield clean(finding.resource)
        if finding.kind is not FindingKind.INCIDENT:  # its headline has the duration
            yield _KIND_LABELS.get(finding.kind, finding.kind.value)
        if finding.at_s is not None:
            yield f"from {self._since(finding.at_s)}"
        else:
            yield _WITHOUT_LOAD if finding.kind in (FindingKind.COST, FindingKind.CHANGE) else _THROUGHOUT

    def _headline(self, finding: Finding) -> str:
        """The headline, with times of day converted to times since the start."""
        text = clean(finding.headline)
        for at_s in {finding.at_s, *(evidence.at_s for evidence in finding.evidence)}:
            if at_s is not None and self.start_s is not None:
                text = text.replace(_time_of_day(at_s), clock(at_s - self.start_s))
        return _INTO_THE_RUN.sub("", text)

    def _since(self, at_s: int) -> str:
        return _time_of_day(at_s) if self.start_s is None else clock(at_s - self.start_s)

    def _rows(self, finding: Finding) -> Iterable[EvidenceRow]:
        drawn: set[str] = set()
        for evidence in finding.evidence:
            row = self._row(finding, evidence)
            # Two figures with the same line would seem to have the same values.
            yield replace(row, curve="") if row.curve in drawn else row
            drawn.add(row.curve)

    def _row(self, finding: Finding, evidence: Evidence) -> EvidenceRow:
        shown = self.timeline.anchor_of(evidence) if self.timeline and finding.unusual else None
        table = _TABLES.get(finding.kind, "")
        anchor = shown.anchor if shown else table if table in self.tables else ""
        at_percent = None
        if evidence.at_s is not None and self.timeline:
            at_percent = self.timeline.axis.at(evidence.at_s - self.timeline.start_s)
        return EvidenceRow(
            label=clean(evidence.label),
            before="" if evidence.before is None else quantity(evidence.before, evidence.unit),
            after=quantity(evidence.after, evidence.unit, unknown=NO_ANSWER),
            at="" if evidence.at_s is None else self._since(evidence.at_s),
            at_percent=at_percent,
            anchor=anchor,
            curve=shown.curve if shown else "",
        )


def _time_of_day(second: int) -> str:
    return f"{utc(second)[11:19]} UTC"


@dataclass(frozen=True, slots=True)
class Highlight:
    """One sentence, and the anchor of its evidence."""

    text: str
    anchor: str


def highlights_of(report: RunReport, findings: FindingsSection) -> tuple[Highlight, ...]:
    """At most two findings, then one sentence about failures; () without either."""
    unusual = [finding for finding in report.findings if finding.unusual]
    pairs = list(zip(findings.cards, unusual, strict=True))
    # Changes in response times and failures come first: they explain the verdict.
    pairs.sort(key=lambda pair: pair[1].kind is not FindingKind.ONSET)
    sentences = [
        Highlight(card.headline + _own_change(finding), f"finding-{card.number}")
        for card, finding in pairs[:_MAX_HIGHLIGHTS]
    ]
    failures = failures_in_short(report)
    return (*sentences, Highlight(f"{failures}.", "failures-title")) if failures else tuple(sentences)


def _own_change(finding: Finding) -> str:
    """ "; users.me as policyholder: 6 ms → 980 ms": how much slower the operation of a finding became.

    "" if the headline says so already. A finding about failures may name an operation that only became slower.
    """
    head = f"{finding.operation} as "
    for each in finding.evidence:
        if finding.operation and each.metric == "avg_ms" and each.label.startswith(head) and each.before is not None:
            who, slower = each.label.partition(":")[0], change(each.before, each.after, each.unit)
            if slower in finding.headline:
                return ""
            also = "also " if finding.evidence[0].metric == "failure_rate" else ""
            return clean(f"; {also}{who}: {slower}")
    return ""


def _count(groups: Iterable[FailureGroup]) -> int:
    return sum(group.count for group in groups)


def failures_in_short(report: RunReport) -> str | None:
    """The operation that failed most often, since when, and its most frequent failure; None without failures.

    A pattern across many operations instead, if it explains at least half of the failures.
    """
    summary = report.summary
    groups = [group for group in summary.failures if group.kind != FailureKind.GENERATOR]  # reasons name these
    patterns = [pattern for pattern in summary.failure_patterns if pattern.kind != FailureKind.GENERATOR]
    if not groups:
        return None
    if patterns and len(patterns[0].operations) >= MANY_OPERATIONS and 2 * patterns[0].count >= _count(groups):
        return shortened(patterns[0].sentence, _LONGEST_SENTENCE)
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.operation] += group.count
    operation, failed = counts.most_common(1)[0]
    if failed < _MIN_FAILURES < counts.total():
        return PageMessage.FEW_FAILURES(failed=counts.total())
    own = [group for group in groups if group.operation == operation]
    most = max(own, key=lambda group: group.count)
    start_s = started_s(report.summary)
    since = "" if start_s is None else f" since {clock(min(group.first_seen for group in own) - start_s)}"
    message = most.message if most.kind == FailureKind.STATUS else f"{most.kind}: {most.message}"
    facts = {
        "operation": clean(operation),
        "failed": failed,
        "since": since,
        "message": shortened(message, _LONGEST_MESSAGE),
    }
    if failed == counts.total():
        return PageMessage.ONLY_FAILING(**facts)
    return PageMessage.FAILED_MOST(**facts, share=failed / counts.total(), all_failed=counts.total())
