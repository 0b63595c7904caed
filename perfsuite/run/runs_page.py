"""`results/index.html`: the page of all runs, made from the history after every run, or by command.

After a run it shows the newest runs only, so that a long history does not delay every run; the command `history
index --all` shows all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from perfsuite.errors import UsageError
from perfsuite.history import History, RunQuery
from perfsuite.history.change_points import change_points
from perfsuite.history.figures import FIGURES as COMPARED
from perfsuite.history.figures import ComparedMetric
from perfsuite.messages import Message
from perfsuite.messages.run import RunMessage
from perfsuite.model.history import ChangePoint, PastRun
from perfsuite.report.runs_page.page import (
    CAPACITY,
    FIGURES,
    METRICS,
    MetricColumns,
    Overview,
    columns_of,
    comparable_key,
    in_order,
    index_html,
)
from perfsuite.report.write import REPORT_FILE, write_index
from perfsuite.run.archive import RunArchive, one_line

NEWEST = 1000
"""Runs on the page that is made after every run."""
SEARCHED = 2000
"""So many of the newest runs under the same conditions are searched for change points."""
FINGERPRINTS = 200
"""The page shows queries per request for so many of the newest runs: reading a fingerprint takes milliseconds."""
SEARCHED_METRIC = "avg_ms"
_CAPACITY = ComparedMetric(CAPACITY, worse=-1)


def write_overview(archive: RunArchive, *, latest: int | None = NEWEST) -> Path:
    """Write the page of the newest runs (None: of all); its path. Raises UsageError where it cannot be written."""
    with archive.open_history() as history:
        overview = overview_of(history, archive.results, latest)
    return write_index(index_html(overview), archive.results)


def update_runs_page(archive: RunArchive) -> list[Message]:
    """Write the page after a run; why that failed, in notes for the user: the run's own files are there."""
    try:
        write_overview(archive)
    except UsageError as error:
        return [RunMessage.PAGE_NOT_UPDATED(why=one_line(error))]
    return []


def overview_of(history: History, results: Path, latest: int | None) -> Overview:
    """What the page shows, from the history."""
    runs = in_order(_runs(history, latest))
    columns = columns_of(runs, history.figures(FIGURES, latest))
    return Overview(
        runs=runs,
        columns=columns,
        change_points=list(_change_points(runs, columns)),
        older=max(history.count() - len(runs), 0),
        reports=frozenset(run.folder for run in runs if (results / run.folder / REPORT_FILE).exists()),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _runs(history: History, latest: int | None) -> list[PastRun]:
    """The runs with their totals, and the newest of them with their fingerprints."""
    runs = history.runs(RunQuery(latest=latest, totals_only=True))
    newest = history.runs(RunQuery(latest=FINGERPRINTS, totals_only=True, fingerprints=True))
    taken = {run.run_id: run.fingerprint for run in newest}
    return [replace(run, fingerprint=taken.get(run.run_id)) for run in runs]


def _change_points(runs: Sequence[PastRun], columns: Sequence[MetricColumns]) -> Iterator[ChangePoint]:
    """Of every role and operation, and of capacities, among the runs that can be compared with each other."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        groups[comparable_key(run.conditions)].append(place)
    average = next(figure for figure in COMPARED if figure.metric == SEARCHED_METRIC)
    for places in groups.values():
        figure = _CAPACITY if runs[places[0]].conditions.search_by else average
        for column in columns:
            known = _known(column, figure.metric, places[-SEARCHED:])
            for at, before, after, p in change_points(np.array([value for _, value in known]), figure):
                run_id = runs[known[at][0]].run_id
                yield ChangePoint(column.role, column.operation, figure.metric, run_id, before, after, p)


def _known(column: MetricColumns, metric: str, places: Sequence[int]) -> list[tuple[int, float]]:
    """Places of the runs that have the figure, with its value."""
    values = column.values[:, METRICS.index(metric)]
    inside = (place for place in places if 0 <= place - column.first < len(values))
    return [(place, float(value)) for place in inside if not np.isnan(value := values[place - column.first])]
