"""The work of a scenario, from `scenarios.toml` and options: roles, weights, operations, think times."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from perfsuite.errors import UsageError
from perfsuite.messages import Message
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import LOGIN, Scenario
from perfsuite.model.role import Role
from perfsuite.plan.options import MOST_ITERATIONS, MOST_THINK_TIME_FACTOR, WorkOptions
from perfsuite.roles.work import operations_of, roles_of, sending_roles
from perfsuite.toml_tables import Table, unknown

WORK_KEYS = ("roles", "weights", "operations", "exclude", "think_time_factor", "iterations")
MOST_WEIGHT = 1_000_000


def with_work(scenario: Scenario, table: Table, roles: Sequence[Role]) -> Scenario:
    """The scenario with the work that its table asks for. Raises UsageError naming file, scenario and key."""
    slugs, operations = [role.slug for role in roles], sorted(operations_of(roles))
    for key in ("roles", "operations"):
        if key in table.values and not table.texts(key):
            raise table.wrong(key, PlanMessage.EMPTY_LIST(key=key))
    if LOGIN in table.texts("exclude"):
        raise table.wrong("exclude", PlanMessage.LOGIN_EXCLUDED())
    chosen = table.names_among("roles", "role", slugs)
    made = replace(
        scenario,
        roles=_all_or_chosen(slugs, chosen),
        weights=_weights(table, slugs, chosen),
        operations=tuple(sorted(set(table.names_among("operations", "operation", [LOGIN, *operations])) - {LOGIN})),
        exclude=tuple(sorted(set(table.names_among("exclude", "operation", operations)))),
        think_time_factor=_factor(table),
        iterations=_iterations(table),
    )
    if why := _of_other_load(made) or _no_work(made, roles):
        raise UsageError(why.at(table.place))
    return made


def _weights(table: Table, slugs: Collection[str], chosen: Collection[str]) -> dict[str, int]:
    """Role → weight, in the order of the roles."""
    weights = table.table("weights", name=f"{table.label.strip('[]')}.weights")
    for name in weights.values:
        if name not in slugs:
            raise UsageError(unknown("role", name, slugs).at(weights.place_of(name)))
        if chosen and name not in chosen:
            raise weights.wrong(name, PlanMessage.WEIGHT_OF_NO_ROLE())
        if weights.whole_number(name) > MOST_WEIGHT:
            raise weights.wrong(name, PlanMessage.TOO_HIGH(most=MOST_WEIGHT))
    return {slug: weights.whole_number(slug) for slug in slugs if slug in weights.values}


def _factor(table: Table) -> float:
    if "think_time_factor" not in table.values:
        return 1.0
    factor = table.number("think_time_factor", or_zero=True)
    if factor > MOST_THINK_TIME_FACTOR:
        raise table.wrong("think_time_factor", PlanMessage.TOO_HIGH(most=MOST_THINK_TIME_FACTOR))
    return factor


def _iterations(table: Table) -> int | None:
    if "iterations" not in table.values:
        return None
    iterations = table.whole_number("iterations")
    if iterations > MOST_ITERATIONS:
        raise table.wrong("iterations", PlanMessage.TOO_HIGH(most=MOST_ITERATIONS))
    return iterations


def overridden_work(scenario: Scenario, options: WorkOptions, roles: Sequence[Role]) -> Scenario:
    """The scenario with the options about its work. Raises UsageError for an unknown name, or where nothing is left."""
    slugs, operations = [role.slug for role in roles], sorted(operations_of(roles))
    _check_names("--roles", "role", options.roles, slugs)
    if LOGIN in options.exclude:
        raise UsageError(PlanMessage.LOGIN_EXCLUDED().at("--exclude:"))
    _check_names("--exclude", "operation", options.exclude, operations)
    chosen = _all_or_chosen(slugs, options.roles or scenario.roles)
    factor = options.think_time_factor
    made = replace(
        scenario,
        roles=chosen,
        weights={role: weight for role, weight in scenario.weights.items() if role in (chosen or slugs)},
        exclude=tuple(sorted({*scenario.exclude, *options.exclude})),
        think_time_factor=scenario.think_time_factor if factor is None else factor,
        iterations=scenario.iterations if options.iterations is None else options.iterations,
    )
    if why := _of_other_load(made) or _no_work(made, roles):
        raise UsageError(why.at(f"scenario {scenario.name}:"))
    return made


def _check_names(option: str, kind: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(unknown(kind, name, known).at(f"{option}:"))


def _all_or_chosen(slugs: Sequence[str], chosen: Collection[str]) -> tuple[str, ...]:
    """The chosen roles in the order of the suite; () where they are all."""
    return () if set(slugs) <= set(chosen) else tuple(slug for slug in slugs if slug in chosen)


def _of_other_load(scenario: Scenario) -> Message | None:
    """Why think times or iterations do not go with the load."""
    if scenario.arrival is not None and scenario.think_time_factor != 1:
        return PlanMessage.NO_THINK_TIMES()
    if scenario.iterations is None:
        return None
    if scenario.arrival is not None:
        return PlanMessage.ITERATIONS_OF_RATE()
    return PlanMessage.ITERATIONS_OF_STAGES() if scenario.stages or scenario.refill else None


def _no_work(scenario: Scenario, roles: Sequence[Role]) -> Message | None:
    """Names the roles that have nothing left to do."""
    idle = [role.slug for role in sending_roles(scenario, roles) if not role.behaviours]
    if not idle:
        return None
    busy = [role.slug for role in roles_of(scenario, roles) if role.slug not in idle]
    if not busy:
        return PlanMessage.NOTHING_LEFT()
    return PlanMessage.NOTHING_LEFT_FOR(roles=idle, others=",".join(busy))
