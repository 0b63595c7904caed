"""The parts of the live view of a terminal: bar, figures, roles, operations, failures, what is watched, targets."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from perfsuite.model import ALL, LiveFailure, LiveLine, LiveState, TargetOutcome, TargetResult
from perfsuite.report.figures import UNKNOWN, clock, human, limit_text, with_unit
from perfsuite.report.live.gauges import Gauge, GaugeState
from perfsuite.report.live.texts import SINCE_START, STEADY_STATE, live_figures, phase_text, since_text, users_by_role
from perfsuite.report.terminal.console import TARGET_STYLES
from perfsuite.report.text import clean, shortened
from perfsuite.report.wording import target_title, unjudged_reasons

_NARROWEST = 20
_SLOWEST_IN_LINE, _FAILED_IN_LINES = 3, 2
_NUMBER = 7
"""Columns that a figure has at least, so that the table stands still while figures change."""
_NAMES = 12
"""Columns of the names of facts, with the gap behind them."""

_GAUGE_STYLES = {
    GaugeState.FINE: "",
    GaugeState.NEAR: "yellow",
    GaugeState.FULL: "bold red",
    GaugeState.GAP: "dim",
}


def bar(live: LiveState) -> Table:
    """Time, how much of it has passed, phase."""
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    passed = ProgressBar(
        total=max(live.total_s, 0.001),
        completed=min(live.elapsed_s, live.total_s),
        complete_style="cyan",  # rich's own is a red that looks like an alarm
        finished_style="cyan",
    )
    row.add_row(f"{clock(live.elapsed_s)} / {clock(live.total_s)}", passed, Text(phase_text(live), "bold"))
    return row


def figures_table(live: LiveState) -> Table:
    """Now (the last five seconds) beside all that counts so far."""
    table = _table("")
    table.columns[0].min_width = max(len(SINCE_START), len(STEADY_STATE))
    figures = live_figures(live)
    for figure in figures:
        table.add_column(figure.name, justify="right", no_wrap=True, min_width=_NUMBER)
    table.add_row("now", *(figure.now for figure in figures))
    table.add_row(since_text(live), *(Text(figure.so_far, "red" if figure.alarm else "") for figure in figures))
    return table


def facts(live: LiveState, shown: Iterable[Gauge], width: int) -> Table:
    """Users, the slowest operations, failures, and each part of the target that is watched, as lines with a name."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    room = width - _NAMES
    grid.add_row("users", _packed([_pair(role, count) for role, count in users_by_role(live.users)], room))
    slowest = [_pair(clean(line.name), with_unit("avg_ms", line.avg_ms)) for line in live.operations[:_SLOWEST_IN_LINE]]
    first, *_more = _packed(slowest, room).split("\n") or [Text(UNKNOWN, "dim")]
    grid.add_row("slowest", first)
    failed = live.failed[:_FAILED_IN_LINES]
    for number, failure in enumerate(failed):
        grid.add_row("" if number else Text("failed", "red"), _failure(failure))
    if not failed:
        grid.add_row("failed", Text("nothing", "dim"))
    _add_gauges(grid, shown, room)
    return grid


def gauge_table(shown: Iterable[Gauge], width: int) -> Table:
    """A line for each part of the target; what is near its limit is coloured."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    _add_gauges(grid, shown, width - _NAMES)
    return grid


def role_table(live: LiveState) -> Table:
    """Users, and what they saw in the last 30 s."""
    table = _table("Role, last 30 s", ">Users", ">Requests", ">Avg ms", ">Failed")
    told = {line.name: line for line in live.roles}
    for role, count in live.users.items():
        line = told.get(role, LiveLine(role, 0, None, 0))
        table.add_row(Text(shortened(role.replace("_", " "), 24)), f"{count:,}", *_figures_of(line))
    return table


def slowest_table(lines: Iterable[LiveLine]) -> Table:
    """The operations of the last 30 s, the slowest first."""
    table = _table("Slowest, last 30 s", ">Requests", ">Avg ms", ">Failed")
    for line in lines:
        table.add_row(Text(shortened(line.name, 28)), *_figures_of(line))
    return table


def failed_table(failures: Iterable[LiveFailure], more: int) -> Table:
    """What failed since the start, the most frequent first."""
    table = _table(">Failed", "Operation", "What, since the start")
    for failure in failures:
        what = Text(clean(f"{failure.kind}: {failure.message}"), no_wrap=True, overflow="ellipsis")
        table.add_row(Text(f"{failure.count:,}", "red"), Text(_operation(failure)), what)
    if more > 0:
        table.add_row("", Text(f"and {more:,} more", "dim"), "")
    table.columns[0].min_width = len("Failed")
    return table


def targets_table(shown: Sequence[TargetResult], more: int) -> Table:
    """Each target as it stands."""
    table = _table("Target", ">Observed", ">Limit", "So far")
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


def missed_lines(targets: Iterable[TargetResult], width: int) -> list[str]:
    """Why targets are missed, in lines that leave room for an ellipsis."""
    missed = (result.reason for result in targets if result.outcome is TargetOutcome.MISSED and result.reason)
    return _wrapped(missed, width)


def unjudged_lines(targets: Iterable[TargetResult], width: int) -> list[str]:
    """Why targets are not judged, the same way."""
    return _wrapped(unjudged_reasons(targets), width)


def _wrapped(reasons: Iterable[str], width: int) -> list[str]:
    room = max(width - 2, _NARROWEST)
    marks = {"initial_indent": "– ", "subsequent_indent": "  "}
    each = (textwrap.wrap(clean(reason), room, break_on_hyphens=False, **marks) for reason in reasons)  # type: ignore[arg-type]
    return [line for lines in each for line in lines]


def _table(*titles: str) -> Table:
    """A table without frames; a title that begins with ">" heads a column of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for title in titles:
        table.add_column(title.lstrip(">"), justify="right" if title.startswith(">") else "left", no_wrap=True)
    return table


def _pair(name: str, value: str, style: str = "") -> Text:
    return Text().append(f"{name} ", "dim").append(value, style)


def _packed(pairs: Sequence[Text], width: int) -> Text:
    """As many pairs on a line as it has room for, none of them broken."""
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
    text = Text(no_wrap=True, overflow="ellipsis").append(f"{failure.count:,}", "red")
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
    failed = Text(f"{line.failures:,}", "red" if line.failures else "")
    return f"{line.requests:,}", human("avg_ms", line.avg_ms), failed
