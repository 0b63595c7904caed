"""What stands out, at the top of the page: the first findings and what failed most, each with where it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.model import FailureGroup, RunReport
from perfsuite.model.failures import MANY_OPERATIONS
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.units import change
from perfsuite.report.evidence import started_s
from perfsuite.report.figures import clock, percent
from perfsuite.report.page.cards import Findings
from perfsuite.report.text import clean, plural, shortened

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
