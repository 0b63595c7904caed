"""What of the planned operations the run could exercise: the page's section of what is missing, broken or left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.model import Coverage, Summary
from perfsuite.report.exercised import exercised
from perfsuite.report.page.facts import Fact
from perfsuite.report.text import clean, plural


@dataclass(frozen=True, slots=True)
class CoverageShown:
    """`sentence` in short; `gaps`: what was not exercised, or not as the contract has it, each with its entries."""

    sentence: str
    gaps: tuple[Fact, ...]


def coverage_shown(summary: Summary) -> CoverageShown:
    """The coverage of a run. Entries read "role / operation"."""
    gaps, sent = tuple(_gaps(summary)), exercised(summary)
    offered = f"{plural(summary.coverage.offered, 'operation')}, counted for each role"
    if not summary.coverage.offered:
        return CoverageShown(_joined(sent, "What the target offers was not looked at before the load."), gaps)
    if not gaps:
        return CoverageShown(_joined(sent, f"The target offers all that was planned: {offered}."), gaps)
    told = ", ".join(f"{gap.term[:1].lower()}{gap.term[1:]} ({len(gap.lines):,})" for gap in gaps)
    return CoverageShown(_joined(sent, f"The target offers {offered}. Not as planned: {told}."), gaps)


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _not_possible(coverage: Coverage) -> list[str]:
    """With what was needed; only the numbers in files of earlier versions."""
    if not coverage.lacking:
        return [f"{name}: {count:,} times" for name, count in coverage.not_possible.items()]
    return [
        f"{lack.role} / {lack.operation}: {lack.times:,} times{f', {lack.why}' if lack.why else ''}"
        for lack in coverage.lacking
    ]


def _not_reached(coverage: Coverage) -> list[str]:
    """What was not exercised for no other reason than the length of the run or its number of users."""
    explained = {*coverage.missing, *coverage.broken, *coverage.left_out}
    explained |= {f"{lack.role} / {lack.operation}" for lack in coverage.lacking}
    return [entry for entry in coverage.not_exercised if entry not in explained]


def _gaps(summary: Summary) -> Iterable[Fact]:
    coverage = summary.coverage
    lists = (
        ("Missing at the target", coverage.missing),
        ("Broken without any load", coverage.broken),
        ("Differs from the contract", coverage.differs),
        ("Left out", coverage.left_out),
        ("Behaviours of which nothing is left", coverage.dead_behaviours),
        ("Lists without a row", coverage.empty),
        ("Not possible for want of data", _not_possible(coverage)),
        ("Not reached in this run", _not_reached(coverage)),
    )
    return (Fact(term, tuple(map(clean, entries))) for term, entries in lists if entries)
