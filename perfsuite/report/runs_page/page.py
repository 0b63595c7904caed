"""`index.html`: all runs on one page that needs neither a server nor a network.

Pure: runs and change points in, the page out. The page's script does the rest: filters, charts, comparison of two runs.

A page may hold ten thousand runs, so the figures by role and operation take two bytes each, on a logarithmic scale:
    0           unknown
    1           zero
    2 + n       10^(n / 4681 − 5): from 0.00001 to 9.8 × 10⁸, within 0.025 %
Each figure of a role and operation is one Base64 text (little-endian), from the first run that has it to the last.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from perfsuite.format import number
from perfsuite.model import ALL, CapacityKind, Outcome
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import ChangePoint, Conditions, PastRun
from perfsuite.report.capacity_change import past_text
from perfsuite.report.page.html import environment, json_for_script, own_file, policy_of
from perfsuite.report.text import clean, rounded
from perfsuite.report.wording import FIGURE_LABELS, LABELS

FIGURES = ("avg_ms", "p50_ms", "p95_ms", "p99_ms", "rps", "failure_rate")
QUERIES = "queries"
"""The most queries per request, from the fingerprint."""
CAPACITY = "capacity"
"""The most load that meets all targets, of searches that found where it ends. They have no other figure: theirs are of
many loads."""
METRICS = (*FIGURES, QUERIES, CAPACITY)
CODES_PER_DECADE, LOWEST_DECADE = 4681, -5
LISTED_WITHOUT_SCRIPT = 50
_ZERO, _FIRST_CODE, _LAST_CODE = 1, 2, 65535
_TOTALS = ("requests", "failures", "rps", "avg_ms", "p95_ms", "p99_ms", "failure_rate")
_SCRIPTS = ("format.js", "index_data.js", "index_charts.js", "index.js")
_TERMS = (
    "scenario", "scenario content", "users", "target", "read-only", "left out", "load processes",
    "load machine", "suite version", "capacity by", "targets of the search",
)  # fmt: skip
"""Names of the conditions, in the order of `_condition_texts`."""

Codes = npt.NDArray[np.uint16]
FigureRow = tuple[str, str, str, tuple[float | None, ...]]
"""Run id, role, operation, and the FIGURES in their order."""


@dataclass(frozen=True, slots=True)
class MetricColumns:
    """The METRICS of a role and operation: a row for each run from number `first` on; NaN if unknown."""

    role: str
    operation: str
    first: int
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of the page: `runs` from the oldest to the newest, and their columns.

    `older`: number of runs that the page leaves out. `reports`: folders whose report exists. `made_at`: UTC, ISO 8601.
    """

    runs: Sequence[PastRun]
    columns: Sequence[MetricColumns]
    change_points: Sequence[ChangePoint] = ()
    older: int = 0
    reports: frozenset[str] = frozenset()
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class ReportLink:
    """A report in the list that is shown without JavaScript."""

    name: str
    outcome: str
    address: str


def target_of(conditions: Conditions) -> str:
    """The target in words; a demo has no host, since its port differs in every run."""
    return f"demo {conditions.demo}" if conditions.demo else conditions.host.rstrip("/")


def comparable_key(conditions: Conditions) -> Hashable:
    """Equal for runs on the same line of a chart: all conditions but the suite version and the rows of the target."""
    return (
        conditions.scenario,
        conditions.scenario_digest,
        tuple(sorted(conditions.users_by_role.items())),
        target_of(conditions),
        conditions.read_only,
        conditions.left_out,
        conditions.processes,
        conditions.machine,
        conditions.search_by,
        conditions.targets_digest,
    )


def in_order(runs: Iterable[PastRun]) -> list[PastRun]:
    """From the oldest to the newest; runs without a readable start come first."""
    return sorted(runs, key=lambda run: (_epoch_s(run.started_at) or 0, run.run_id))


def columns_of(runs: Sequence[PastRun], rows: Iterable[FigureRow]) -> list[MetricColumns]:
    """The columns of every role and operation, totals first; `runs` in the order of the page, `rows` in any."""
    number_of = {run.run_id: number for number, run in enumerate(runs)}
    queries = [_queries(run.fingerprint) if run.fingerprint else {} for run in runs]
    found: dict[tuple[str, str], list[tuple[int, tuple[float | None, ...]]]] = {}
    for run_id, role, operation, values in rows:
        number = number_of.get(run_id)  # a run may have been stored since `runs` were read
        if number is not None and not runs[number].conditions.search_by:
            found.setdefault((role, operation), []).append((number, values))
    capacities = {number: middle for number, run in enumerate(runs) if (middle := _capacity(run)) is not None}
    if capacities:
        unknown = (None,) * len(FIGURES)
        found.setdefault((ALL, ALL), []).extend((number, unknown) for number in capacities)
    order = sorted(found, key=lambda name: tuple((part != ALL, part) for part in name))
    columns = [_columns(name, found[name], queries) for name in order]
    for each in columns:
        if (each.role, each.operation) == (ALL, ALL):
            for number, middle in capacities.items():
                each.values[number - each.first, METRICS.index(CAPACITY)] = middle
    return columns


def _capacity(run: PastRun) -> float | None:
    """Of a search that found where the capacity ends, the estimate, or the last load that passes before a cliff."""
    found = run.capacity
    return found.estimate if found is not None and found.kind in (CapacityKind.INTERVAL, CapacityKind.CLIFF) else None


def _columns(
    name: tuple[str, str],
    rows: Sequence[tuple[int, tuple[float | None, ...]]],
    queries: Sequence[dict[tuple[str, str], int]],
) -> MetricColumns:
    numbers = np.asarray([number for number, _ in rows])
    first = int(numbers.min())
    values = np.full((int(numbers.max()) - first + 1, len(METRICS)), np.nan)
    values[numbers - first, : len(FIGURES)] = np.asarray([figures for _, figures in rows], dtype=np.float64)
    values[numbers - first, METRICS.index(QUERIES)] = [queries[number].get(name, np.nan) for number in numbers]
    return MetricColumns(*name, first, values)


def _queries(fingerprint: Fingerprint) -> dict[tuple[str, str], int]:
    """Role and operation → the most queries of a request that no cache answered; (ALL, operation): of any role."""
    found: dict[tuple[str, str], int] = {}
    for cost in fingerprint.operations:
        if queries := cost.queries:
            found[cost.role, cost.operation] = most = round(queries.maximum)
            found[ALL, cost.operation] = max(most, found.get((ALL, cost.operation), 0))
    return found


def index_html(overview: Overview) -> str:
    """The whole page. All text from outside is escaped; only our script, named by its hash, may run."""
    script = "".join(own_file(name) for name in _SCRIPTS)
    newest = [run for run in reversed(overview.runs) if run.folder in overview.reports][:LISTED_WITHOUT_SCRIPT]
    return environment().get_template("index.html.j2").render(
        count=len(overview.runs),
        searches=any(run.capacity for run in overview.runs),
        labels=FIGURE_LABELS,
        older=overview.older,
        made_at=clean(overview.made_at)[:16].replace("T", " "),
        links=[ReportLink(clean(run.run_id), LABELS[run.outcome], _address(run.folder)) for run in newest],
        style=Markup(own_file("report.css") + own_file("charts.css") + own_file("index.css")),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own files
        policy=policy_of(script),
        data=Markup(json_for_script(_data(overview))),  # noqa: S704 - escaped by json_for_script
    )  # fmt: skip


def _address(folder: str) -> str:
    """The report relative to the page; never another scheme or host."""
    return f"./{quote(folder, safe='/')}/report.html"


def _epoch_s(text: str) -> int | None:
    """ISO 8601 as epoch seconds, UTC without an offset; None if it cannot be read."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _data(overview: Overview) -> dict[str, Any]:
    texts: dict[str, int] = {}
    return {
        "scale": [CODES_PER_DECADE, LOWEST_DECADE],
        "metrics": list(METRICS),
        "outcomes": [outcome.value for outcome in Outcome],
        "runs": _run_columns(overview, texts),
        "texts": list(texts),
        **_conditions(overview.runs),
        "series": [_encoded(columns) for columns in overview.columns],
        "points": _points(overview.runs, overview.change_points),
    }


def _run_columns(overview: Overview, texts: dict[str, int]) -> dict[str, list[Any]]:
    """The table of runs by column. Repeated texts are numbers of `texts`, which this fills."""
    runs = overview.runs
    outcomes = {outcome: number for number, outcome in enumerate(Outcome)}
    totals = [None if run.conditions.search_by else run.at(ALL, ALL) for run in runs]

    def number(text: str) -> int:
        return texts.setdefault(clean(text), len(texts))

    return {
        "id": [clean(run.run_id) for run in runs],
        "started": [_epoch_s(run.started_at) for run in runs],
        "address": [_address(run.folder) if run.folder in overview.reports else "" for run in runs],
        "outcome": [outcomes[run.outcome] for run in runs],
        "scenario": [number(run.conditions.scenario) for run in runs],
        "host": [number(target_of(run.conditions)) for run in runs],
        "label": [number(run.label) for run in runs],
        "release": [number(run.release) for run in runs],
        "version": [number(run.target_version) for run in runs],
        "users": [None if run.conditions.search_by else sum(run.conditions.users_by_role.values()) for run in runs],
        **{name: [rounded(name, total.figure(name)) if total else None for total in totals] for name in _TOTALS},
        **_capacities(runs),
    }


def _capacities(runs: Sequence[PastRun]) -> dict[str, list[Any]]:
    """What searches found as text, and where it begins; no column where no run was a search."""
    if not any(run.capacity for run in runs):
        return {}
    return {
        "capacity": [clean(past_text(run.capacity)) if run.capacity else "" for run in runs],
        "capacity_low": [rounded("low", run.capacity.low) if run.capacity else None for run in runs],
    }


def _conditions(runs: Sequence[PastRun]) -> dict[str, Any]:
    """The distinct conditions, and for every run the number of its conditions and of its line in a chart."""
    sets: dict[tuple[str, ...], int] = {}
    groups: dict[Hashable, int] = {}
    of_run, group_of_run = [], []
    for run in runs:
        of_run.append(sets.setdefault(_condition_texts(run.conditions), len(sets)))
        group_of_run.append(groups.setdefault(comparable_key(run.conditions), len(groups)))
    rows = [{clean(kind): count for kind, count in run.conditions.data_size.items()} for run in runs]
    found = {"terms": list(_TERMS), "conditions": list(sets), "conditions_of": of_run, "group_of": group_of_run}
    return found | ({"rows_of": rows} if any(rows) else {})


def _condition_texts(conditions: Conditions) -> tuple[str, ...]:
    users = sorted(conditions.users_by_role.items())
    values = (
        conditions.scenario,
        conditions.scenario_digest,
        ", ".join(f"{role.replace('_', ' ')} {number(count)}" for role, count in users),
        target_of(conditions),
        "yes" if conditions.read_only else "no",
        ", ".join(conditions.left_out) or "nothing",
        str(conditions.processes),
        conditions.machine,
        conditions.suite_version,
        conditions.search_by or "no search",
        conditions.targets_digest or "no search",
    )
    return tuple(map(clean, values))


def _encoded(columns: MetricColumns) -> list[Any]:
    codes = codes_of(columns.values)
    texts = [base64.b64encode(column.astype("<u2").tobytes()).decode() if column.any() else "" for column in codes.T]
    return [columns.role, columns.operation, columns.first, *texts]


def codes_of(values: npt.NDArray[np.float64]) -> Codes:
    """Each value on the scale of two bytes: 0 if it is not finite, 1 if it is zero or less."""
    known = np.isfinite(values)
    positive = known & (values > 0)
    codes = known.astype(np.uint16) * np.uint16(_ZERO)
    decades = np.log10(values, where=positive, out=np.zeros_like(values)) - LOWEST_DECADE
    steps = np.clip(np.rint(decades * CODES_PER_DECADE) + _FIRST_CODE, _FIRST_CODE, _LAST_CODE)
    codes[positive] = steps[positive].astype(np.uint16)
    return codes


def _points(runs: Sequence[PastRun], points: Iterable[ChangePoint]) -> list[list[Any]]:
    """The change points at runs of the page, in their order."""
    numbers = {run.run_id: number for number, run in enumerate(runs)}
    found = [
        [point.role, point.operation, point.metric, numbers[point.run_id], point.before, point.after, point.p_value]
        for point in points
        if point.run_id in numbers
    ]
    return sorted(found, key=lambda point: point[3])
