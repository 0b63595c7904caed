"""What a moment of a run says in words and figures, once for the terminal and the live page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perfsuite.model import LiveState, Statistics, Summary, TargetOutcome, TargetResult
from perfsuite.report.figures import human
from perfsuite.report.text import clean, plural

UNANSWERED_FROM_S = 3
"""So many seconds without any answer are worth a word."""
STEADY_STATE = "steady state"
SINCE_START = "since the start"
_RATE_AND_TIMES = ("rps", "avg_ms", "p95_ms")


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """One figure, over the last five seconds and over all that counts so far; "" where it has no such side.

    `alarm`: it tells of failures.
    """

    name: str
    now: str
    so_far: str
    alarm: bool = False


def phase_text(live: LiveState) -> str:
    """The phase as it is shown: the plateau is "steady" once it has settled."""
    return "steady" if live.steady and live.phase == "plateau" else clean(live.phase)


def since_text(live: LiveState) -> str:
    """What the figures so far cover."""
    return STEADY_STATE if live.steady else SINCE_START


def silence_text(live: LiveState) -> str:
    """That the target gives no answer; "" while it does."""
    if live.unanswered_s < UNANSWERED_FROM_S:
        return ""
    return f"No answer from the target for {plural(live.unanswered_s, 'second')}"


def live_figures(live: LiveState) -> tuple[LiveFigure, ...]:
    """The main figures of a moment, in reading order."""
    users = f"{sum(live.users.values()):,}/{live.users_requested:,}"
    return _figures(users, live.statistics, (live.rps_now, live.avg_now_ms, live.p95_now_ms))


def final_figures(summary: Summary) -> tuple[LiveFigure, ...]:
    """The same, over the steady state of a run that has ended."""
    return _figures(f"{summary.users.peak:,}/{summary.users.requested:,}", summary.totals, None)


def _figures(
    users: str, so_far: Statistics, now: tuple[float, float | None, float | None] | None
) -> tuple[LiveFigure, ...]:
    rps, average, p95 = ("", "", "") if now is None else map(human, _RATE_AND_TIMES, now)
    failed = so_far.failures > 0
    return (
        LiveFigure("Users", users, ""),
        LiveFigure("Requests", "", f"{so_far.requests:,}"),
        LiveFigure("Req/s", rps, human("rps", so_far.rps)),
        LiveFigure("Avg ms", average, human("avg_ms", so_far.avg_ms)),
        LiveFigure("p95 ms", p95, human("p95_ms", so_far.p95_ms)),
        LiveFigure("Failures", "", f"{so_far.failures:,}", alarm=failed),
        LiveFigure("Rate", "", human("failure_rate", so_far.failure_rate), alarm=failed),
    )


def users_by_role(users: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Role and its users."""
    return tuple((clean(role.replace("_", " ")), f"{count:,}") for role, count in users.items())


def worst_first(targets: Sequence[TargetResult]) -> list[TargetResult]:
    """Missed ones first, so that they are seen where there are many; else as they are."""
    return sorted(targets, key=lambda result: result.outcome is not TargetOutcome.MISSED)
