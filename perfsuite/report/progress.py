"""Where a run stands while it goes on: one line for a log, or a live view for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from perfsuite.model import LiveState, Moment, TargetOutcome, TargetResult
from perfsuite.report.console import TARGET_STYLES, outcome_counts
from perfsuite.report.figures import UNKNOWN, clock, human, limit_text, percent, with_unit
from perfsuite.report.gauges import Gauge, GaugeState, gauges, gauges_in_short
from perfsuite.report.text import clean, plural, shortened
from perfsuite.report.wording import target_title, unjudged_reasons

UNANSWERED_FROM_S = 3
"""So many seconds without any answer are worth a word."""
_MOST_REASONS = 4
"""Lines that are kept for reasons where not all targets can be shown."""
_FEWEST_TARGETS = 2
_NARROWEST = 20

_GAUGE_STYLES = {
    GaugeState.FINE: "",
    GaugeState.NEAR: "yellow",
    GaugeState.FULL: "bold red",
    GaugeState.GAP: "dim",
}


def render_progress(moment: Moment) -> str:
    """One plain line: time, phase, users, requests/s, p95, failures, what is watched, state of the targets."""
    live = moment.live
    parts = [
        f"{clock(live.elapsed_s)}/{clock(live.total_s)} {_phase(live)}",
        f"users {sum(live.users.values()):,}/{live.users_requested:,}",
        f"{live.rps_now:,.1f} req/s",
        _times(live),
        f"failures {live.failures:,} ({_failed_share(live)})",
    ]
    if figures := gauges_in_short(moment):
        parts.append(figures)
    if moment.targets:
        parts.append(f"targets {outcome_counts(moment.targets)}")
    if live.unanswered_s >= UNANSWERED_FROM_S:
        parts.append(f"NO ANSWER for {live.unanswered_s} s")
    return "  ".join(parts)


def live_view(moment: Moment) -> RenderableType:
    """The same for a terminal: bar, figures, users by role, what is watched, targets. Fits 80 columns and 24 lines.

    Larger terminals show more targets and reasons. For `rich.live.Live.update`.
    """
    return _View(moment)


class _View:
    """Lays itself out in the lines that the terminal has."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = list(_upper(self._moment))
        yield from parts
        used = sum(len(console.render_lines(part, options, pad=False)) for part in parts)
        if self._moment.targets:
            # A view that is taken away needs a line for the cursor, or its first line stays.
            yield from _lower(self._moment.targets, options.max_width, options.max_height - 1 - used)


def _upper(moment: Moment) -> Iterator[RenderableType]:
    live, shown = moment.live, gauges(moment)
    yield Text(clean(f"{moment.scenario} · {moment.host}"), "bold", no_wrap=True, overflow="ellipsis")
    yield from (_bar(live), _figures(live), "", _users(live))
    if shown:
        yield from ("", _gauges(shown))
    if live.unanswered_s >= UNANSWERED_FROM_S:
        yield Text(f"No answer from the target for {plural(live.unanswered_s, 'second')}", "bold red")
    yield ""


def _lower(targets: Sequence[TargetResult], width: int, lines: int) -> Iterator[RenderableType]:
    """As many targets as there are lines for, the missed ones first, and below them why, as far as it fits."""
    reasons = _reasons(targets, width)
    room = max(lines - 1 - min(len(reasons), _MOST_REASONS), _FEWEST_TARGETS)
    ordered = _worst_first(targets)
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    yield _targets(shown, len(ordered) - len(shown))
    left = max(lines - 1 - min(len(ordered), room), 0)
    for line in _first(left, reasons):
        yield Text(line, "dim", no_wrap=True, overflow="ellipsis")


def _reasons(targets: Sequence[TargetResult], width: int) -> list[str]:
    """Why targets are missed, then why others are not judged, in lines that leave room for an ellipsis."""
    missed = [clean(result.reason) for result in targets if result.outcome is TargetOutcome.MISSED and result.reason]
    wrapped = (
        textwrap.wrap(
            reason, max(width - 2, _NARROWEST), initial_indent="– ", subsequent_indent="  ", break_on_hyphens=False
        )
        for reason in (*missed, *unjudged_reasons(targets))
    )
    return [line for lines in wrapped for line in lines]


def _first(count: int, lines: list[str]) -> list[str]:
    """The first `count` lines, the last one with an ellipsis where others are left out."""
    if not 0 < count < len(lines):
        return lines[:count]
    return [*lines[: count - 1], f"{lines[count - 1]} …"]


def _phase(live: LiveState) -> str:
    return "steady" if live.steady and live.phase == "plateau" else clean(live.phase)


def _since(live: LiveState) -> str:
    """What the figures so far cover."""
    return "steady state" if live.steady else "since the start"


def _times(live: LiveState) -> str:
    """p95 of the last five seconds; of all so far, marked so, while these have too few samples; else the mean."""
    if live.p95_now_ms is not None:
        return f"p95 {with_unit('p95_ms', live.p95_now_ms)}"
    figures = live.statistics
    if figures.p95_ms is not None:
        return f"p95 {with_unit('p95_ms', figures.p95_ms)} ({_since(live)})"
    return f"avg {with_unit('avg_ms', figures.avg_ms)} ({_since(live)})" if figures.requests else f"p95 {UNKNOWN}"


def _failed_share(live: LiveState) -> str:
    return f"{live.failures / live.requests * 100 if live.requests else 0:.2f} %"


def _bar(live: LiveState) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    bar = ProgressBar(total=max(live.total_s, 0.001), completed=min(live.elapsed_s, live.total_s))
    row.add_row(f"{clock(live.elapsed_s)} / {clock(live.total_s)}", bar, Text(_phase(live), "bold"))
    return row


def _figures(live: LiveState) -> Table:
    """Now (the last five seconds) beside all that counts so far."""
    figures = live.statistics
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name in ("", "Users", "Requests", "Req/s", "Avg ms", "p95 ms", "Failures", "Rate"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    users = f"{sum(live.users.values()):,}/{live.users_requested:,}"
    table.add_row("now", users, "", human("rps", live.rps_now), "", human("p95_ms", live.p95_now_ms), "", "")
    red = "red" if figures.failures else ""
    table.add_row(
        _since(live),
        "",
        f"{figures.requests:,}",
        human("rps", figures.rps),
        human("avg_ms", figures.avg_ms),
        human("p95_ms", figures.p95_ms),
        Text(f"{figures.failures:,}", red),
        Text("–" if figures.failure_rate is None else percent(figures.failure_rate), red),
    )
    return table


def _users(live: LiveState) -> Text:
    text = Text()
    for role, count in live.users.items():
        text.append(f"{'  ' if text else ''}{clean(role.replace('_', ' '))} ", "dim").append(f"{count:,}")
    return text


def _gauges(shown: Iterable[Gauge]) -> Table:
    """A line for each part of the target; what is near its limit is coloured."""
    lines: dict[str, Text] = {}
    for gauge in shown:
        line = lines.setdefault(gauge.part, Text())
        line.append(f"{'  ' if line else ''}{gauge.label} ", "dim").append(gauge.text, _GAUGE_STYLES[gauge.state])
    table = Table.grid(padding=(0, 2, 0, 0))
    for part, line in lines.items():
        table.add_row(Text(part), line)
    return table


def _targets(shown: Sequence[TargetResult], more: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name in ("Target", "Observed", "Limit", "So far"):
        number = name in ("Observed", "Limit")
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for result in shown:
        table.add_row(
            Text(shortened(target_title(result), 40)),
            with_unit(result.metric, result.observed),
            limit_text(result.metric, result.limit, below=result.below),
            Text(result.outcome.value, TARGET_STYLES[result.outcome]),
        )
    if more:
        table.add_row(Text(f"and {more:,} more", "dim"))
    return table


def _worst_first(targets: Sequence[TargetResult]) -> list[TargetResult]:
    """Missed ones first, so that they are seen where there are many; else as they are."""
    return sorted(targets, key=lambda result: result.outcome is not TargetOutcome.MISSED)
