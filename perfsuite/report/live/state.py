"""What the live page shows, as texts ready to be set: of a moment of a load, and of its verdict. Knows no HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfsuite.model import LiveState, Moment, RunReport, TargetResult
from perfsuite.report.evidence import Told, findings_of
from perfsuite.report.figures import limit_text, with_unit
from perfsuite.report.live.gauges import gauges
from perfsuite.report.live.texts import (
    STEADY_STATE,
    LiveFigure,
    final_figures,
    live_figures,
    since_text,
    users_by_role,
    worst_first,
)
from perfsuite.report.terminal.console import render_summary
from perfsuite.report.text import clean
from perfsuite.report.wording import LABELS, outcome_text, sentence, target_title

PRINTED_WIDTH = 110
_LONGER = {"Rate": "Failure rate"}
"""Names that a terminal is too narrow for."""
_CREDENTIALS = re.compile(r"(?<=//)[^/\s@]*@|(?<=password=)\S+")


@dataclass(frozen=True, slots=True)
class Card:
    """One large figure; `detail` is the small print under it, `kind` "alarm" where it tells of failures."""

    name: str
    value: str
    detail: str
    kind: str


@dataclass(frozen=True, slots=True)
class Spark:
    """A figure over the last minutes. `path`: its line as SVG, in `box`; `now` and `most` tell it in words."""

    name: str
    now: str
    most: str
    box: str
    path: str


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target; `kind` is the outcome as the style sheet knows it."""

    name: str
    observed: str
    limit: str
    outcome: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One of the monitors' main figures; `kind` is its state as the style sheet knows it, `state` as it is read."""

    name: str
    value: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Role:
    """How many users of a role there are."""

    name: str
    users: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a run. `printed`: what the terminal shows; `folder` is "" where it left nothing to look at."""

    scenario: str
    label: str
    kind: str
    sentence: str
    reasons: tuple[str, ...] = ()
    findings: tuple[Told, ...] = ()
    more: str = ""
    always: tuple[str, ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()
    folder: str = ""
    printed: str = ""


@dataclass(frozen=True, slots=True)
class LivePage:
    """All that is on the page, in reading order. `share`: how much of the planned time has passed, 0 to 1.

    `over`: that nothing more will come; "" until then. `earlier`: the runs of this command before the one shown.
    """

    title: str = "Agent Mitra performance"
    badge: str = ""
    kind: str = ""
    headline: str = ""
    where: str = ""
    over: str = ""
    alert: str = ""
    news: str = ""
    clock: str = ""
    share: float = 0.0
    loading: bool = False
    ended: bool = False
    judged: Judged | None = None
    cards: tuple[Card, ...] = ()
    sparks: tuple[Spark, ...] = ()
    roles: tuple[Role, ...] = ()
    watched: tuple[Watched, ...] = ()
    targets: tuple[TargetLine, ...] = ()
    outcome_title: str = "So far"
    lines: tuple[str, ...] = ()
    earlier: tuple[Judged, ...] = ()


def safe(text: str) -> str:
    """`text` on one line, printable, and without what in it may be a name and a password."""
    return _CREDENTIALS.sub("…", clean(text))


def live_cards(live: LiveState) -> tuple[Card, ...]:
    """The main figures: now, with what they were so far in small print."""
    return tuple(_card(figure, since_text(live)) for figure in live_figures(live))


def final_cards(report: RunReport) -> tuple[Card, ...]:
    """The main figures as they are judged."""
    return tuple(_card(figure, STEADY_STATE) for figure in final_figures(report.summary))


def _card(figure: LiveFigure, since: str) -> Card:
    kind = "alarm" if figure.alarm else ""
    name = _LONGER.get(figure.name, figure.name)
    if not figure.now:
        return Card(name, figure.so_far, since, kind)
    return Card(name, figure.now, f"{figure.so_far} {since}" if figure.so_far else "", kind)


def roles_of(users: Mapping[str, int]) -> tuple[Role, ...]:
    """The roles with their users."""
    return tuple(Role(role, count) for role, count in users_by_role(users))


def watched_of(moment: Moment) -> tuple[Watched, ...]:
    """What the monitors tell, where something is watched."""
    return tuple(
        Watched(f"{gauge.part}: {gauge.label}", gauge.text, gauge.state.name.lower(), gauge.state.value)
        for gauge in gauges(moment)
    )


def target_lines(targets: Sequence[TargetResult]) -> tuple[TargetLine, ...]:
    """The targets, missed ones first."""
    return tuple(
        TargetLine(
            name=target_title(result),
            observed=with_unit(result.metric, result.observed),
            limit=limit_text(result.metric, result.limit, below=result.below),
            outcome=outcome_text(result),
            kind=result.outcome.value.replace(" ", "-"),
            reason=safe(result.reason),
        )
        for result in worst_first(targets)
    )


def judged(report: RunReport, folder: Path) -> Judged:
    """The verdict with its reasons, what was found, and where the files of the run are."""
    verdict, found = report.verdict, findings_of(report)
    return Judged(
        scenario=clean(report.summary.scenario),
        label=LABELS[verdict.outcome],
        kind=verdict.outcome.value,
        sentence=clean(sentence(report)),
        reasons=tuple(map(safe, verdict.told_first)),
        findings=found.unusual,
        more=found.left_out,
        always=found.always,
        note=found.note,
        notes=tuple(map(safe, verdict.notes)),
        folder=clean(str(folder)),
        printed=render_summary(report, width=PRINTED_WIDTH, folder=folder),
    )


def failed(reason: str) -> Judged:
    """A run that came to no verdict, and why; all lines but the first are told as they were printed."""
    first, *more = [safe(line) for line in reason.splitlines()] or [""]
    return Judged("", "NO RESULT", "fail", first, printed="\n".join(more))
