"""Where a run stands while it goes on: one line for a log, or a live view for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from perfsuite.model import LiveState, Moment
from perfsuite.report.figures import UNKNOWN, clock, with_unit
from perfsuite.report.live.gauges import gauges, gauges_in_short
from perfsuite.report.live.parts import (
    bar,
    facts,
    failed_table,
    figures_table,
    gauge_table,
    missed_lines,
    role_table,
    slowest_table,
    targets_table,
    unjudged_lines,
)
from perfsuite.report.live.texts import UNANSWERED_FROM_S, phase_text, silence_text, since_text, worst_first
from perfsuite.report.terminal.console import outcome_counts
from perfsuite.report.text import clean

WIDE = 120
"""From so many columns on, two stand side by side."""
_MOST_REASONS = 4
"""Lines that are kept for why targets are missed where not all targets can be shown."""
_FEWEST_TARGETS = 2
_FEWEST_SLOWEST, _MOST_SLOWEST = 3, 12
_MANY_LINES = 30
_GAP = 4


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
    """The same for a terminal: bar, figures, users, the slowest operations, failures, what is watched, targets.

    Fits 80 columns and 24 lines; a wide terminal shows roles, operations and failures as tables beside the targets,
    a higher one more of them. For `rich.live.Live.update`.
    """
    return _View(moment)


class _View:
    """Lays itself out in the columns and lines that the terminal has."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = _Page(console, options)
        yield from page.put(*_top(self._moment))
        lower = _wide if options.max_width >= WIDE else _narrow
        yield from lower(self._moment, page)


@dataclass(slots=True)
class _Page:
    """What is left of the terminal."""

    console: Console
    options: ConsoleOptions
    used: int = 0

    @property
    def width(self) -> int:
        """Its columns."""
        return self.options.max_width

    @property
    def left(self) -> int:
        """Lines that are free. A view that is taken away needs one for the cursor, or its first line stays."""
        return max(self.options.max_height - 1 - self.used, 0)

    def put(self, *parts: RenderableType) -> Iterator[RenderableType]:
        """The parts, counted."""
        for part in parts:
            self.used += self.height(part, self.width)
            yield part

    def height(self, part: RenderableType, width: int) -> int:
        """Lines that a part takes."""
        return len(self.console.render_lines(part, self.options.update_width(max(width, 1)), pad=False))


def _top(moment: Moment) -> Iterator[RenderableType]:
    live = moment.live
    yield Text(clean(f"{moment.scenario} · {moment.host}"), "bold", no_wrap=True, overflow="ellipsis")
    yield bar(live)
    yield figures_table(live)
    if silence := silence_text(live):
        yield Text(silence, "bold red")
    yield ""


def _narrow(moment: Moment, page: _Page) -> Iterator[RenderableType]:
    yield from page.put(facts(moment.live, gauges(moment), page.width))
    if moment.targets and page.left > _FEWEST_TARGETS:
        yield from page.put("")
        yield from _targets(moment, page.width, page.left)


def _targets(moment: Moment, width: int, lines: int) -> list[RenderableType]:
    """As many targets as there are lines for, the missed ones first; below them why, as far as it fits."""
    missed = missed_lines(moment.targets, width)
    room = max(lines - 1 - min(len(missed), _MOST_REASONS), _FEWEST_TARGETS)
    ordered = worst_first(moment.targets)
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    left = max(lines - 1 - min(len(ordered), room), 0)
    reasons = _first(left, [*missed, *unjudged_lines(moment.targets, width)])
    told = (Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in reasons)
    return [targets_table(shown, len(ordered) - len(shown)), *told]


def _wide(moment: Moment, page: _Page) -> Iterator[RenderableType]:
    """Targets and what is watched on the left, roles and operations on the right, failures below."""
    live, half = moment.live, (page.width - _GAP) // 2
    failed = live.failed[: 5 if page.left >= _MANY_LINES else 2]
    below: list[RenderableType] = ["", failed_table(failed, len(live.failed) - len(failed))] if failed else []
    lines = page.left - sum(page.height(part, page.width) for part in below)
    watched: list[RenderableType] = ["", gauge_table(shown, half)] if (shown := gauges(moment)) else []
    free = lines - sum(page.height(part, half) for part in watched)
    beside: list[RenderableType] = [role_table(live)]
    rest = lines - page.height(beside[0], half) - 2
    if live.operations and rest >= _FEWEST_SLOWEST:
        beside += ["", slowest_table(live.operations[: min(rest, _MOST_SLOWEST)])]
    left: Sequence[RenderableType] = _targets(moment, half, free) if moment.targets else []
    columns = Table.grid(padding=(0, _GAP, 0, 0), expand=True)
    columns.add_column(width=half)
    columns.add_column(width=half)
    columns.add_row(_stack([*left, *watched]), _stack(beside))
    yield from page.put(columns, *below)


def _stack(parts: Sequence[RenderableType]) -> Table:
    stack = Table.grid()
    for part in parts:
        stack.add_row(part)
    return stack


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
