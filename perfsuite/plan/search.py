"""The plan of a run and the options of a search for the capacity → the plan of that search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Arrival, CapacityPlan, Plan, SearchBy, Target
from perfsuite.model.role import Role
from perfsuite.model.summary import PERCENTILES
from perfsuite.plan.search_options import SearchOptions
from perfsuite.roles.mix import sessions_by_role

START_USERS, START_RATE = 28.0, 8.0
"""The first load. Where that is too much already, its half and its quarter are tried: each role has a user then."""
HEADROOM = 2.0
"""Sessions for answers that take so many times the response-time limit: what waits, waits for the target."""
_LIMIT_S = 0.5


def with_search(plan: Plan, asked: SearchOptions, roles: Sequence[Role]) -> Plan:
    """The plan of a run as one of a search. Raises UsageError where its options contradict each other."""
    by, scenario = SearchBy(asked.by), plan.scenario
    working = [role for role in roles if plan.users_by_role.get(role.slug)]
    session_s = HEADROOM * _limit_s(plan.targets)
    if by is SearchBy.USERS:
        most, start, scenario = float(asked.most_users), START_USERS, replace(scenario, arrival=None)
    else:
        most, start = _most_rate(asked.most_users, working, session_s), START_RATE
        arrival = scenario.arrival or Arrival(most, poisson=True)
        scenario = replace(scenario, arrival=replace(arrival, rate=most, rate_end=None))
    if asked.at_least is not None and asked.at_least > most:
        raise UsageError(PlanMessage.AT_LEAST_BEYOND(load=asked.at_least, most=most, unit=_UNITS[by]))
    capacity = CapacityPlan(by, min(start, most), most, asked.most_s, asked.at_least, session_s)
    targets = tuple(replace(target, abort_after_s=None) for target in plan.targets)  # a level ends, not the run
    return replace(plan, scenario=scenario, targets=targets, capacity=capacity)


_UNITS = {SearchBy.USERS: "users", SearchBy.ARRIVAL_RATE: "actions/s"}


def _limit_s(targets: Sequence[Target]) -> float:
    """The longest response time that the targets allow on average, as far as they say."""
    averages = [each.limit for each in targets if each.metric == "avg_ms" and each.below]
    percentiles = [each.limit for each in targets if each.metric in PERCENTILES and each.below]
    return max(averages or percentiles or [1000 * _LIMIT_S]) / 1000


def _most_rate(sessions: int, roles: Sequence[Role], session_s: float) -> float:
    """The highest rate for which there are enough sessions."""
    at_one = sum(role.weight * role.requests_per_action() for role in roles) / sum(role.weight for role in roles)
    few = sum(sessions_by_role(0.0, roles, session_s).values()) + len(roles)
    rate = (sessions - few) / (at_one * session_s)
    if rate < 1:
        needed = sum(sessions_by_role(1.0, roles, session_s).values()) + len(roles)
        raise UsageError(PlanMessage.TOO_FEW_SESSIONS(sessions=sessions, needed=needed))
    return float(int(rate))
