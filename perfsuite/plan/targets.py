"""`targets.toml`: the limits that the backend has to meet.

`preset` adds the limits of a published standard (perfsuite/model/slo_presets.py). A metric "apdex_500" is the
Apdex score at T = 500 ms.
What a monitor reads may be limited too. Such a target's metric is kept as "server.cpu_percent p95": the reading, and
which figure of its samples counts.

Schema history
    1   first layout
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from perfsuite.errors import UsageError, nearest
from perfsuite.model import Target
from perfsuite.model.slo_presets import STANDARDS, apdex_threshold, preset
from perfsuite.toml_tables import Table, read_tables

CONCURRENT_USERS = "concurrent_users"
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
)
MAX_QUERIES = "max_queries_per_request"
STATISTICS = {"below": ("max", "p95", "avg"), "above": ("min", "p5", "avg")}
"""Of a reading's samples in the steady state; the first counts where none is named, since it is the worst."""
_KEYS = ("name", "metric", "statistic", "below", "above", "role", "operation", "scenarios", "information_in")


@dataclass(frozen=True, slots=True)
class Known:
    """The words that a target may use: slugs of roles, names of operations, of scenarios, and of what monitors read."""

    roles: Collection[str]
    operations: Collection[str]
    scenarios: Collection[str]
    readings: Collection[str] = ()


def read_targets(path: Path, known: Known) -> tuple[Target, ...]:
    """The targets in the order of the file. Raises UsageError naming file, target and key."""
    top = read_tables(path)
    top.only(("schema", "preset", "target"))
    chosen = top.name_among("preset", "preset", PRESETS) if "preset" in top.values else ""
    entries = top.values.get("target", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{path.name}: targets are written as [[target]], with two brackets")
    if not entries and not chosen:
        raise UsageError(f"{path.name}: has no target, so nothing could be judged. Add a [[target]]")
    targets: list[Target] = []
    for number, entry in enumerate(entries, start=1):
        label = f"[[target]] {entry['name']!r}" if isinstance(entry.get("name"), str) else f"[[target]] number {number}"
        target = _target(top.entry("target", number - 1, label), known)
        if any(target.name == other.name for other in targets):
            raise UsageError(f"{path.name}: two targets are called {target.name!r}. Give each its own name")
        targets.append(target)
    return (*targets, *(target for target in preset(chosen) if target.name not in [own.name for own in targets]))


PRESETS = tuple(one.name for one in STANDARDS)


def _target(table: Table, known: Known) -> Target:
    table.only(_KEYS)
    name = table.text("name")
    metric = _metric(table, known)
    limit, below = _limit(table, metric)
    role = table.name_among("role", "role", known.roles) if "role" in table.values else None
    operation = table.name_among("operation", "operation", known.operations) if "operation" in table.values else None
    if metric == CONCURRENT_USERS and operation is not None:
        raise table.wrong("operation", "users are not counted by operation; leave it out")
    if metric == MAX_QUERIES and not below:
        raise table.wrong("above", "queries per request are limited with 'below'")
    if metric in known.readings and (role or operation):
        raise table.wrong("role" if role else "operation", "a monitor reads the whole target; leave it out")
    return Target(
        name=name,
        metric=f"{metric} {_statistic(table, below=below)}" if metric in known.readings else metric,
        limit=limit,
        below=below,
        role=role,
        operation=operation,
        scenarios=table.names_among("scenarios", "scenario", known.scenarios),
        information_in=table.names_among("information_in", "scenario", known.scenarios),
    )


def _metric(table: Table, known: Known) -> str:
    metric = table.text("metric")
    own = (*METRICS, MAX_QUERIES, "apdex_500")
    if apdex_threshold(metric) is None and metric not in own and metric not in known.readings:
        also = ", and what a monitor reads, such as server.cpu_percent" if known.readings else ""
        hint = nearest(metric, (*own, *known.readings)) or f". Known: {', '.join(own)}{also}"
        raise table.wrong("metric", f"unknown metric {metric!r}{hint}")
    if "statistic" in table.values and metric not in known.readings:
        raise table.wrong("statistic", f"only what a monitor reads has one; {metric} says which figure it is")
    return metric


def _statistic(table: Table, *, below: bool) -> str:
    side = "below" if below else "above"
    if "statistic" not in table.values:
        return STATISTICS[side][0]
    statistic = table.text("statistic")
    other = STATISTICS["above" if below else "below"]
    if statistic in other and statistic not in STATISTICS[side]:
        raise table.wrong("statistic", f"{statistic} does not go with {side!r}; use {' or '.join(STATISTICS[side])}")
    return table.name_among("statistic", "statistic", STATISTICS[side])


def _limit(table: Table, metric: str) -> tuple[float, bool]:
    if ("below" in table.values) == ("above" in table.values):
        raise UsageError(f"{table.place} needs exactly one of 'below' and 'above'")
    key = "below" if "below" in table.values else "above"
    limit = table.number(key, or_zero=key == "above")
    if apdex_threshold(metric) is not None and (key == "below" or limit >= 1):
        raise table.wrong(key, "an Apdex score lies between 0 and 1, and more is better: write above = 0.85")
    if metric == "failure_rate" and limit > 1:
        raise table.wrong(key, f"a failure rate is a fraction: write {limit / 100:g} for {limit:g} %")
    return limit, key == "below"
