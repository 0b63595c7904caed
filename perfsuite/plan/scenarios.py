"""`scenarios.toml`: the loads that can be made, and the hosts that may be loaded.

Schema history
    1   first layout
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfsuite.errors import UsageError, nearest
from perfsuite.model import Arrival, Scenario
from perfsuite.plan.options import parse_duration
from perfsuite.toml_tables import Table, read_tables

_SCENARIO_KEYS = ("users", "spawn_rate", "duration", "purpose", "arrival_rate", "arrival_rate_end", "arrival")
# Names become folder names: <scenario>_<YYYYMMDD_HHMMSS>.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


STANDARD_SCENARIOS = ("basic", "moderate", "heavy", "peak", "stress", "endurance", "acceptance")
"""Those that the suite comes with: its targets may name them beside a scenario file of one's own, too."""

ARRIVALS = ("constant", "poisson")


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """All that `scenarios.toml` says. `multiple`: names of what `--multiple` runs, in order."""

    scenarios: dict[str, Scenario]
    multiple: tuple[str, ...]
    allowed_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says instead of the scenario; None = as the scenario has it."""

    users: int | None = None
    spawn_rate: float | None = None
    duration_s: float | None = None
    arrival_rate: float | None = None


def read_scenarios(path: Path) -> ScenarioFile:
    """The content of the file. Raises UsageError naming file, table and key."""
    top = read_tables(path)
    top.only(("schema", "multiple", "safety", "scenario"))
    safety = top.table("safety")
    safety.only(("allowed_hosts",))
    tables = top.table("scenario", name="scenario.…")
    if not tables.values:
        raise UsageError(f"{path.name}: has no scenario. Add a table such as [scenario.basic]")
    scenarios = {name: _scenario(name, tables.table(name, name=f"scenario.{name}")) for name in tables.values}
    multiple = top.names_among("multiple", "scenario", scenarios) or tuple(scenarios)
    return ScenarioFile(scenarios, multiple, safety.texts("allowed_hosts"))


def _scenario(name: str, table: Table) -> Scenario:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{table.place} a scenario's name may hold letters, digits, _ and - only")
    table.only(_SCENARIO_KEYS)
    return Scenario(
        name=name,
        users=table.whole_number("users"),
        spawn_rate=table.number("spawn_rate"),
        duration_s=_duration_s(table),
        purpose=table.text("purpose", default=" ").strip(),
        arrival=_arrival(table),
    )


def _arrival(table: Table) -> Arrival | None:
    """The open model, where the scenario has an arrival_rate."""
    if "arrival_rate" not in table.values:
        for key in ("arrival_rate_end", "arrival"):
            if key in table.values:
                raise table.wrong(key, "needs an arrival_rate")
        return None
    kind = table.name_among("arrival", "kind of arrival", ARRIVALS) if "arrival" in table.values else ARRIVALS[0]
    end = table.number("arrival_rate_end") if "arrival_rate_end" in table.values else None
    return Arrival(table.number("arrival_rate"), end, kind == "poisson")


def _duration_s(table: Table) -> float:
    value = table.required("duration")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return table.number("duration")
    try:
        return parse_duration(table.text("duration"))
    except UsageError as error:
        if str(error).startswith(table.place_of("duration")):
            raise
        raise table.wrong("duration", str(error)) from None


def choose(file: ScenarioFile, names: Sequence[str], overrides: Overrides) -> tuple[Scenario, ...]:
    """The scenarios of these names, in this order, with the overrides laid over each.

    Raises UsageError for an unknown name.
    """
    for name in names:
        if name not in file.scenarios:
            hint = nearest(name, file.scenarios) or "."
            known = ", ".join(file.scenarios)
            raise UsageError(f"--scenario: unknown scenario {name!r}{hint}\nKnown: {known}")
    return tuple(_overridden(file.scenarios[name], overrides) for name in names)


def _overridden(scenario: Scenario, overrides: Overrides) -> Scenario:
    given = {
        "users": overrides.users,
        "spawn_rate": overrides.spawn_rate,
        "duration_s": overrides.duration_s,
    }
    if overrides.arrival_rate is not None:
        poisson = scenario.arrival is not None and scenario.arrival.poisson
        scenario = replace(scenario, arrival=Arrival(overrides.arrival_rate, poisson=poisson))
    return replace(scenario, **{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
