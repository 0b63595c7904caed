"""How many users of each role a total means, and in which order they are started."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from perfsuite.model.role import Role


def users_by_role(total: int, roles: Sequence[Role]) -> dict[str, int]:
    """Role slug → users, by largest remainder of the weights; sums to `total` exactly.

    From as many users as there are roles on, none is left at zero: each empty role is raised to one,
    taken from the largest.
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


def start_order(counts: dict[str, int]) -> list[str]:
    """The roles of the 1st, 2nd, … user: a fixed order whose every prefix is close to the final mix.

    Smooth weighted round-robin: at each step the role furthest behind its share starts the next user.
    """
    total = sum(counts.values())
    started = dict.fromkeys(counts, 0)
    order: list[str] = []
    for position in range(1, total + 1):
        behind = {slug: Fraction(count * position, total) - started[slug] for slug, count in counts.items() if count}
        slug = max(behind, key=lambda name: (behind[name], -counts[name]))
        started[slug] += 1
        order.append(slug)
    return order
