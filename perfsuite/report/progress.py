"""Where a run stands while it goes on: one line for a log, or a live view for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from perfsuite.model import LiveState, Moment, TargetOutcome, TargetResult
from perfsuite.report.console import TARGET_STYLES, outcome_counts
from perfsuite.report.figures import clock, human, limit_text, percent, with_unit
from perfsuite.report.text import clean, plural, shortened
from perfsuite.report.wording import target_title

UNANSWERED_FROM_S = 3
"""So many seconds without any answer are worth a word."""


def render_progress(moment: Moment) -> str:
    """One plain line: time, phase, users, requests/s, p95, failures, state of the targets."""
    live = moment.live
    p95 = "–" if live.p95_now_ms is None else f"{live.p95_now_ms:,.0f} ms"
    parts = [
        f"{clock(live.elapsed_s)}/{clock(live.total_s)} {_phase(live)}",
        f"users {sum(live.users.values()):,}/{live.users_requested:,}",
        f"{live.rps_now:,.1f} req/s",
        f"p95 {p95}",
        f"failures {live.failures:,} ({_failed_share(live)})",
    ]
    if moment.targets:
        parts.append(f"targets {outcome_counts(moment.targets)}")
    if live.unanswered_s >= UNANSWERED_FROM_S:
        parts.append(f"NO ANSWER for {live.unanswered_s} s")
    return "  ".join(parts)


def live_view(moment: Moment) -> RenderableType:
    """The same for a terminal: bar, figures, users by role and targets. Fits 80 columns and 24 lines.

    For `rich.live.Live.update`.
    """
    live, targets = moment.live, moment.targets
    title = clean(f"{moment.scenario} · {moment.host}")
    parts: list[RenderableType] = [Text(title, "bold", no_wrap=True, overflow="ellipsis"), ""]
    parts += [_bar(live), "", _figures(live), "", _users(live)]
    if live.unanswered_s >= UNANSWERED_FROM_S:
        parts += ["", Text(f"No answer from the target for {plural(live.unanswered_s, 'second')}", "bold red")]
    if targets:
        parts += ["", _targets(live, targets)]
    return Group(*parts)


def _phase(live: LiveState) -> str:
    return "steady" if live.steady and live.phase == "plateau" else clean(live.phase)


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
        "steady state" if live.steady else "since the start",
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


def _targets(live: LiveState, targets: Sequence[TargetResult]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name in ("Target", "Observed", "Limit", "So far", "Reason"):
        number = name in ("Observed", "Limit")
        # Only the reason may shrink.
        table.add_column(name, justify="right" if number else "left", no_wrap=name != "Reason")
    for result in _worst_first(targets)[:8]:
        table.add_row(
            Text(shortened(target_title(result), 32)),
            with_unit(result.metric, result.observed),
            limit_text(result.metric, result.limit, below=result.below),
            Text(result.outcome.value, TARGET_STYLES[result.outcome]),
            Text(clean(result.reason), "dim", no_wrap=True, overflow="ellipsis"),
        )
    if len(targets) > 8:
        table.add_row(Text(f"and {len(targets) - 8} more", "dim"))
    return table


def _worst_first(targets: Sequence[TargetResult]) -> list[TargetResult]:
    """Missed ones first, so that they are seen where there are many; else as they are."""
    return sorted(targets, key=lambda result: result.outcome is not TargetOutcome.MISSED)
