"""Findings as the page shows them: numbered, with times since the start, each figure pointing at where it is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perfsuite.model import RunReport
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.units import amount
from perfsuite.report.evidence import NOT_WATCHED, findings_of, started_s
from perfsuite.report.figures import clock
from perfsuite.report.page.timeline import Timeline
from perfsuite.report.text import clean, utc

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
