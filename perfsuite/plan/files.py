"""The files that users edit: `scenarios.toml` (loads, allowed hosts) and `targets.toml` (limits).

In `targets.toml`, `preset` adds the limits of a published standard (perfsuite/model/slo_presets.py). A metric
"apdex_500" is the Apdex score at T = 500 ms. Readings of monitors can have targets too: the metric of such a target is
stored as "server.cpu_percent p95", the reading and the statistic of its samples.

Schema history, of both
    1   first layout
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfsuite.errors import UsageError, nearest
from perfsuite.format import setting
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Arrival, Scenario, Target
from perfsuite.model.plan import CONCURRENT_USERS, LASTS_AT_LEAST, MAX_QUERIES, RECOVERY
from perfsuite.model.role import Role
from perfsuite.model.slo_presets import SLO_PRESETS, apdex_threshold, preset
from perfsuite.plan.options import PlanOptions
from perfsuite.plan.stages import duration_s, overridden, spawn_rate_of, stages_of, switch_of, with_refill
from perfsuite.plan.work import WORK_KEYS, overridden_work, with_work
from perfsuite.roles import ROLES
from perfsuite.target.hosts import HostRules
from perfsuite.toml_tables import Table, read_tables

_LOAD_KEYS = (
    "users",
    "spawn_rate",
    "duration",
    "purpose",
    "arrival_rate",
    "arrival_rate_end",
    "arrival",
    "stages",
    "refill",
)
# Names become folder names: <scenario>_<YYYYMMDD_HHMMSS>.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


STANDARD_SCENARIOS = (
    "basic",
    "moderate",
    "heavy",
    "peak",
    "stress",
    "endurance",
    "acceptance",
    "spike",
    "steps",
)
"""Those that the suite comes with: its targets may name them beside a scenario file of one's own, too."""

ARRIVALS = ("constant", "poisson")
ITERATIONS_WITHIN_S = 600.0
"""How long a scenario with iterations may take that does not say so; as in k6."""


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """The content of `scenarios.toml`. `multiple`: the scenarios of `--multiple`, in order."""

    scenarios: dict[str, Scenario]
    multiple: tuple[str, ...]
    allowed_hosts: tuple[str, ...]


def read_scenarios(path: Path, roles: Sequence[Role] = ROLES) -> ScenarioFile:
    """The content of the file. Raises UsageError naming file, table and key. `roles`: that scenarios may name."""
    top = read_tables(path)
    top.only(("schema", "multiple", "safety", "scenario", "run"))
    safety = top.table("safety")
    safety.only(("allowed_hosts",))
    tables = top.table("scenario", name="scenario.…")
    if not tables.values:
        raise UsageError(PlanMessage.NO_SCENARIO(file=path.name))
    scenarios = {name: _scenario(name, tables.table(name, name=f"scenario.{name}"), roles) for name in tables.values}
    multiple = top.names_among("multiple", "scenario", scenarios) or tuple(scenarios)
    return ScenarioFile(scenarios, multiple, safety.texts("allowed_hosts"))


def _scenario(name: str, table: Table, roles: Sequence[Role]) -> Scenario:
    if not _NAME.fullmatch(name):
        raise UsageError(PlanMessage.SCENARIO_NAME().at(table.place))
    table.only((*_LOAD_KEYS, *WORK_KEYS))
    return with_work(_staged(name, table) if "stages" in table.values else _plain(name, table), table, roles)


def _plain(name: str, table: Table) -> Scenario:
    refill = switch_of(table, "refill")
    if refill and "arrival_rate_end" in table.values:
        raise table.wrong("arrival_rate_end", PlanMessage.REFILL_RATE())
    counted = "iterations" in table.values
    return Scenario(
        name=name,
        users=table.whole_number("users"),
        spawn_rate=table.number("spawn_rate"),
        duration_s=ITERATIONS_WITHIN_S if counted and "duration" not in table.values else duration_s(table),
        purpose=table.text("purpose", default=" ").strip(),
        arrival=_arrival(table),
        refill=refill,
    )


def _staged(name: str, table: Table) -> Scenario:
    """A scenario with stages: its users, or its arrival rate, are the most of them."""
    stages = stages_of(table)
    of_rates, most = stages[0].users is None, max(stage.level for stage in stages)
    if not of_rates:
        for key in ("users", "arrival"):
            if key in table.values:
                raise table.wrong(key, PlanMessage.STAGES_SAY_SO(key=key))
    users = table.whole_number("users") if of_rates else int(most)
    return Scenario(
        name=name,
        users=users,
        spawn_rate=spawn_rate_of(table, users),
        duration_s=sum(stage.duration_s for stage in stages),
        purpose=table.text("purpose", default=" ").strip(),
        arrival=Arrival(most, poisson=_kind_of_arrival(table) == "poisson") if of_rates else None,
        stages=stages,
    )


def _arrival(table: Table) -> Arrival | None:
    """The open model; None without an arrival_rate."""
    if "arrival_rate" not in table.values:
        for key in ("arrival_rate_end", "arrival"):
            if key in table.values:
                raise table.wrong(key, PlanMessage.NEEDS_ARRIVAL_RATE())
        return None
    end = table.number("arrival_rate_end") if "arrival_rate_end" in table.values else None
    return Arrival(table.number("arrival_rate"), end, _kind_of_arrival(table) == "poisson")


def _kind_of_arrival(table: Table) -> str:
    return table.name_among("arrival", "kind of arrival", ARRIVALS) if "arrival" in table.values else ARRIVALS[0]


def choose(
    file: ScenarioFile, names: Sequence[str], options: PlanOptions, roles: Sequence[Role] = ROLES
) -> tuple[Scenario, ...]:
    """The scenarios of these names, in this order, each with the overrides of the options.

    Raises UsageError for an unknown name, and for options that do not go with the scenario.
    """
    for name in names:
        if name not in file.scenarios:
            hint = nearest(name, file.scenarios) or "."
            known = ", ".join(file.scenarios)
            raise UsageError(PlanMessage.UNKNOWN_SCENARIO(name=name, hint=hint, known=known))
    return tuple(overridden_work(_overridden(file.scenarios[name], options), options.work, roles) for name in names)


def _overridden(scenario: Scenario, options: PlanOptions) -> Scenario:
    if scenario.stages:
        return overridden(scenario, options)
    arrival = scenario.arrival
    if options.arrival_rate is not None:
        arrival = Arrival(options.arrival_rate, poisson=arrival is not None and arrival.poisson)
    return with_refill(
        replace(
            scenario,
            users=options.users or scenario.users,
            spawn_rate=options.spawn_rate or scenario.spawn_rate,
            duration_s=options.duration_s or scenario.duration_s,
            arrival=arrival,
        )
    )


def host_rules(file: ScenarioFile, options: PlanOptions) -> HostRules:
    """Which hosts may be loaded, by the file and the options."""
    return HostRules(file.allowed_hosts, options.allow_hosts, options.accept_production)


METRICS = (
    "avg_ms",
    "p50_ms",
    "p75_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
    "failure_rate",
    "rps",
    CONCURRENT_USERS,
    RECOVERY,
)
FEWEST_STOP_S = 5
"""The shortest `abort_after`: a target that does not answer for a few seconds is no reason to end a run."""
STATISTICS = {"below": ("max", "p95", "avg"), "above": ("min", "p5", "avg")}
"""Of a reading's samples in the steady state; the first counts where none is named, since it is the worst."""
_KEYS = (
    "name",
    "metric",
    LASTS_AT_LEAST,
    "statistic",
    "below",
    "above",
    "role",
    "operation",
    "scenarios",
    "information_in",
    "stages",
    "abort_after",
)


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names that a target can use: slugs of roles, operations, scenarios, readings of monitors, stages."""

    roles: Collection[str]
    operations: Collection[str]
    scenarios: Collection[str]
    readings: Collection[str] = ()
    stages: Collection[str] = ()


def read_targets(path: Path, known: KnownNames) -> tuple[Target, ...]:
    """The targets in the order of the file. Raises UsageError naming file, target and key."""
    top = read_tables(path)
    top.only(("schema", "preset", "target"))
    chosen = top.name_among("preset", "preset", PRESETS) if "preset" in top.values else ""
    entries = top.values.get("target", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(PlanMessage.TARGETS_FORM(file=path.name))
    if not entries and not chosen:
        raise UsageError(PlanMessage.NO_TARGET(file=path.name))
    targets: list[Target] = []
    for number, entry in enumerate(entries, start=1):
        label = f"[[target]] {entry['name']!r}" if isinstance(entry.get("name"), str) else f"[[target]] number {number}"
        target = _target(top.entry("target", number - 1, label), known)
        if any(target.name == other.name for other in targets):
            raise UsageError(PlanMessage.TARGET_TWICE(file=path.name, name=target.name))
        targets.append(target)
    return (*targets, *(target for target in preset(chosen) if target.name not in [own.name for own in targets]))


PRESETS = tuple(one.name for one in SLO_PRESETS)


def _target(table: Table, known: KnownNames) -> Target:
    table.only(_KEYS)
    name = table.text("name")
    if LASTS_AT_LEAST in table.values:
        return _lasting(name, table, known)
    metric = _metric(table, known)
    limit, below = _limit(table, metric)
    role = table.name_among("role", "role", known.roles) if "role" in table.values else None
    operation = table.name_among("operation", "operation", known.operations) if "operation" in table.values else None
    if metric == CONCURRENT_USERS and operation is not None:
        raise table.wrong("operation", PlanMessage.USERS_OF_OPERATION())
    if metric == MAX_QUERIES and not below:
        raise table.wrong("above", PlanMessage.QUERIES_BELOW())
    if metric in known.readings and (role or operation):
        raise table.wrong("role" if role else "operation", PlanMessage.READING_OF_PART())
    if metric == RECOVERY and (role or operation):
        raise table.wrong("role" if role else "operation", PlanMessage.RECOVERY_OF_PART())
    if metric == RECOVERY and not below:
        raise table.wrong("above", PlanMessage.RECOVERY_BELOW())
    if metric in (CONCURRENT_USERS, MAX_QUERIES) and "stages" in table.values:
        raise table.wrong("stages", PlanMessage.METRIC_OF_RUN(metric=metric))
    return Target(
        name=name,
        metric=f"{metric} {_statistic(table, below=below)}" if metric in known.readings else metric,
        limit=limit,
        below=below,
        role=role,
        operation=operation,
        scenarios=table.names_among("scenarios", "scenario", known.scenarios),
        information_in=table.names_among("information_in", "scenario", known.scenarios),
        stages=table.names_among("stages", "stage", known.stages),
        abort_after_s=_abort_after_s(table, metric),
    )


def _lasting(name: str, table: Table, known: KnownNames) -> Target:
    """A target on how long the target lasts; its limit is in seconds."""
    table.only(("name", LASTS_AT_LEAST, "scenarios", "information_in"))
    return Target(
        name=name,
        metric=LASTS_AT_LEAST,
        limit=duration_s(table, LASTS_AT_LEAST),
        below=False,
        scenarios=table.names_among("scenarios", "scenario", known.scenarios),
        information_in=table.names_among("information_in", "scenario", known.scenarios),
    )


def _abort_after_s(table: Table, metric: str) -> float | None:
    """How long the target has to be missed until the run ends; None without a stop rule."""
    if "abort_after" not in table.values:
        return None
    if metric not in METRICS or metric in (CONCURRENT_USERS, RECOVERY):
        raise table.wrong("abort_after", PlanMessage.NO_STOP_RULE(metric=metric))
    seconds = duration_s(table, "abort_after")
    if seconds < FEWEST_STOP_S:
        raise table.wrong("abort_after", PlanMessage.STOP_RULE_TOO_SHORT(least=f"{FEWEST_STOP_S} s"))
    return seconds


def _metric(table: Table, known: KnownNames) -> str:
    metric = table.text("metric")
    own = (*METRICS, MAX_QUERIES, "apdex_500")
    if apdex_threshold(metric) is None and metric not in own and metric not in known.readings:
        also = ", and what a monitor reads, such as server.cpu_percent" if known.readings else ""
        hint = nearest(metric, (*own, *known.readings)) or f". Known: {', '.join(own)}{also}"
        raise table.wrong("metric", PlanMessage.UNKNOWN_METRIC(metric=metric, hint=hint))
    if "statistic" in table.values and metric not in known.readings:
        raise table.wrong("statistic", PlanMessage.NO_STATISTIC(metric=metric))
    return metric


def _statistic(table: Table, *, below: bool) -> str:
    direction = "below" if below else "above"
    if "statistic" not in table.values:
        return STATISTICS[direction][0]
    statistic = table.text("statistic")
    other = STATISTICS["above" if below else "below"]
    if statistic in other and statistic not in STATISTICS[direction]:
        raise table.wrong(
            "statistic",
            PlanMessage.OTHER_STATISTIC(
                statistic=statistic, direction=direction, others=" or ".join(STATISTICS[direction])
            ),
        )
    return table.name_among("statistic", "statistic", STATISTICS[direction])


def _limit(table: Table, metric: str) -> tuple[float, bool]:
    if ("below" in table.values) == ("above" in table.values):
        raise UsageError(PlanMessage.ONE_LIMIT().at(table.place))
    key = "below" if "below" in table.values else "above"
    limit = table.number(key, or_zero=key == "above")
    if apdex_threshold(metric) is not None and (key == "below" or limit >= 1):
        raise table.wrong(key, PlanMessage.APDEX_LIMIT())
    if metric == "failure_rate" and limit > 1:
        raise table.wrong(key, PlanMessage.RATE_IS_FRACTION(fraction=setting(limit / 100), percent=setting(limit)))
    return limit, key == "below"
