"""The course of a command's runs as the live page tells it: what a screen hears goes in, the page comes out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfsuite.model import Moment, RunReport
from perfsuite.report.figures import clock, with_unit
from perfsuite.report.live.state import (
    Judged,
    LivePage,
    Spark,
    failed,
    final_cards,
    judged,
    live_cards,
    roles_of,
    safe,
    target_lines,
    watched_of,
)
from perfsuite.report.live.texts import phase_text, silence_text
from perfsuite.report.page.plot import HEIGHT, Point, Scale, line
from perfsuite.report.text import clean

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

    def progress(self, moment: Moment) -> None:
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


def _lines(moment: Moment) -> dict[str, _Line]:
    """The figures that are drawn, by name, without any value yet."""
    lines = {
        "Requests/s": _Line("rps", ""),
        "Average": _Line("avg_ms", "no request so far"),
        "95th percentile": _Line("p95_ms", "needs 200 requests in five seconds"),
    }
    cpu = next((metric for metric in _CPU if metric in moment.readings), None)
    return lines | ({_CPU[cpu]: _Line(cpu, "no answer so far")} if cpu else {})


def _value(metric: str, moment: Moment) -> float | None:
    live = moment.live
    values = {"rps": live.rps_now, "avg_ms": live.avg_now_ms, "p95_ms": live.p95_now_ms}
    if metric in values:
        return values[metric]
    reading = moment.readings.get(metric)
    return reading.value if reading else None
