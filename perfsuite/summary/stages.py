"""The figures of each stage of a scenario, and how long the target took to recover from a spike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from perfsuite.measurements.totals import Due, RequestTotals
from perfsuite.model import ALL, Plan, Row, Second, StageFigures, Statistics
from perfsuite.model.role import Role
from perfsuite.model.stages import Recovery, StageSeconds, StageSpan, place_before, spans_of
from perfsuite.roles.mix import users_by_role
from perfsuite.summary.figures import statistics
from perfsuite.summary.periods import RunTimeline
from perfsuite.summary.rows import RowOrder, rows_of

_MARGIN = 1.1
"""The range reaches so far beyond the highest average before: what always takes the same time has none of its own."""
BACK_FOR_S = 3
"""A second that is back in the range counts if so many from it on are so together: of each by itself, one in four
healthy groups of three would have one beyond the highest of nine."""
SEPARATOR = " + "


def stage_sets(plan: Plan) -> list[tuple[str, ...]]:
    """Each stage alone, then those that a target names together."""
    alone = [(stage.name,) for stage in plan.scenario.stages]
    return list(dict.fromkeys([*alone, *(target.stages for target in plan.targets if len(target.stages) > 1)]))


def seconds_of(names: Iterable[str], when: RunTimeline) -> list[int]:
    """The seconds that the figures of these stages are over."""
    chosen = [stage.counted for stage in when.stages if stage.name in names]
    return [second for start, end in chosen for second in range(start, end)]


def stage_rows(plan: Plan, due: Mapping[int, Sequence[Due]], when: RunTimeline, order: RowOrder) -> tuple[Row, ...]:
    """The rows of each stage that began, and of the sets of stages that targets name."""
    rows: list[Row] = []
    for names in stage_sets(plan):
        if seconds := seconds_of(names, when):
            records = [record for second in seconds for record in due.get(second, ())]
            rows += rows_of(SEPARATOR.join(names), records, len(seconds), order)
    return tuple(rows)


def stage_figures(
    plan: Plan, when: RunTimeline, rows: Sequence[Row], seconds: Sequence[Second], roles: Sequence[Role]
) -> tuple[StageFigures, ...]:
    """One for each stage that began."""
    totals = {row.period: row for row in rows if row.role == row.behaviour == row.operation == ALL}
    spans = {span.stage.name: span for span in spans_of(plan.scenario.stages)}
    nothing = statistics(RequestTotals(), 0)
    working = [role for role in roles if plan.users_by_role.get(role.slug)]
    found: list[StageFigures] = []
    for stage in when.stages:
        if stage.name not in spans:
            continue  # a visit of a search that the end cut off before it counted
        span, total = spans[stage.name], totals.get(stage.name)
        users = span.stage.users
        found.append(
            StageFigures(
                span=span,
                seconds=stage,
                users_by_role=dict(plan.users_by_role) if users is None else users_by_role(users, working),
                statistics=total.statistics if total else nothing,
                ok=total.ok if total else None,
                # A search measures it by its targets.
                recovery=None if plan.capacity else _recovery(stage.name, spans, when.stages, seconds),
            )
        )
    return tuple(found)


# ── recovery ────────────────────────────────────────────────────────────────────────────────────────────────


def _recovery(
    name: str, spans: Mapping[str, StageSpan], stages: Sequence[StageSeconds], seconds: Sequence[Second]
) -> Recovery | None:
    """None for a stage that is not on or below the level of an earlier one, with a higher one between."""
    places = [stage.name for stage in stages]
    here = places.index(name)
    before = place_before(here, [spans[each] for each in places])
    if before is None or stages[before].steady is None:
        return None
    figures = {second.second: second.statistics for second in seconds}
    known = [avg_ms for each in range(*stages[before].counted) if (avg_ms := _mean_ms(figures, each, each + 1))]
    if not known:
        return None
    range_ms, (first, stop) = _MARGIN * max(known), (stages[here].first, stages[here].stop)
    since = next(
        (
            at - first
            for at in range(first, stop - BACK_FOR_S + 1)
            if all((_mean_ms(figures, at, at + length_s) or math.inf) <= range_ms for length_s in (1, BACK_FOR_S))
        ),
        None,
    )
    highest = max(places[here - 1 : before : -1], key=lambda each: spans[each].end_level)
    return Recovery(
        before=places[before],
        highest=highest,
        range_ms=range_ms,
        recovery_s=None if since is None else float(since),
        watched_s=float(stop - first),
    )


def _mean_ms(figures: Mapping[int, Statistics], start: int, stop: int) -> float | None:
    """Over the requests of some seconds; None where one of these has none."""
    chosen = [figures[second] for second in range(start, stop) if second in figures]
    if len(chosen) < stop - start or not all(each.requests and each.avg_ms is not None for each in chosen):
        return None
    return sum(each.requests * (each.avg_ms or 0.0) for each in chosen) / sum(each.requests for each in chosen)
