"""The figures of each stage of a scenario, and how long the target took to recover from a spike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perfsuite.measurements.totals import Due, RequestTotals
from perfsuite.model import ALL, Plan, Row, Second, StageFigures
from perfsuite.model.role import Role
from perfsuite.model.stages import Recovery, StageSeconds, StageSpan, place_before, spans_of
from perfsuite.roles.mix import users_by_role
from perfsuite.summary.figures import statistics
from perfsuite.summary.periods import RunTimeline
from perfsuite.summary.rows import RowOrder, rows_of

BACK_FOR_S = 3
"""So many seconds in a row have to be back in the range."""
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
        span, total = spans[stage.name], totals.get(stage.name)
        users = span.stage.users
        found.append(
            StageFigures(
                span=span,
                seconds=stage,
                users_by_role=dict(plan.users_by_role) if users is None else users_by_role(users, working),
                statistics=total.statistics if total else nothing,
                ok=total.ok if total else None,
                recovery=_recovery(stage.name, spans, when.stages, seconds),
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
    averages = {second.second: second.statistics.avg_ms for second in seconds}
    known = [value for each in range(*stages[before].counted) if (value := averages.get(each)) is not None]
    if not known:
        return None
    back = [
        (value := averages.get(each)) is not None and value <= max(known)
        for each in range(stages[here].first, stages[here].stop)
    ]
    since = next((at for at in range(len(back) - BACK_FOR_S + 1) if all(back[at : at + BACK_FOR_S])), None)
    highest = max(places[here - 1 : before : -1], key=lambda each: spans[each].end_level)
    return Recovery(
        before=places[before],
        highest=highest,
        range_ms=max(known),
        recovery_s=None if since is None else float(since),
        watched_s=float(len(back)),
    )
