"""Findings as the page shows them, and what stands out at its top."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perfsuite.model import FailureGroup, RunReport
from perfsuite.model.failures import MANY_OPERATIONS
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.units import amount, change
from perfsuite.report.evidence import NOT_WATCHED, findings_of, started_s
from perfsuite.report.figures import clock, percent
from perfsuite.report.page.timeline import Timeline
from perfsuite.report.text import clean, plural, shortened, utc

_ROWS_AT_ONCE = 4
_INTO_THE_RUN = re.compile(r", [\d,.]+ (?:s|min|h) into the run\b")
"""What the time of day is told with elsewhere: here it is that already."""
_THROUGHOUT = "over the steady state"
_ALONE = "measured alone"
_TABLES = {
    FindingKind.SLOWEST: "operations",
    FindingKind.ROLE: "roles",
    FindingKind.OUTSIDE: "time",
    FindingKind.COST: "cost",
    FindingKind.CHANGE: "cost",
}
"""Where the figures of a finding stand that no chart shows."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One figure. `anchor`: where it is drawn or told, "" for nowhere; `curve`: the id of its line, or "".

    `at`: since the start; `at_percent`: where that is in the charts, None for the whole steady state.
    """

    label: str
    before: str
    after: str
    at: str
    at_percent: float | None
    anchor: str
    curve: str


@dataclass(frozen=True, slots=True)
class Card:
    """One finding. `about`: in a few words what it points at and when; `rows` at once, `more` folded."""

    number: int
    headline: str
    about: tuple[str, ...]
    anchor: str
    rows: tuple[EvidenceRow, ...]
    more: tuple[EvidenceRow, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is told of a run beside its targets. `always`: where the time goes, each with the table that tells more.

    `note`: one line where nothing unusual was found; `watch`: one where nothing was watched.
    """

    cards: tuple[Card, ...]
    always: tuple[Card, ...]
    note: str
    watch: str

    @property
    def any(self) -> bool:
        """True where there is anything to tell."""
        return bool(self.cards or self.always or self.note or self.watch)


def cards_of(report: RunReport, timeline: Timeline | None, tables: Iterable[str]) -> Findings:
    """The findings of a run. `tables`: names of the tables that the page has, which a finding may point at."""
    start_s, known = started_s(report.summary), frozenset(tables)
    made = _Maker(start_s, timeline, known)
    unusual = [finding for finding in report.findings if finding.unusual]
    others = [finding for finding in report.findings if not finding.unusual]
    note = findings_of(report).note
    return Findings(
        cards=tuple(made.card(number, finding) for number, finding in enumerate(unusual, 1)),
        always=tuple(made.card(0, finding) for finding in others),
        note="" if note == NOT_WATCHED else note,
        watch=note if note == NOT_WATCHED else "",
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    start_s: int | None
    timeline: Timeline | None
    tables: frozenset[str]

    def card(self, number: int, finding: Finding) -> Card:
        rows = tuple(self._rows(finding))
        table = _TABLES.get(finding.kind, "")
        anchor = table if table in self.tables else next((row.anchor for row in rows if row.anchor), "")
        about = tuple(filter(None, self._about(finding)))
        return Card(number, self._headline(finding), about, anchor, rows[:_ROWS_AT_ONCE], rows[_ROWS_AT_ONCE:])

    def _about(self, finding: Finding) -> Iterable[str]:
        if not finding.unusual:
            return
        yield clean(finding.resource)
        if finding.kind is not FindingKind.EPISODE:  # its sentence tells for how long
            yield finding.kind.value
        if finding.at_s is not None:
            yield f"from {self._since(finding.at_s)}"
        else:
            yield _ALONE if finding.kind in (FindingKind.COST, FindingKind.CHANGE) else _THROUGHOUT

    def _headline(self, finding: Finding) -> str:
        """The sentence, with its times of day told since the start, as everything else on the page."""
        moments = {finding.at_s, *(evidence.at_s for evidence in finding.evidence)}
        text = clean(finding.headline)
        for moment in moments - {None}:
            if moment is not None and self.start_s is not None:
                text = text.replace(_time_of_day(moment), clock(moment - self.start_s))
        return _INTO_THE_RUN.sub("", text)

    def _since(self, at_s: int) -> str:
        return _time_of_day(at_s) if self.start_s is None else clock(at_s - self.start_s)

    def _rows(self, finding: Finding) -> Iterable[EvidenceRow]:
        drawn: set[str] = set()
        for evidence in finding.evidence:
            row = self._row(finding, evidence)
            # The same line twice would say that both figures went the same way.
            yield replace(row, curve="") if row.curve in drawn else row
            drawn.add(row.curve)

    def _row(self, finding: Finding, evidence: Evidence) -> EvidenceRow:
        place = self.timeline.place_of(evidence) if self.timeline and finding.unusual else None
        table = _TABLES.get(finding.kind, "")
        anchor = place.anchor if place else table if table in self.tables else ""
        at_percent = None
        if evidence.at_s is not None and self.timeline:
            at_percent = self.timeline.axis.at(evidence.at_s - self.timeline.start_s)
        return EvidenceRow(
            label=clean(evidence.label),
            before="" if evidence.before is None else amount(evidence.before, evidence.unit),
            after=amount(evidence.after, evidence.unit),
            at="" if evidence.at_s is None else self._since(evidence.at_s),
            at_percent=at_percent,
            anchor=anchor,
            curve=place.curve if place else "",
        )


def _time_of_day(second: int) -> str:
    return f"{utc(second)[11:19]} UTC"


_MOST_FINDINGS = 2
_LONGEST_MESSAGE = 120
_LONGEST_SENTENCE = 300
_FEWEST = 3
"""One or two failures prove nothing of an operation."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """One sentence, and the anchor of what bears it out."""

    text: str
    anchor: str


def highlights_of(report: RunReport, findings: Findings) -> tuple[Highlight, ...]:
    """At most two findings and one sentence on failures, in that order; () where nothing stands out.

    A change in response times or failures is always among the findings.
    """
    unusual = [finding for finding in report.findings if finding.unusual]
    pairs = list(zip(findings.cards, unusual, strict=True))
    # What the load felt comes first here, since that is what the verdict speaks of.
    pairs.sort(key=lambda pair: pair[1].kind is not FindingKind.ONSET)
    told = [
        Highlight(card.headline + _own_change(finding), f"finding-{card.number}")
        for card, finding in pairs[:_MOST_FINDINGS]
    ]
    return (*told, *_failures(report))


def _own_change(finding: Finding) -> str:
    """ "; users.me as policyholder: 6 ms → 980 ms": how much slower the operation became that a finding names.

    "" where the finding's sentence says so already.
    Where the finding is of failures, the operation got slower besides: it need not be the one that failed.
    """
    head = f"{finding.operation} as "
    for each in finding.evidence:
        if finding.operation and each.metric == "avg_ms" and each.label.startswith(head) and each.before is not None:
            who, slower = each.label.partition(":")[0], change(each.before, each.after, each.unit)
            if slower in finding.headline:
                return ""
            besides = "besides, " if finding.evidence[0].metric == "failure_rate" else ""
            return clean(f"; {besides}{who}: {slower}")
    return ""


def _count(groups: Iterable[FailureGroup]) -> int:
    return sum(group.count for group in groups)


def _failures(report: RunReport) -> Iterable[Highlight]:
    """The operation that failed most, with its most frequent failure and since when."""
    groups, patterns = report.summary.failures, report.summary.failure_patterns
    if not groups:
        return
    if patterns and len(patterns[0].operations) >= MANY_OPERATIONS and 2 * patterns[0].count >= _count(groups):
        yield Highlight(f"{shortened(patterns[0].sentence, _LONGEST_SENTENCE)}.", "failures-title")
        return
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.operation] += group.count
    operation, failed = counts.most_common(1)[0]
    if failed < _FEWEST < counts.total():
        yield Highlight(f"{plural(counts.total(), 'request')} failed, no operation more than twice.", "failures-title")
        return
    own = [group for group in groups if group.operation == operation]
    most = max(own, key=lambda group: group.count)
    start_s = started_s(report.summary)
    since = "" if start_s is None else f" from {clock(min(group.first_seen for group in own) - start_s)} on"
    others = f" of {plural(counts.total(), 'failed request')}" if failed < counts.total() else ""
    what = f"{clean(operation)} failed {plural(failed, 'time')}{since}"
    share = f" ({percent(failed / counts.total())}{others})" if others else ""
    message = shortened(f"{most.kind}: {most.message}", _LONGEST_MESSAGE)
    yield Highlight(f"{what}{share}, most often with {message}.", "failures-title")
