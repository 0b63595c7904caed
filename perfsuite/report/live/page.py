"""The live page: takes the events of a command's runs, returns what the page shows, as text. Knows no HTML."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfsuite.format import bound, clock, figure, plain
from perfsuite.model import LiveSnapshot, RunReport, TargetResult
from perfsuite.report.findings import FindingText, findings_of
from perfsuite.report.live.figures import (
    STEADY_STATE,
    LiveFigure,
    alert_text,
    final_figures,
    gauges,
    live_figures,
    phase_text,
    since_text,
    users_by_role,
    worst_first,
)
from perfsuite.report.page.charts import HEIGHT, Scale, line
from perfsuite.report.terminal.summary import render_summary
from perfsuite.report.text import clean
from perfsuite.report.wording import LABELS, outcome_text, sentence, target_title
from perfsuite.timeseries import Point

PRINTED_WIDTH = 110
LINES_KEPT = 200
LAST_S = 300
"""Seconds that the small charts cover."""
PREPARING = "preparing"
LOAD_OVER = "The load has finished. Cleaning up, checking the counts, judging the targets…"
ENDED = "The run has ended. This page shows its final state and no longer updates."
_TITLE = "Agent Mitra performance"
_MIN_SPARK_S = 60
"""A shorter line does not reach the right edge of its chart."""
_CPU = {"server.cpu_percent": "Server CPU", "machine.cpu_percent": "Machine CPU"}
"""Metric → its name; the first one that is monitored is shown."""
_LONG_NAMES = {"Rate": "Failure rate"}
"""Names that the terminal shortens."""
_CREDENTIALS = re.compile(r"(?<=//)[^/\s@]*@|(?<=password=)\S+")
_TEMPLATES = Path(__file__).parents[1] / "templates"
_FILES = {
    "/": ("text/html", "live.html"),
    "/live.js": ("text/javascript", "live.js"),
    "/live.css": ("text/css", "live.css"),
    "/report.css": ("text/css", "report.css"),
}


@dataclass(frozen=True, slots=True)
class FigureCard:
    """One large figure; `detail`: the small print below it; `kind`: "alarm" if it counts failures."""

    name: str
    value: str
    detail: str
    kind: str


@dataclass(frozen=True, slots=True)
class Spark:
    """A small chart of the last minutes. `path`: its line as SVG, in `box`; `now` and `peak`: the same in words."""

    name: str
    now: str
    peak: str
    box: str
    path: str


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """One target; `kind`: its outcome as a CSS class."""

    name: str
    observed: str
    limit: str
    outcome: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class NamedValue:
    """The users of a role, or a monitored metric with its state; `kind`: that state as a CSS class."""

    name: str
    value: str
    kind: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The result of a run. `printed`: what the terminal shows; `folder`: "" if the run left no files."""

    scenario: str
    label: str
    kind: str
    sentence: str
    reasons: tuple[str, ...] = ()
    findings: tuple[FindingText, ...] = ()
    more: str = ""
    always: tuple[str, ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()
    folder: str = ""
    printed: str = ""


@dataclass(frozen=True, slots=True)
class LivePage:
    """Everything on the page, in reading order. `share`: elapsed share of the planned time, 0 to 1.

    `end_notice`: says that no more updates follow; "" until then. `earlier`: this command's runs before this one.
    """

    title: str = _TITLE
    badge: str = ""
    kind: str = ""
    headline: str = ""
    where: str = ""
    end_notice: str = ""
    alert: str = ""
    news: str = ""
    clock: str = ""
    share: float = 0.0
    loading: bool = False
    ended: bool = False
    result: FinishedRun | None = None
    cards: tuple[FigureCard, ...] = ()
    sparks: tuple[Spark, ...] = ()
    roles: tuple[NamedValue, ...] = ()
    monitored: tuple[NamedValue, ...] = ()
    targets: tuple[LiveTarget, ...] = ()
    outcome_title: str = "So far"
    lines: tuple[str, ...] = ()
    earlier: tuple[FinishedRun, ...] = ()


class LivePageBuilder:
    """Receives the same events as every screen; `page` is the state to show."""

    def __init__(self) -> None:
        self.page = LivePage(badge=PREPARING, headline="Preparing")
        self._run_id = ""
        self._lines: dict[str, _SparkLine] = {}

    def say(self, text: str) -> None:
        """Add a message. The last one is the headline before the load, and a notice during the load."""
        message = _safe(text)
        self.page = replace(self.page, lines=(*self.page.lines, message)[-LINES_KEPT:])
        if self.page.badge == PREPARING:
            self.page = replace(self.page, headline=message)
        elif self.page.loading:
            self.page = replace(self.page, news=message)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Show the state of a load. The first state of another run clears the small charts."""
        live = snapshot.live
        if snapshot.run_id != self._run_id:
            self._run_id, self._lines = snapshot.run_id, {}
        if live.elapsed_s > 0:  # before that, there is no load
            for name, line in _spark_lines(snapshot).items():
                self._lines.setdefault(name, line).add(live.elapsed_s, _value(line.metric, snapshot))
        time = f"{clock(live.elapsed_s)} / {clock(live.total_s)}"
        phase = phase_text(live)
        self.page = replace(
            self.page,
            title=clean(f"{time} {phase} – {snapshot.scenario}"),
            badge=phase,
            kind="",
            headline=clean(snapshot.scenario),
            where=_safe(f"{snapshot.host} · run {snapshot.run_id}"),
            alert=alert_text(live),
            clock=time,
            share=min(live.elapsed_s / max(live.total_s, 0.001), 1.0),
            loading=True,
            result=None,
            cards=tuple(_card(figure, since_text(live)) for figure in live_figures(live)),
            sparks=tuple(line.spark(name) for name, line in self._lines.items()),
            roles=_roles(live.users),
            monitored=_monitored(snapshot),
            targets=_targets(snapshot.targets),
            outcome_title="So far",
            earlier=self._earlier(),
        )

    def load_over(self) -> None:
        """Show that the load has finished; the result follows."""
        self.page = replace(self.page, badge="load finished", headline=LOAD_OVER, alert="", news="", loading=False)

    def run_over(self, report: RunReport, folder: Path) -> None:
        """Show the verdict of a run, with the figures and targets that it judged."""
        self._finish(_finished(report, folder))
        final = tuple(_card(figure, STEADY_STATE) for figure in final_figures(report.summary))
        self.page = replace(
            self.page,
            cards=final if report.summary.totals.requests else self.page.cards,
            sparks=tuple(replace(spark, now="") for spark in self.page.sparks),
            roles=_roles(report.summary.users.by_role),
            targets=_targets(report.verdict.targets),
            outcome_title="Outcome",
        )

    def run_failed(self, reason: str) -> None:
        """Show why a run has no verdict."""
        if self.page.result:  # no load started, so the figures are those of the run before
            self.page = replace(self.page, cards=(), sparks=(), roles=(), monitored=(), targets=(), clock="", where="")
        first, *more = [_safe(line) for line in reason.splitlines()] or [""]
        self._finish(FinishedRun("", "NO RESULT", "fail", first, printed="\n".join(more)))

    def end(self) -> None:
        """Show that no more updates follow."""
        page = replace(self.page, end_notice=ENDED, loading=False, alert="", ended=True)
        self.page = page if page.result else replace(page, title="Ended", badge="ended", headline=ENDED, end_notice="")

    def _finish(self, result: FinishedRun) -> None:
        self.page = replace(
            self.page,
            title=f"{result.label} – {result.scenario or _TITLE}",
            badge=result.label,
            kind=result.kind,
            headline=result.sentence,
            alert="",
            loading=False,
            result=result,
            earlier=self._earlier(),
        )

    def _earlier(self) -> tuple[FinishedRun, ...]:
        return (*self.page.earlier, self.page.result) if self.page.result else self.page.earlier


def live_files() -> dict[str, tuple[str, bytes]]:
    """The static files of the page: path → media type and content."""
    return {path: (media_type, (_TEMPLATES / name).read_bytes()) for path, (media_type, name) in _FILES.items()}


def _safe(text: str) -> str:
    """`text` on one line, printable, without credentials in URLs or connection strings."""
    return _CREDENTIALS.sub("…", clean(text))


def _card(figure: LiveFigure, since: str) -> FigureCard:
    kind = "alarm" if figure.alarm else ""
    name = _LONG_NAMES.get(figure.name, figure.name)
    if not figure.now:
        return FigureCard(name, figure.so_far, since, kind)
    return FigureCard(name, figure.now, f"{figure.so_far} {since}" if figure.so_far else "", kind)


def _roles(users: Mapping[str, int]) -> tuple[NamedValue, ...]:
    return tuple(NamedValue(role, count) for role, count in users_by_role(users))


def _monitored(snapshot: LiveSnapshot) -> tuple[NamedValue, ...]:
    return tuple(
        NamedValue(f"{gauge.part}: {gauge.label}", gauge.text, gauge.state.name.lower(), gauge.state.value)
        for gauge in gauges(snapshot)
    )


def _targets(targets: Sequence[TargetResult]) -> tuple[LiveTarget, ...]:
    """The targets, missed ones first."""
    return tuple(
        LiveTarget(
            name=target_title(result),
            observed=plain(result.metric, result.observed),
            limit=bound(result.metric, result.limit, below=result.below),
            outcome=outcome_text(result),
            kind=result.outcome.value.replace(" ", "-"),
            reason=_safe(result.reason),
        )
        for result in worst_first(targets)
    )


def _finished(report: RunReport, folder: Path) -> FinishedRun:
    verdict, found = report.verdict, findings_of(report)
    return FinishedRun(
        scenario=clean(report.summary.scenario),
        label=LABELS[verdict.outcome],
        kind=verdict.outcome.value,
        sentence=clean(sentence(report)),
        reasons=tuple(map(_safe, verdict.shown_reasons)),
        findings=found.unusual,
        more=found.left_out,
        always=found.always,
        note=found.note,
        notes=tuple(map(_safe, verdict.notes)),
        folder=clean(str(folder)),
        printed=render_summary(report, width=PRINTED_WIDTH, folder=folder),
    )


@dataclass
class _SparkLine:
    """A figure of the last minutes. `unknown`: why it may have no value."""

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
        peak = f"peak {figure(self.metric, max(known))} in the last {span}" if known else self.unknown
        scale = Scale(0.0, max(known, default=0.0) or 1.0, ())
        path = line(((at_s - first_s, value) for at_s, value in self.points), scale)
        box = f"0 0 {max(last_s - first_s, _MIN_SPARK_S):g} {HEIGHT:g}"
        return Spark(name, figure(self.metric, now), peak, box, path)


def _spark_lines(snapshot: LiveSnapshot) -> dict[str, _SparkLine]:
    """The small charts by name, still empty."""
    lines = {
        "Requests/s": _SparkLine("rps", ""),
        "Average": _SparkLine("avg_ms", "no requests yet"),
        "95th percentile": _SparkLine("p95_ms", "needs 200 requests in five seconds"),
    }
    cpu = next((metric for metric in _CPU if metric in snapshot.readings), None)
    return lines | ({_CPU[cpu]: _SparkLine(cpu, "no readings yet")} if cpu else {})


def _value(metric: str, snapshot: LiveSnapshot) -> float | None:
    live = snapshot.live
    values = {"rps": live.rps_now, "avg_ms": live.avg_now_ms, "p95_ms": live.p95_now_ms}
    if metric in values:
        return values[metric]
    reading = snapshot.readings.get(metric)
    return reading.value if reading else None
