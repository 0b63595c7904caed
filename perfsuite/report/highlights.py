"""What stands out, at the top of the page: the first findings and what failed most, each with where it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.model import RunReport
from perfsuite.report.cards import Findings
from perfsuite.report.evidence import started_s
from perfsuite.report.figures import clock, percent
from perfsuite.report.text import clean, plural, shortened

_MOST_FINDINGS = 2
_LONGEST_MESSAGE = 120


@dataclass(frozen=True, slots=True)
class Highlight:
    """One sentence, and the anchor of what bears it out."""

    text: str
    anchor: str


def highlights_of(report: RunReport, findings: Findings) -> tuple[Highlight, ...]:
    """At most two findings and one sentence on failures, in that order; () where nothing stands out."""
    told = [Highlight(card.headline, f"finding-{card.number}") for card in findings.cards[:_MOST_FINDINGS]]
    return (*told, *_failures(report))


def _failures(report: RunReport) -> Iterable[Highlight]:
    """The operation that failed most, with its most frequent failure and since when."""
    groups = report.summary.failures
    if not groups:
        return
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.operation] += group.count
    operation, failed = counts.most_common(1)[0]
    own = [group for group in groups if group.operation == operation]
    most = max(own, key=lambda group: group.count)
    start_s = started_s(report.summary)
    since = "" if start_s is None else f" from {clock(min(group.first_seen for group in own) - start_s)} on"
    others = f" of {plural(counts.total(), 'failed request')}" if failed < counts.total() else ""
    what = f"{clean(operation)} failed {plural(failed, 'time')}{since}"
    share = f" ({percent(failed / counts.total())}{others})" if others else ""
    message = shortened(f"{most.kind}: {most.message}", _LONGEST_MESSAGE)
    yield Highlight(f"{what}{share}, most often with {message}.", "failures-title")
