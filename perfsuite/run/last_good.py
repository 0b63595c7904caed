"""The last good run of the same scenario: what its resources did, for the verdict on stability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.history import RunQuery
from perfsuite.history.conditions import mismatches
from perfsuite.model import Outcome
from perfsuite.model.history import PastRun
from perfsuite.model.stability import GrowthBefore, LastGoodRun
from perfsuite.run.archive import RunArchive, past_run
from perfsuite.run.load_run import LAST_GOOD_FILE, LoadedRun, save
from perfsuite.stability.last_good import with_last_good

_SEARCHED = 50
"""So many of the newest runs that passed."""
_SUMMARY_FILE = "summary.json"


class _Entry(msgspec.Struct):
    metric: str
    unit: str
    per_minute: float | None = None
    level: float | None = None


class _Summary(msgspec.Struct):
    stability: list[_Entry] = []


def compared_with_last_good(run: LoadedRun, archive: RunArchive) -> LoadedRun:
    """The run with what its resources did in the last good run, which is kept in its folder; else the same run."""
    if not run.report.stability:
        return run
    try:
        last = last_good_run(past_run(run), archive)
    except UsageError:
        return run  # the history cannot be read; adding the run to it says so
    if last is None:
        return run
    save(run.folder / LAST_GOOD_FILE, last)
    return replace(run, report=replace(run.report, stability=with_last_good(run.report.stability, last)))


def last_good_run(newest: PastRun, archive: RunArchive) -> LastGoodRun | None:
    """The last run before this one that passed under the same conditions and was long enough; None where none is left.

    The machine that makes the load may be another one. Raises UsageError where the history cannot be read.
    """
    with archive.open_history() as history:
        query = RunQuery(scenario=newest.conditions.scenario, outcomes=(Outcome.PASS,), latest=_SEARCHED)
        passed = history.runs(replace(query, totals_only=True))
    for before in reversed(passed):
        earlier = before.run_id != newest.run_id and before.started_at <= newest.started_at
        if earlier and all(each.times_only for each in mismatches(before.conditions, newest.conditions)):
            growth = tuple(_growth_in(archive.results / before.folder / _SUMMARY_FILE))
            if growth:
                return LastGoodRun(before.run_id, growth)
    return None


def _growth_in(path: Path) -> Iterator[GrowthBefore]:
    """Nothing where the folder is gone, or the file is damaged: an earlier run that cannot be read says nothing."""
    try:
        summary = msgspec.json.decode(path.read_bytes(), type=_Summary)
    except (OSError, msgspec.MsgspecError):
        return
    for each in summary.stability:
        if each.per_minute is not None:
            yield GrowthBefore(each.metric, each.unit, each.per_minute, each.level)
