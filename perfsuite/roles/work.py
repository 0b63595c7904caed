"""The work that a scenario gives to the roles: who takes part, how often, how fast, and without which operations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from perfsuite.model import Scenario
from perfsuite.model.role import Role, Step
from perfsuite.roles.mix import without
from perfsuite.target.catalogue import CATALOGUE

_ID = re.compile(r"\{(\w+)_id\}")


def roles_of(scenario: Scenario, roles: Sequence[Role]) -> tuple[Role, ...]:
    """The roles that take part, with the weights and think times of the scenario, and all their operations."""
    factor = scenario.think_time_factor
    return tuple(
        replace(
            role,
            weight=scenario.weights.get(role.slug, role.weight),
            think_min_s=role.think_min_s * factor,
            think_max_s=role.think_max_s * factor,
        )
        for role in roles
        if scenario.includes(role.slug)
    )


def sending_roles(scenario: Scenario, roles: Sequence[Role]) -> tuple[Role, ...]:
    """The same without the operations that the scenario leaves out, and what depends on them."""
    taking_part = roles_of(scenario, roles)
    left_out = ((role.slug, name) for role in taking_part for name in left_out_by(scenario, role))
    return tuple(without(taking_part, left_out))


def operations_of(roles: Sequence[Role]) -> tuple[str, ...]:
    """All operations that a load can send, logins aside, those that only look up ids too."""
    steps = (step.operation for role in roles for operations in role.steps_by_operation.values() for step in operations)
    looked_up = (source.operation for role in roles for source in role.sources.values())
    return tuple(dict.fromkeys([*steps, *looked_up]))


def left_out_by(scenario: Scenario, role: Role) -> frozenset[str]:
    """Operations of the role that the scenario leaves out, and those that only work on rows of creations left out."""
    gone = {name for name in operations_of([role]) if not scenario.sends(name)}
    return frozenset(gone.union(depending_on(role, set(kinds_left_out(scenario)))))


def kinds_left_out(scenario: Scenario) -> Iterator[str]:
    """Kinds of rows that are not created, since the scenario leaves their creation out."""
    for operation in CATALOGUE.values():
        if operation.creates and not scenario.sends(operation.name):
            yield operation.creates


def depending_on(role: Role, things: Collection[str]) -> dict[str, str]:
    """Operations of the role that only create or work on rows of these kinds → the kind."""
    kinds = {operation: {_kind_of(step) for step in steps} for operation, steps in role.steps_by_operation.items()}
    alone = {operation: next(iter(found)) for operation, found in kinds.items() if len(found) == 1}
    return {operation: thing for operation, thing in alone.items() if thing in things}


def _kind_of(step: Step) -> str:
    """The kind of row of the run that a step creates or works on; "" for any other step."""
    operation = CATALOGUE[step.operation]
    if operation.creates:
        return operation.creates
    named = _ID.search(operation.path) if step.of_run else None
    return named[1] if named else ""
