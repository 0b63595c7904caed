"""A run in progress: one line for a log, or a live view for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from perfsuite.format import UNKNOWN, bound, clock, figure, number, percent, plain, plural
from perfsuite.model import ALL, LiveFailure, LiveLine, LiveSnapshot, LiveState, TargetOutcome, TargetResult
from perfsuite.report.live.figures import (
    SINCE_START,
    STEADY_STATE,
    UNANSWERED_FROM_S,
    Gauge,
    GaugeState,
    alert_text,
    gauges,
    gauges_in_short,
    live_figures,
    phase_text,
    since_text,
    users_by_role,
    worst_first,
)
from perfsuite.report.terminal.console import TARGET_STYLES, plain_table
from perfsuite.report.text import clean, shortened
from perfsuite.report.wording import outcome_counts, target_title, unjudged_reasons

WIDE = 120
"""From this width on, the view has two columns."""
_MAX_REASONS = 4
"""Lines reserved for the reasons of missed targets when not all targets fit."""
_MIN_TARGETS = 2
_MIN_SLOWEST, _MAX_SLOWEST = 3, 12
_TALL = 30
"""Lines from which on more failures are shown."""
_GAP = 4
_MIN_WIDTH = 20
_SLOWEST_SHOWN, _FAILED_SHOWN = 3, 2
_FIGURE_WIDTH = 6
"""Columns of a figure at least, so that the table does not move while figures change."""
_NAME_WIDTH = 12
"""Columns of the names of facts, including the gap after them."""
_GAUGE_STYLES = {
    GaugeState.FINE: "",
    GaugeState.NEAR: "yellow",
    GaugeState.FULL: "bold red",
    GaugeState.GAP: "dim",
}


def render_progress(snapshot: LiveSnapshot) -> str:
    """One plain line: time, phase, users, requests/s, p95, failures, monitored metrics, targets."""
    live = snapshot.live
    parts = [
        f"{clock(live.elapsed_s)}/{clock(live.total_s)} {phase_text(live)}",
        f"users {number(sum(live.users.values()))}/{number(live.users_requested)}",
        figure("rps", live.rps_now),
        _times(live),
        f"failures {number(live.failures)} ({_failed_share(live)})",
    ]
    if figures := gauges_in_short(snapshot):
        parts.append(figures)
    if snapshot.targets:
        parts.append(f"targets {outcome_counts(snapshot.targets)}")
    if live.violations:
        parts.append(f"WRONG UNDER LOAD ({plural(live.violations, 'violation')})")
    if live.unanswered_s >= UNANSWERED_FROM_S:
        parts.append(f"NO RESPONSE for {live.unanswered_s} s")
    return "  ".join(parts)


def live_view(snapshot: LiveSnapshot) -> RenderableType:
    """The live view for `rich.live.Live.update`.

    Fits 80 columns and 24 lines. A wide terminal shows roles, operations and failures as tables beside the targets; a
    taller one shows more of them.
    """
    return _View(snapshot)


class _View:
    """Fits itself into the width and height of the terminal."""

    def __init__(self, snapshot: LiveSnapshot) -> None:
        self._snapshot = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = _Screen(console, options)
        yield from page.put(*_top(self._snapshot))
        lower = _wide if options.max_width >= WIDE else _narrow
        yield from lower(self._snapshot, page)


@dataclass(slots=True)
class _Screen:
    """The terminal, and the lines of it that are used."""

    console: Console
    options: ConsoleOptions
    used: int = 0

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return self.options.max_width

    @property
    def left(self) -> int:
        """Free lines, less one for the cursor: without it, removing the view would leave its first line behind."""
        return max(self.options.max_height - 1 - self.used, 0)

    def put(self, *parts: RenderableType) -> Iterator[RenderableType]:
        """Yield the parts and count their lines."""
        for part in parts:
            self.used += self.height(part, self.width)
            yield part

    def height(self, part: RenderableType, width: int) -> int:
        """Lines that a part needs."""
        return len(self.console.render_lines(part, self.options.update_width(max(width, 1)), pad=False))


def _top(snapshot: LiveSnapshot) -> Iterator[RenderableType]:
    live = snapshot.live
    yield Text(clean(f"{snapshot.scenario} · {snapshot.host}"), "bold", no_wrap=True, overflow="ellipsis")
    yield bar(live)
    yield figures_table(live)
    if alert := alert_text(live):
        yield Text(alert, "bold red")
    yield ""


def _narrow(snapshot: LiveSnapshot, page: _Screen) -> Iterator[RenderableType]:
    yield from page.put(facts(snapshot.live, gauges(snapshot), page.width))
    if snapshot.targets and page.left > _MIN_TARGETS:
        yield from page.put("")
        yield from _targets(snapshot, page.width, page.left)


def _targets(snapshot: LiveSnapshot, width: int, lines: int) -> list[RenderableType]:
    """As many targets as fit, missed ones first, followed by as many reasons as fit."""
    missed = missed_lines(snapshot.targets, width)
    space = max(lines - 1 - min(len(missed), _MAX_REASONS), _MIN_TARGETS)
    ordered = worst_first(snapshot.targets)
    shown = ordered if len(ordered) <= space else ordered[: space - 1]
    left = max(lines - 1 - min(len(ordered), space), 0)
    reasons = _first(left, [*missed, *unjudged_lines(snapshot.targets, width)])
    why = (Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in reasons)
    return [targets_table(shown, len(ordered) - len(shown)), *why]


def _wide(snapshot: LiveSnapshot, page: _Screen) -> Iterator[RenderableType]:
    """Targets and monitored metrics on the left, roles and operations on the right, failures below."""
    live, half = snapshot.live, (page.width - _GAP) // 2
    failed = live.failed[: 5 if page.left >= _TALL else 2]
    below: list[RenderableType] = ["", failed_table(failed, len(live.failed) - len(failed))] if failed else []
    lines = page.left - sum(page.height(part, page.width) for part in below)
    monitored: list[RenderableType] = ["", gauge_table(shown, half)] if (shown := gauges(snapshot)) else []
    free = lines - sum(page.height(part, half) for part in monitored)
    beside: list[RenderableType] = [role_table(live)]
    rest = lines - page.height(beside[0], half) - 2
    if live.operations and rest >= _MIN_SLOWEST:
        beside += ["", slowest_table(live.operations[: min(rest, _MAX_SLOWEST)])]
    left: Sequence[RenderableType] = _targets(snapshot, half, free) if snapshot.targets else []
    columns = Table.grid(padding=(0, _GAP, 0, 0), expand=True)
    columns.add_column(width=half)
    columns.add_column(width=half)
    columns.add_row(_stack([*left, *monitored]), _stack(beside))
    yield from page.put(columns, *below)


def _stack(parts: Sequence[RenderableType]) -> Table:
    stack = Table.grid()
    for part in parts:
        stack.add_row(part)
    return stack


def _first(count: int, lines: list[str]) -> list[str]:
    """The first `count` lines, ending with an ellipsis if there are more."""
    if not 0 < count < len(lines):
        return lines[:count]
    return [*lines[: count - 1], f"{lines[count - 1]} …"]


def _times(live: LiveState) -> str:
    """p95 of the last five seconds, or the p95 or mean so far (marked as such) while these have too few requests."""
    if live.p95_now_ms is not None:
        return f"p95 {figure('p95_ms', live.p95_now_ms)}"
    figures = live.statistics
    if figures.p95_ms is not None:
        return f"p95 {figure('p95_ms', figures.p95_ms)} ({since_text(live)})"
    return f"avg {figure('avg_ms', figures.avg_ms)} ({since_text(live)})" if figures.requests else f"p95 {UNKNOWN}"


def _failed_share(live: LiveState) -> str:
    return percent(live.failures / live.requests if live.requests else 0)


def bar(live: LiveState) -> Table:
    """Elapsed time, progress bar and phase."""
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    passed = ProgressBar(
        total=max(live.total_s, 0.001),
        completed=min(live.elapsed_s, live.total_s),
        complete_style="cyan",  # rich's default is a red that looks like an alarm
        finished_style="cyan",
    )
    row.add_row(f"{clock(live.elapsed_s)} / {clock(live.total_s)}", passed, Text(phase_text(live), "bold"))
    return row


def figures_table(live: LiveState) -> Table:
    """The figures of the last five seconds above those so far."""
    table = plain_table("", no_wrap=True)
    table.columns[0].min_width = max(len(SINCE_START), len(STEADY_STATE))
    figures = live_figures(live)
    for each in figures:
        table.add_column(each.name, justify="right", no_wrap=True, min_width=_FIGURE_WIDTH)
    table.add_row("now", *(each.now for each in figures))
    table.add_row(since_text(live), *(Text(each.so_far, "red" if each.alarm else "") for each in figures))
    return table


def facts(live: LiveState, shown: Iterable[Gauge], width: int) -> Table:
    """Named lines: users, slowest operations, failures, and the monitored metrics of each part of the target."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    space = width - _NAME_WIDTH
    grid.add_row("users", _packed([_pair(role, count) for role, count in users_by_role(live.users)], space))
    slowest = [_pair(clean(line.name), figure("avg_ms", line.avg_ms)) for line in live.operations[:_SLOWEST_SHOWN]]
    first, *_more = _packed(slowest, space).split("\n") or [Text(UNKNOWN, "dim")]
    grid.add_row("slowest", first)
    failed = live.failed[:_FAILED_SHOWN]
    for place, failure in enumerate(failed):
        grid.add_row("" if place else Text("failed", "red"), _failure(failure))
    if not failed:
        grid.add_row("failed", Text("nothing", "dim"))
    _add_gauges(grid, shown, space)
    return grid


def gauge_table(shown: Iterable[Gauge], width: int) -> Table:
    """A line for each part of the target; metrics near their limit are coloured."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    _add_gauges(grid, shown, width - _NAME_WIDTH)
    return grid


def role_table(live: LiveState) -> Table:
    """Each role: its users and their figures over the last 30 s."""
    table = plain_table("Role, last 30 s", ">Users", ">Requests", ">Avg ms", ">Failed", no_wrap=True)
    lines = {line.name: line for line in live.roles}
    for role, count in live.users.items():
        line = lines.get(role, LiveLine(role, 0, None, 0))
        table.add_row(Text(shortened(role.replace("_", " "), 24)), number(count), *_figures_of(line))
    return table


def slowest_table(lines: Iterable[LiveLine]) -> Table:
    """The slowest operations of the last 30 s."""
    table = plain_table("Slowest, last 30 s", ">Requests", ">Avg ms", ">Failed", no_wrap=True)
    for line in lines:
        table.add_row(Text(shortened(line.name, 28)), *_figures_of(line))
    return table


def failed_table(failures: Iterable[LiveFailure], more: int) -> Table:
    """Failures since the start, the most frequent first."""
    table = plain_table(">Failed", "Operation", "Failure, since the start", no_wrap=True)
    for failure in failures:
        what = Text(clean(f"{failure.kind}: {failure.message}"), no_wrap=True, overflow="ellipsis")
        table.add_row(Text(number(failure.count), "red"), Text(_operation(failure)), what)
    if more > 0:
        table.add_row("", Text(f"and {number(more)} more", "dim"), "")
    table.columns[0].min_width = len("Failed")
    return table


def targets_table(shown: Sequence[TargetResult], more: int) -> Table:
    """Each target and its outcome so far."""
    table = plain_table("Target", ">Observed", ">Limit", "So far", no_wrap=True)
    for result in shown:
        table.add_row(
            Text(shortened(target_title(result), 40)),
            plain(result.metric, result.observed),
            bound(result.metric, result.limit, below=result.below),
            Text(result.outcome.value, TARGET_STYLES[result.outcome]),
        )
    if more:
        table.add_row(Text(f"and {number(more)} more", "dim"))
    return table


def missed_lines(targets: Iterable[TargetResult], width: int) -> list[str]:
    """The reasons of missed targets, wrapped with space for an ellipsis."""
    missed = (result.reason for result in targets if result.outcome is TargetOutcome.MISSED and result.reason)
    return _wrapped(missed, width)


def unjudged_lines(targets: Iterable[TargetResult], width: int) -> list[str]:
    """The reasons of targets that are not judged, wrapped in the same way."""
    return _wrapped(unjudged_reasons(targets), width)


def _wrapped(reasons: Iterable[str], width: int) -> list[str]:
    width = max(width - 2, _MIN_WIDTH)
    marks = {"initial_indent": "– ", "subsequent_indent": "  "}
    each = (textwrap.wrap(clean(reason), width, break_on_hyphens=False, **marks) for reason in reasons)  # type: ignore[arg-type]
    return [line for lines in each for line in lines]


def _pair(name: str, value: str, style: str = "") -> Text:
    return Text().append(f"{name} ", "dim").append(value, style)


def _packed(pairs: Sequence[Text], width: int) -> Text:
    """The pairs, as many on each line as fit, none of them broken."""
    text, column = Text(), 0
    for pair in pairs:
        if column and column + 2 + len(pair) > width:
            text.append("\n")
            column = 0
        elif column:
            text.append("  ")
            column += 2
        text.append_text(pair)
        column += len(pair)
    return text


def _failure(failure: LiveFailure) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis").append(number(failure.count), "red")
    text.append(f"  {_operation(failure)}  ")
    return text.append(clean(failure.message), "dim")


def _operation(failure: LiveFailure) -> str:
    return "others" if failure.operation == ALL else shortened(failure.operation, 28)


def _add_gauges(grid: Table, shown: Iterable[Gauge], width: int) -> None:
    parts: dict[str, list[Text]] = {}
    for gauge in shown:
        parts.setdefault(gauge.part, []).append(_pair(gauge.label, gauge.text, _GAUGE_STYLES[gauge.state]))
    for part, pairs in parts.items():
        grid.add_row(Text(part), _packed(pairs, width))


def _figures_of(line: LiveLine) -> tuple[str, str, Text]:
    failed = Text(number(line.failures), "red" if line.failures else "")
    return number(line.requests), number(line.avg_ms), failed
