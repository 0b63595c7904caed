"""`index.html`: all runs on one page that needs neither a server nor a network."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from perfsuite.model import ALL, Outcome
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import ChangePoint, Conditions, PastRun
from perfsuite.report.figures import rounded
from perfsuite.report.page.html import environment, json_for_script, own_file, policy_of
from perfsuite.report.text import clean
from perfsuite.report.wording import LABELS

FIGURES = ("avg_ms", "p50_ms", "p95_ms", "p99_ms", "rps", "failure_rate")
QUERIES = "queries"
"""Most queries that a request asked of the database, from the fingerprint."""
METRICS = (*FIGURES, QUERIES)

STEPS_A_DECADE = 4681
LOWEST_DECADE = -5
_HIGHEST = 65535
_OFFSET = 2


Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint16]
FigureRow = tuple[str, str, str, tuple[float | None, ...]]
"""Id of a run, role, operation, and the FIGURES in their order."""


@dataclass(frozen=True, slots=True)
class Column:
    """The METRICS of an operation as a role, a row for each run from `first` on; NaN where one is not known."""

    role: str
    operation: str
    first: int
    values: Values


@dataclass(frozen=True, slots=True)
class Series:
    """One figure after the other of an operation as a role, over the runs from `first` on; "" where none is known."""

    role: str
    operation: str
    first: int
    texts: tuple[str, ...]


def codes_of(values: Values) -> Codes:
    """Each value on the scale of two bytes; 0 where it is not a number, 1 where it is 0 or less."""
    known = np.isfinite(values)
    positive = known & (values > 0)
    codes = known.astype(np.uint16)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.rint((np.log10(values, where=positive, out=np.zeros_like(values)) - LOWEST_DECADE) * STEPS_A_DECADE)
    codes[positive] = np.clip(steps + _OFFSET, _OFFSET, _HIGHEST)[positive].astype(np.uint16)
    return codes


def value_of(code: int) -> float | None:
    """What a code stands for; None where it is not known."""
    if code < _OFFSET:
        return 0.0 if code else None
    return float(10.0 ** ((code - _OFFSET) / STEPS_A_DECADE + LOWEST_DECADE))


def figures_of(runs: Iterable[PastRun]) -> Iterator[FigureRow]:
    """The figures of runs as rows; a store of many runs gives the same without records of each."""
    for run in runs:
        for measured in run.measured:
            yield run.run_id, measured.role, measured.operation, tuple(map(measured.figure, FIGURES))


def columns_of(runs: Sequence[PastRun], rows: Iterable[FigureRow]) -> list[Column]:
    """Every role and operation of any run, totals first; `runs` in the order of the page, `rows` in any."""
    place_of = {run.run_id: place for place, run in enumerate(runs)}
    costs = [_queries(run.fingerprint) if run.fingerprint else {} for run in runs]
    places: dict[tuple[str, str], list[int]] = {}
    figures: dict[tuple[str, str], list[tuple[float | None, ...]]] = {}
    for run_id, role, operation, values in rows:
        if run_id not in place_of:  # kept in the meantime
            continue
        name = (role, operation)
        if name not in places:
            places[name], figures[name] = [], []
        places[name].append(place_of[run_id])
        figures[name].append(values)
    order = sorted(places, key=lambda name: tuple((part != ALL, part) for part in name))
    return [_column(name, places[name], figures[name], costs) for name in order]


def _queries(fingerprint: Fingerprint) -> dict[tuple[str, str], int]:
    """Role and operation → the most queries of a request that no cache answered; (ALL, operation): of any role."""
    found: dict[tuple[str, str], int] = {}
    for cost in fingerprint.operations:
        if queries := cost.queries:
            found[cost.role, cost.operation] = most = round(queries.maximum)
            found[ALL, cost.operation] = max(most, found.get((ALL, cost.operation), 0))
    return found


def _column(
    name: tuple[str, str], places: Sequence[int], figures: object, costs: Sequence[dict[tuple[str, str], int]]
) -> Column:
    first, last = min(places), max(places)
    values = np.full((last - first + 1, len(METRICS)), np.nan)
    values[np.asarray(places) - first, : len(FIGURES)] = np.asarray(figures, dtype=np.float64)
    for place in places:
        if name in costs[place]:
            values[place - first, -1] = costs[place][name]
    return Column(*name, first, values)


def series_of(column: Column) -> Series:
    """The column as the page carries it."""
    codes = codes_of(column.values)
    texts = tuple(_text(codes[:, number]) for number in range(len(METRICS)))
    return Series(column.role, column.operation, column.first, texts)


def _text(codes: Codes) -> str:
    return base64.b64encode(codes.astype("<u2").tobytes()).decode() if codes.any() else ""


LISTED_WITHOUT_SCRIPT = 50
_TOTALS = ("requests", "failures", "rps", "avg_ms", "p95_ms", "p99_ms", "failure_rate")
_SCRIPTS = ("index_data.js", "index_charts.js", "index.js")


@dataclass(frozen=True, slots=True)
class Link:
    """A report to list where no script runs."""

    name: str
    outcome: str
    address: str


def target_of(conditions: Conditions) -> str:
    """What was loaded, in words: a demo has another port in every run."""
    return f"demo {conditions.demo}" if conditions.demo else conditions.host.rstrip("/")


def comparable_key(conditions: Conditions) -> Hashable:
    """What runs of one line of a chart have in common: all but the version of the suite and the rows at the target."""
    return (
        conditions.scenario,
        conditions.scenario_digest,
        tuple(sorted(conditions.users_by_role.items())),
        target_of(conditions),
        conditions.read_only,
        conditions.left_out,
        conditions.processes,
        conditions.machine,
    )


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page is made of: `runs` from the oldest to the newest, and their columns.

    `older`: how many runs there are besides that the page does not hold. `reports`: folders of runs whose report is
    there to be linked. `made_at`: UTC, ISO 8601.
    """

    runs: Sequence[PastRun]
    columns: Sequence[Column]
    change_points: Sequence[ChangePoint] = ()
    older: int = 0
    reports: frozenset[str] = frozenset()
    made_at: str = ""


def in_order(runs: Iterable[PastRun]) -> list[PastRun]:
    """From the oldest to the newest; those whose start cannot be read come first."""
    return sorted(runs, key=lambda run: (_epoch_s(run.started_at) or 0, run.run_id))


def index_html(overview: Overview) -> str:
    """The whole page. Everything that is not ours is escaped; only our script, named by its hash, may run."""
    runs = overview.runs
    script = "".join(own_file(name) for name in _SCRIPTS)
    newest = [run for run in reversed(runs) if run.folder in overview.reports][:LISTED_WITHOUT_SCRIPT]
    return environment().get_template("index.html.j2").render(
        count=len(runs),
        older=overview.older,
        made_at=clean(overview.made_at)[:16].replace("T", " "),
        links=[Link(clean(run.run_id), LABELS[run.outcome], _address(run.folder)) for run in newest],
        style=Markup(own_file("report.css") + own_file("charts.css") + own_file("index.css")),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own files
        policy=policy_of(script),
        data=Markup(json_for_script(_data(runs, overview))),  # noqa: S704 - escaped by json_for_script
    )  # fmt: skip


def _address(folder: str) -> str:
    """Relative to the page, and never another scheme or host."""
    return f"./{quote(folder, safe='/')}/report.html"


def _epoch_s(moment: str) -> int | None:
    """None where it is no moment. One without an offset is taken for UTC."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


class _Numbers:
    """Texts that are said often, each once; others refer to them by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, text: str) -> int:
        return self._numbers.setdefault(clean(text), len(self._numbers))

    @property
    def texts(self) -> list[str]:
        return list(self._numbers)


def _data(runs: Sequence[PastRun], overview: Overview) -> dict[str, Any]:
    texts = _Numbers()
    return {
        "scale": [STEPS_A_DECADE, LOWEST_DECADE],
        "metrics": list(METRICS),
        "outcomes": [outcome.value for outcome in Outcome],
        "runs": _run_columns(runs, overview, texts),
        "texts": texts.texts,
        **_conditions(runs, overview),
        "series": [[one.role, one.operation, one.first, *one.texts] for one in map(series_of, overview.columns)],
        "points": _points(runs, overview.change_points),
    }


def _run_columns(runs: Sequence[PastRun], overview: Overview, texts: _Numbers) -> dict[str, list[Any]]:
    outcomes = {outcome: number for number, outcome in enumerate(Outcome)}
    totals = [run.at(ALL, ALL) for run in runs]
    return {
        "id": [clean(run.run_id) for run in runs],
        "started": [_epoch_s(run.started_at) for run in runs],
        "address": [_address(run.folder) if run.folder in overview.reports else "" for run in runs],
        "outcome": [outcomes[run.outcome] for run in runs],
        "scenario": [texts.of(run.conditions.scenario) for run in runs],
        "host": [texts.of(target_of(run.conditions)) for run in runs],
        "label": [texts.of(run.label) for run in runs],
        "release": [texts.of(run.release) for run in runs],
        "version": [texts.of(run.target_version) for run in runs],
        "users": [sum(run.conditions.users_by_role.values()) for run in runs],
        **{name: [rounded(name, total.figure(name)) if total else None for total in totals] for name in _TOTALS},
    }


def _conditions(runs: Sequence[PastRun], overview: Overview) -> dict[str, Any]:
    """The sets of conditions, each once, and which of them and which line of a chart every run belongs to."""
    sets: dict[tuple[str, ...], int] = {}
    groups: dict[Hashable, int] = {}
    of_run, group_of_run = [], []
    for run in runs:
        of_run.append(sets.setdefault(_told(run), len(sets)))
        group_of_run.append(groups.setdefault(comparable_key(run.conditions), len(groups)))
    rows = [{clean(kind): count for kind, count in run.conditions.data_size.items()} for run in runs]
    return {"terms": list(_TERMS), "conditions": list(sets), "conditions_of": of_run, "group_of": group_of_run} | (
        {"rows_of": rows} if any(rows) else {}
    )


_TERMS = (
    "scenario", "content of the scenario", "users", "target", "read-only", "left out", "load processes",
    "machine of the load", "version of the suite",
)  # fmt: skip


def _told(run: PastRun) -> tuple[str, ...]:
    """The conditions of a run in words, in the order of the terms."""
    given = run.conditions
    values = (
        given.scenario,
        given.scenario_digest,
        _pairs(given.users_by_role),
        target_of(given),
        "yes" if given.read_only else "no",
        ", ".join(given.left_out) or "nothing",
        str(given.processes),
        given.machine,
        given.suite_version,
    )
    return tuple(map(clean, values))


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(counts.items()))


def _points(runs: Sequence[PastRun], points: Iterable[ChangePoint]) -> list[list[Any]]:
    """The change points at runs that are there, in the order of the runs."""
    places = {run.run_id: place for place, run in enumerate(runs)}
    found = [
        [point.role, point.operation, point.metric, places[point.run_id], point.before, point.after, point.p_value]
        for point in points
        if point.run_id in places
    ]
    return sorted(found, key=lambda point: point[3])
