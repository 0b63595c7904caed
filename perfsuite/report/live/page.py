"""The live page: takes the events of a command's runs and returns what the page shows, as texts. Knows no HTML."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfsuite.model import LiveSnapshot, LiveState, RunReport, TargetResult
from perfsuite.report.evidence import Told, findings_of
from perfsuite.report.figures import clock, limit_text, with_unit
from perfsuite.report.live.figures import (
    STEADY_STATE,
    LiveFigure,
    final_figures,
    gauges,
    live_figures,
    phase_text,
    silence_text,
    since_text,
    users_by_role,
    worst_first,
)
from perfsuite.report.page.charts import HEIGHT, Point, Scale, line
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


def watched_of(moment: LiveSnapshot) -> tuple[Watched, ...]:
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


LINES_KEPT = 200
LAST_S = 300
"""The small lines cover so many of the last seconds."""
PREPARING = "preparing"
LOAD_OVER = "The load is over: removing what it made, counting, judging"
OVER = "The run has ended. This page shows its last state and is told nothing more."
_NARROWEST_S = 60
"""A line that is shorter does not reach the right."""
_CPU = {"server.cpu_percent": "Server CPU", "machine.cpu_percent": "Machine CPU"}
"""Metric → its name here; the first one that is watched is shown."""


class LiveStory:
    """Hears what every screen hears; `page` is what is to be shown of it now."""

    def __init__(self) -> None:
        self.page = LivePage(badge=PREPARING, headline="Preparing")
        self._run_id = ""
        self._lines: dict[str, _Line] = {}

    def say(self, text: str) -> None:
        """A line about a stage. The last one is the headline before a load, and the news during one."""
        said = safe(text)
        self.page = replace(self.page, lines=(*self.page.lines, said)[-LINES_KEPT:])
        if self.page.badge == PREPARING:
            self.page = replace(self.page, headline=said)
        elif self.page.loading:
            self.page = replace(self.page, news=said)

    def progress(self, moment: LiveSnapshot) -> None:
        """The state of a load. One of another run begins its course anew, beside the verdicts of those before."""
        live = moment.live
        if moment.run_id != self._run_id:
            self._run_id, self._lines = moment.run_id, {}
        if live.elapsed_s > 0:  # before that, there is no load
            for name, line in _lines(moment).items():
                self._lines.setdefault(name, line).add(live.elapsed_s, _value(line.metric, moment))
        time = f"{clock(live.elapsed_s)} / {clock(live.total_s)}"
        phase = phase_text(live)
        self.page = replace(
            self.page,
            title=clean(f"{time} {phase} – {moment.scenario}"),
            badge=phase,
            kind="",
            headline=clean(moment.scenario),
            where=safe(f"{moment.host} · run {moment.run_id}"),
            alert=silence_text(live),
            clock=time,
            share=min(live.elapsed_s / max(live.total_s, 0.001), 1.0),
            loading=True,
            judged=None,
            cards=live_cards(live),
            sparks=tuple(line.spark(name) for name, line in self._lines.items()),
            roles=roles_of(live.users),
            watched=watched_of(moment),
            targets=target_lines(moment.targets),
            outcome_title="So far",
            earlier=self._earlier(),
        )

    def load_over(self) -> None:
        """The load has ended; what came of it is told later."""
        self.page = replace(self.page, badge="load over", headline=LOAD_OVER, alert="", news="", loading=False)

    def run_over(self, report: RunReport, folder: Path) -> None:
        """A run is judged: its figures and targets are now those of the verdict."""
        self._judge(judged(report, folder))
        steady = report.summary.totals.requests > 0
        self.page = replace(
            self.page,
            cards=final_cards(report) if steady else self.page.cards,
            sparks=tuple(replace(spark, now="") for spark in self.page.sparks),
            roles=roles_of(report.summary.users.by_role),
            targets=target_lines(report.verdict.targets),
            outcome_title="Outcome",
        )

    def run_failed(self, reason: str) -> None:
        """A run came to no verdict."""
        if self.page.judged:  # nothing was seen of this one, and the figures are those of the one before
            self.page = replace(self.page, cards=(), sparks=(), roles=(), watched=(), targets=(), clock="", where="")
        self._judge(failed(reason))

    def end(self) -> None:
        """Nothing more will come."""
        page = replace(self.page, over=OVER, loading=False, alert="", ended=True)
        self.page = page if page.judged else replace(page, title="Ended", badge="ended", headline=OVER, over="")

    def _judge(self, came_of_it: Judged) -> None:
        self.page = replace(
            self.page,
            title=f"{came_of_it.label} – {came_of_it.scenario or 'Agent Mitra performance'}",
            badge=came_of_it.label,
            kind=came_of_it.kind,
            headline=came_of_it.sentence,
            alert="",
            loading=False,
            judged=came_of_it,
            earlier=self._earlier(),
        )

    def _earlier(self) -> tuple[Judged, ...]:
        return (*self.page.earlier, self.page.judged) if self.page.judged else self.page.earlier


@dataclass
class _Line:
    """A figure of the last minutes. `unknown`: why there may be no value."""

    metric: str
    unknown: str
    points: deque[Point] = field(default_factory=deque)

    def add(self, at_s: float, value: float | None) -> None:
        self.points.append((at_s, value))
        while self.points[0][0] < at_s - LAST_S:
            self.points.popleft()

    def spark(self, name: str) -> Spark:
        known = [value for _at_s, value in self.points if value is not None]
        (first_s, _value), (last_s, now) = self.points[0], self.points[-1]
        span = clock(last_s - first_s)
        most = f"highest {with_unit(self.metric, max(known))} in the last {span}" if known else self.unknown
        scale = Scale(0.0, max(known, default=0.0) or 1.0, ())
        path = line(((at_s - first_s, value) for at_s, value in self.points), scale)
        box = f"0 0 {max(last_s - first_s, _NARROWEST_S):g} {HEIGHT:g}"
        return Spark(name, with_unit(self.metric, now), most, box, path)


def _lines(moment: LiveSnapshot) -> dict[str, _Line]:
    """The figures that are drawn, by name, without any value yet."""
    lines = {
        "Requests/s": _Line("rps", ""),
        "Average": _Line("avg_ms", "no request so far"),
        "95th percentile": _Line("p95_ms", "needs 200 requests in five seconds"),
    }
    cpu = next((metric for metric in _CPU if metric in moment.readings), None)
    return lines | ({_CPU[cpu]: _Line(cpu, "no answer so far")} if cpu else {})


def _value(metric: str, moment: LiveSnapshot) -> float | None:
    live = moment.live
    values = {"rps": live.rps_now, "avg_ms": live.avg_now_ms, "p95_ms": live.p95_now_ms}
    if metric in values:
        return values[metric]
    reading = moment.readings.get(metric)
    return reading.value if reading else None


_TEMPLATES = Path(__file__).parents[1] / "templates"
_FILES = {
    "/": ("text/html", "live.html"),
    "/live.js": ("text/javascript", "live.js"),
    "/live.css": ("text/css", "live.css"),
    "/report.css": ("text/css", "report.css"),
}


def live_files() -> dict[str, tuple[str, bytes]]:
    """Path → media type and content."""
    return {path: (media_type, (_TEMPLATES / name).read_bytes()) for path, (media_type, name) in _FILES.items()}
