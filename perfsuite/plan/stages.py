"""The stages of a scenario in `scenarios.toml`."""

from __future__ import annotations

import re
from dataclasses import replace

from perfsuite.errors import UsageError
from perfsuite.format import option_duration
from perfsuite.messages.plan import PlanMessage
from perfsuite.model.periods import PERIODS
from perfsuite.model.plan import Scenario
from perfsuite.model.stages import FEWEST_FILL_S, FILL_1, Stage, refilled
from perfsuite.plan.option_fields import parse_duration
from perfsuite.plan.options import PlanOptions
from perfsuite.toml_tables import Table

_KEYS = ("name", "duration", "users", "arrival_rate", "held", "read_only")
# Names stand in tables, files and on the command line.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./-]{0,39}", re.ASCII)
_SHARE_A_SECOND = 10


def stages_of(table: Table) -> tuple[Stage, ...]:
    """The stages of a scenario's table. Raises UsageError naming file, stage and key."""
    entries = table.values["stages"]
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise table.wrong("stages", PlanMessage.STAGES_FORM())
    for key in ("duration", "arrival_rate", "arrival_rate_end", "refill"):
        if key in table.values:
            raise table.wrong(key, PlanMessage.STAGES_SAY_SO(key=key))
    stages: list[Stage] = []
    for index, entry in enumerate(entries):
        name = entry.get("name")
        label = f"{table.label} stage {name!r}" if isinstance(name, str) else f"{table.label} stage number {index + 1}"
        stages.append(_stage(table.entry("stages", index, label), {stage.name for stage in stages}))
    if len({stage.users is None for stage in stages}) > 1:
        raise table.wrong("stages", PlanMessage.STAGES_OF_TWO_MODELS())
    if not any(stage.level for stage in stages):
        raise table.wrong("stages", PlanMessage.STAGES_WITHOUT_LOAD())
    return tuple(stages)


def _stage(table: Table, before: set[str]) -> Stage:
    table.only(_KEYS)
    name = table.text("name")
    if not _NAME.fullmatch(name) or name in PERIODS:
        raise table.wrong("name", PlanMessage.STAGE_NAME(reserved=PERIODS))
    if name in before:
        raise table.wrong("name", PlanMessage.STAGE_TWICE())
    if ("users" in table.values) == ("arrival_rate" in table.values):
        raise UsageError(PlanMessage.STAGE_LEVEL().at(table.place))
    users, rate = None, None
    if "users" in table.values:
        users = 0 if table.values["users"] == 0 else table.whole_number("users")
    else:
        rate = table.number("arrival_rate", or_zero=True)
    return Stage(name, duration_s(table), users, rate, switch_of(table, "held"), switch_of(table, "read_only"))


def switch_of(table: Table, key: str) -> bool:
    """True or false; false without the key."""
    value = table.values.get(key, False)
    if not isinstance(value, bool):
        raise table.wrong(key, PlanMessage.TRUE_OR_FALSE())
    return value


def duration_s(table: Table, key: str = "duration") -> float:
    """A duration of a scenario, a stage or a target, s."""
    value = table.required(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return table.number(key)
    try:
        return parse_duration(table.text(key))
    except UsageError as error:
        if str(error).startswith(table.place_of(key)):
            raise
        raise table.wrong(key, error.message) from None


def spawn_rate_of(table: Table, users: int) -> float:
    """Users started a second where a stage is held; without the key, a tenth of the most users."""
    return table.number("spawn_rate") if "spawn_rate" in table.values else max(users / _SHARE_A_SECOND, 1.0)


def with_refill(scenario: Scenario) -> Scenario:
    """The scenario as it is run: with `refill`, its load becomes the first of two fills.

    Raises UsageError where that would be too short.
    """
    if not scenario.refill:
        return scenario
    if scenario.duration_s < FEWEST_FILL_S:
        least = option_duration(FEWEST_FILL_S)
        raise UsageError(PlanMessage.REFILL_TOO_SHORT(scenario=scenario.name, least=least))
    arrival = scenario.arrival
    users, rate = (scenario.users, None) if arrival is None else (None, arrival.rate)
    stages = refilled(Stage(FILL_1, scenario.duration_s, users, rate, held=True))
    return replace(scenario, stages=stages, duration_s=sum(stage.duration_s for stage in stages))


def overridden(scenario: Scenario, options: PlanOptions) -> Scenario:
    """A scenario with stages and the options. Raises UsageError for one that the stages say already."""
    users = options.users if scenario.arrival is None else None
    given = {"--users": users, "--duration": options.duration_s, "--arrival-rate": options.arrival_rate}
    for option, value in given.items():
        if value is not None:
            raise UsageError(PlanMessage.SCENARIO_HAS_STAGES(option=option, scenario=scenario.name))
    users = options.users or scenario.users
    return replace(scenario, users=users, spawn_rate=options.spawn_rate or scenario.spawn_rate)
