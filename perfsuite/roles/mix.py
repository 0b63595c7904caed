"""The mix of roles: users per role, the order in which they start, and the requests per second that they offer."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from perfsuite.model.role import Role


def users_by_role(total: int, roles: Sequence[Role]) -> dict[str, int]:
    """Role slug → users, by largest remainder of the weights; the sum is exactly `total`.

    With at least as many users as roles no role is empty: each empty role takes one user from the largest.
    """
    weights = sum(role.weight for role in roles)
    exact = {role.slug: Fraction(total * role.weight, weights) for role in roles}
    counts = {slug: int(share) for slug, share in exact.items()}
    by_remainder = sorted(roles, key=lambda role: exact[role.slug] - counts[role.slug], reverse=True)
    for role in by_remainder[: total - sum(counts.values())]:
        counts[role.slug] += 1
    if total >= len(roles):
        for slug in [slug for slug, count in counts.items() if count == 0]:
            largest = max(counts, key=lambda name: counts[name])
            counts[largest] -= 1
            counts[slug] += 1
    return counts


def sessions_by_role(actions_per_s: float, roles: Sequence[Role], session_s: float) -> dict[str, int]:
    """Role slug → sessions that its actions need where each request takes `session_s`, and two more: of few sessions,
    all are busy by chance from time to time."""
    weights = sum(role.weight for role in roles)
    return {
        role.slug: 2 + math.ceil(actions_per_s * role.weight / weights * role.requests_per_action() * session_s)
        for role in roles
    }


def start_order(counts: dict[str, int]) -> list[str]:
    """The roles of the 1st, 2nd, … user: a fixed order in which every prefix is close to the final mix.

    Smooth weighted round-robin: the role furthest behind its share starts the next user.
    """
    total = sum(counts.values())
    started = dict.fromkeys(counts, 0)
    order: list[str] = []
    for position in range(1, total + 1):
        # In units of 1 / total, so that whole numbers do.
        behind = {slug: count * position - started[slug] * total for slug, count in counts.items() if count}
        slug = max(behind, key=lambda name: (behind[name], -counts[name]))
        started[slug] += 1
        order.append(slug)
    return order


def offered_rps(
    users_by_role: Mapping[str, int],
    roles: Sequence[Role],
    response_time_s: float,
    *,
    operation: str | None = None,
) -> float:
    """Requests per second of the closed model, or those of one operation.

    A user performs an action, waits the think time, and starts again. So a role makes
    users × requests per action ÷ (mean think time + requests per action × response time).
    0 without requests; infinite when neither thinking nor answering takes time.
    """
    return sum(
        _of_role(users, role, response_time_s, operation)
        for role in roles
        if (users := users_by_role.get(role.slug, 0)) > 0
    )


def arriving_rps(
    actions_per_s: float,
    users_by_role: Mapping[str, int],
    roles: Sequence[Role],
    *,
    operation: str | None = None,
    counted: Collection[str] | None = None,
) -> float:
    """Requests per second of the open model, in which actions begin at this rate however slow the answers are.

    The roles that have sessions share the actions by their weights. `operation`: only its requests; `counted`: only
    requests of these roles.
    """
    present = [role for role in roles if users_by_role.get(role.slug, 0) > 0]
    weights = sum(role.weight for role in present)
    return sum(
        actions_per_s * role.weight / weights * role.requests_per_action(operation)
        for role in present
        if counted is None or role.slug in counted
    )


def _of_role(users: int, role: Role, response_time_s: float, operation: str | None) -> float:
    counted = role.requests_per_action(operation)
    if not counted:
        return 0.0
    cycle_s = role.think_mean_s + role.requests_per_action() * response_time_s
    return users * counted / cycle_s if cycle_s else math.inf


def without(roles: Sequence[Role], left_out: Iterable[tuple[str, str]]) -> list[Role]:
    """The roles without the operations left out, given as (role, operation).

    A behaviour without steps is dropped; the others take over its share.
    """
    gone = frozenset(left_out)
    return [_without(role, {operation for slug, operation in gone if slug == role.slug}) for role in roles]


def _without(role: Role, gone: set[str]) -> Role:
    behaviours = (
        replace(behaviour, steps=tuple(step for step in behaviour.steps if step.operation not in gone))
        for behaviour in role.behaviours
    )
    return replace(role, behaviours=tuple(behaviour for behaviour in behaviours if behaviour.steps))
