"""What of a summary is left out where it has to fit a screen, the least telling first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from perfsuite.format import plural
from perfsuite.model import RunReport, TargetOutcome
from perfsuite.report.evidence import MOST_UNUSUAL, findings_of
from perfsuite.report.wording import count_outcomes

MOST_FAILURES = 5
MOST_CHANGES = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown. `roles`: how many, None for all; `evidence`: the figures behind findings; `always`: where the
    time goes; `unjudged`: why targets could not be judged; `hint`: what could have been watched;
    `logins`: the line of the ramp-up logins.
    """

    evidence: bool = True
    always: bool = True
    hint: bool = True
    notes: bool = True
    unjudged: bool = True
    all_files: bool = True
    all_targets: bool = True
    findings: int = MOST_UNUSUAL
    failures: int = MOST_FAILURES
    changes: int = MOST_CHANGES
    roles: int | None = None
    logins: bool = True
    airy: bool = True

    @property
    def blank(self) -> tuple[str, ...]:
        """The empty line between two parts."""
        return ("",) if self.airy else ()


CUTS: tuple[dict[str, Any], ...] = (
    {"hint": False},
    {"logins": False},
    {"evidence": False},
    {"always": False},
    {"unjudged": False},
    {"notes": False},
    {"findings": 3},
    {"all_files": False},
    {"failures": 2},
    {"changes": 3},
    {"findings": 1},
    {"roles": 3},
    {"all_targets": False},
    {"roles": 1},
    {"airy": False},
    {"findings": 0},
    {"changes": 0},
    {"roles": 0},
)
"""In the order in which they are made; each comes after those before it."""


def shown_in(lines: int, height: Callable[[Shown], int]) -> Shown:
    """What is shown in so many lines, as `height` tells them: few cuts, the later ones undone first."""
    made: list[int] = []
    for number in range(len(CUTS)):
        if height(_shown_after(made)) <= lines:
            break
        made.append(number)
    for number in reversed(made):
        fewer = [other for other in made if other != number]
        if height(_shown_after(fewer)) <= lines:
            made = fewer
    return _shown_after(made)


def _shown_after(made: Iterable[int]) -> Shown:
    shown = Shown()
    for number in made:
        shown = replace(shown, **CUTS[number])
    return shown


def left_out(report: RunReport, shown: Shown) -> str:
    """What the run has and is not shown, in words; "" for nothing worth a word."""
    return ", ".join(_left_out(report, shown))


def _left_out(report: RunReport, shown: Shown) -> Iterator[str]:
    found, whole = findings_of(report), Shown()
    unusual = len(found.unusual)
    if shown.findings < unusual:
        yield plural(unusual - shown.findings + found.more, "finding")
    elif found.unusual and not shown.evidence:
        yield "evidence"
    if found.always and not shown.always:
        yield "where the time goes"
    if (unjudged := count_outcomes(report)[TargetOutcome.NOT_JUDGED]) and not (shown.unjudged and shown.all_targets):
        yield f"why {plural(unjudged, 'target was', 'targets were')} not judged"
    if report.verdict.notes and not shown.notes:
        yield plural(len(report.verdict.notes), "note")
    if shown.roles != whole.roles:
        yield "more roles"
