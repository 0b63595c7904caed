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
from perfsuite.report.figures import UNKNOWN, clock, limit_text, with_unit
from perfsuite.report.gauges import Gauge, GaugeState, gauges, gauges_in_short
from perfsuite.report.live_texts import (
    UNANSWERED_FROM_S,
    live_figures,
    phase_text,
    silence_text,
    since_text,
    users_by_role,
    worst_first,
)
from perfsuite.report.text import clean, shortened
from perfsuite.report.wording import target_title, unjudged_reasons

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
        f"{clock(live.elapsed_s)}/{clock(live.total_s)} {phase_text(live)}",
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
    if silence := silence_text(live):
        yield Text(silence, "bold red")
    yield ""


def _lower(targets: Sequence[TargetResult], width: int, lines: int) -> Iterator[RenderableType]:
    """As many targets as there are lines for, the missed ones first, and below them why, as far as it fits."""
    reasons = _reasons(targets, width)
    room = max(lines - 1 - min(len(reasons), _MOST_REASONS), _FEWEST_TARGETS)
    ordered = worst_first(targets)
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


def _times(live: LiveState) -> str:
    """p95 of the last five seconds; of all so far, marked so, while these have too few samples; else the mean."""
    if live.p95_now_ms is not None:
        return f"p95 {with_unit('p95_ms', live.p95_now_ms)}"
    figures = live.statistics
    if figures.p95_ms is not None:
        return f"p95 {with_unit('p95_ms', figures.p95_ms)} ({since_text(live)})"
    return f"avg {with_unit('avg_ms', figures.avg_ms)} ({since_text(live)})" if figures.requests else f"p95 {UNKNOWN}"


def _failed_share(live: LiveState) -> str:
    return f"{live.failures / live.requests * 100 if live.requests else 0:.2f} %"


def _bar(live: LiveState) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    bar = ProgressBar(total=max(live.total_s, 0.001), completed=min(live.elapsed_s, live.total_s))
    row.add_row(f"{clock(live.elapsed_s)} / {clock(live.total_s)}", bar, Text(phase_text(live), "bold"))
    return row


def _figures(live: LiveState) -> Table:
    """Now (the last five seconds) beside all that counts so far."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("", no_wrap=True)
    figures = live_figures(live)
    for figure in figures:
        table.add_column(figure.name, justify="right", no_wrap=True)
    table.add_row("now", *(figure.now for figure in figures))
    table.add_row(since_text(live), *(Text(figure.so_far, "red" if figure.alarm else "") for figure in figures))
    return table


def _users(live: LiveState) -> Text:
    text = Text()
    for role, count in users_by_role(live.users):
        text.append(f"{'  ' if text else ''}{role} ", "dim").append(count)
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
