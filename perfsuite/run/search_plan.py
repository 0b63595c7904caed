"""The plan of a search for the capacity as text: its levels, how long it may take, its targets."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perfsuite.capacity.constraints import Constraint, SecondSample
from perfsuite.capacity.records import SearchSettings, Visit, VisitResult
from perfsuite.capacity.search import Search
from perfsuite.format import bound, listed, number, option_duration, setting
from perfsuite.messages.capacity import NotAnsweredText, SearchPlanLine
from perfsuite.model import CapacityPlan, Plan, SearchBy
from perfsuite.model.capacity import VisitPhase
from perfsuite.plan.dry_run import heading_lines, user_lines
from perfsuite.report.capacity import target_text
from perfsuite.roles import ROLES
from perfsuite.roles.mix import arriving_rps, offered_rps, users_by_role
from perfsuite.roles.work import roles_of, sending_roles
from perfsuite.run.capacity import searched_targets, settings_of


def render_search(plan: Plan) -> str:
    """What `--dry-run` prints of a search."""
    asked = plan.capacity
    if asked is None:
        raise AssertionError("a plan without a search")
    constraints, others = searched_targets(plan)
    unit = "actions/s" if asked.by is SearchBy.ARRIVAL_RATE else "users"
    loads = rising_loads(settings_of(plan, constraints))
    lines = [
        *heading_lines(plan),
        "Search",
        f"  {SearchPlanLine.DURATION(duration=option_duration(asked.duration_s))}",
        f"  {SearchPlanLine.LOADS(loads=listed([setting(load) for load in loads]), unit=unit)}",
        f"  {SearchPlanLine.THEN()}",
        f"  {_requests(plan, asked)}",
    ]
    if asked.by is SearchBy.ARRIVAL_RATE:
        lines.append(f"  {SearchPlanLine.SESSIONS(sessions=plan.scenario.users, most=asked.most)}")
    if asked.at_least is not None:
        lines.append(f"  {SearchPlanLine.GATE(load=asked.at_least, unit=unit)}")
    lines += user_lines(plan, roles_of(plan.scenario, ROLES))
    lines.append("Targets")
    lines += [f"  {_target(each)}" for each in constraints]
    lines += [f"  {target_text(each)}: {NotAnsweredText.METRIC()}" for each in others]
    return "\n".join(lines)


def _target(constraint: Constraint) -> str:
    target = constraint.target
    limit = f"{target.metric} {bound(target.metric, target.limit, below=target.below)}"
    return f"{target_text(target)} ({limit}): {SearchPlanLine.TAKES_PART()}"


def _requests(plan: Plan, asked: CapacityPlan) -> str:
    low, high = (_rps(plan, asked, load) for load in (asked.start, asked.most))
    if math.isinf(high):
        return SearchPlanLine.NO_THINK_TIMES()
    return SearchPlanLine.REQUESTS(low=number(low), high=number(high), most=round(high * asked.duration_s))


def _rps(plan: Plan, asked: CapacityPlan, load: float) -> float:
    """Requests/s where answers take no time."""
    if asked.by is SearchBy.ARRIVAL_RATE:
        return arriving_rps(load, plan.users_by_role, sending_roles(plan.scenario, ROLES))
    roles = sending_roles(plan.scenario, ROLES)
    return offered_rps(users_by_role(round(load), roles), roles, 0.0)


def rising_loads(settings: SearchSettings) -> Sequence[float]:
    """The loads that are tried as long as all targets are met."""
    search, loads = Search(settings), list[float]()
    while isinstance(visit := search.next(), Visit) and visit.phase is VisitPhase.BRACKET:
        loads.append(visit.load)
        passed = tuple(
            tuple(SecondSample(1, begun=1, ended=1) for _second in range(visit.seconds)) for _ in settings.constraints
        )
        counts = tuple(1 for _second in range(visit.seconds))
        search.add(VisitResult(visit, passed, counts, counts))
    return loads
