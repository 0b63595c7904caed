"""What the user names → runs: a folder, a file, a baseline, a run's id, a release, or the last ones that passed.

A baseline can be a small file that is committed to git: figures and conditions of runs, and of their fingerprints what
comparing counts needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from perfsuite.errors import UsageError, nearest
from perfsuite.history.store import History, RunQuery
from perfsuite.messages import Message
from perfsuite.messages.history import HistoryMessage
from perfsuite.model import Outcome
from perfsuite.model.fingerprint import Fingerprint, OperationCost, StatementKind
from perfsuite.model.history import Baseline, Conditions, PastRun, RunGroup

SCHEMA = 1
BASELINES_FOLDER = "baselines"
"""Below the results folder: a copy of every baseline that is saved there, so that `history rebuild` finds them."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_TEXT_MOST = 160


class _Schema(msgspec.Struct):
    schema: int


def write_baseline(path: Path, baseline: Baseline) -> Path:
    """Write the file and its folders. Raises UsageError where that fails."""
    content = msgspec.json.format(msgspec.json.encode(slim(baseline)), indent=1) + b"\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(HistoryMessage.FILE_NOT_WRITTEN(path=path, why=error.strerror)) from error
    return path


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises UsageError where there is none, or it is damaged or of a newer suite."""
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema > SCHEMA:
            raise UsageError(HistoryMessage.FILE_NEWER(path=path, schema=schema, newest=SCHEMA))
        found = msgspec.json.decode(content, type=Baseline)
    except OSError as error:
        raise UsageError(HistoryMessage.FILE_NOT_READ(path=path, why=error.strerror)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(HistoryMessage.NOT_A_BASELINE(path=path, why=str(error))) from error
    if not found.runs:
        raise UsageError(HistoryMessage.NO_RUNS(path=path))
    return found


def slim(baseline: Baseline) -> Baseline:
    """The baseline with only those parts of its fingerprints that a comparison needs."""
    return replace(baseline, runs=tuple(_slim_run(run) for run in baseline.runs))


def _slim_run(run: PastRun) -> PastRun:
    if run.fingerprint is None:
        return run
    return replace(run, fingerprint=_slim_print(run.fingerprint))


def _slim_print(taken: Fingerprint) -> Fingerprint:
    return replace(taken, foreign=(), notes=(), operations=tuple(_slim_cost(cost) for cost in taken.operations))


def _slim_cost(cost: OperationCost) -> OperationCost:
    queries = (one for one in cost.statements if one.kind is StatementKind.QUERY)
    short = tuple(replace(one, text=one.text[:_TEXT_MOST], queryids=()) for one in queries)
    return replace(cost, statements=short, suspicions=(), notes=())


_CONCLUSIVE = tuple(outcome for outcome in Outcome if outcome.is_conclusive)
_LAST = re.compile(r"last:(\d+)")
_SCANNED = 500
"""So many of the newest passing runs are searched for those made under the same conditions."""
_PLAN, _BASELINE_FILE = "plan.json", ".json"
_KINDS = ("run", "release", "baseline")
_SUGGESTED = 200

Differ = Callable[[Conditions, Conditions], Sequence[object]]


class RunReader(Protocol):
    """Reads the record of a run from its folder."""

    def __call__(self, folder: Path) -> PastRun:
        """Raises SuiteError where the folder is not that of a run, or damaged."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Where to look. `differ`: in what two runs' conditions differ; `like`: the conditions of the runs of `last:N`.

    `without`: ids of runs that a release or `last:N` leaves out.
    """

    history: History
    read_folder: RunReader
    differ: Differ
    like: Conditions | None = None
    without: tuple[str, ...] = ()
    results: Path = Path("results")


def select(name: str, where: Selection) -> RunGroup:
    """The runs of a name, the oldest first, with their fingerprints.

    `run:`, `release:` or `baseline:` before the name gives its kind; without it, an existing path comes first, then a
    baseline, a run's id, a release. Raises UsageError where there is none, or two kinds have the name.
    """
    kind, colon, rest = name.partition(":")
    if colon and kind in _KINDS:
        runs = _of_kind(kind, rest, where)
    else:
        runs = _of_path(name, where) or _last(name, where) or _of_any_kind(name, where)
    if not runs:
        raise UsageError(_unknown(name, where))
    return RunGroup(name, tuple(runs))


def _of_path(name: str, where: Selection) -> Sequence[PastRun]:
    path = Path(name)
    if not _is_path(name) and not (path / _PLAN).exists():
        return []  # a word, though something here may have that name
    if path.is_dir():
        return [where.read_folder(path)]
    return read_baseline(path).runs if path.is_file() else []  # releases are called "release/2.3", too


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(_BASELINE_FILE)


def _last(name: str, where: Selection) -> Sequence[PastRun]:
    if not name.startswith("last:"):
        return []
    found = _LAST.fullmatch(name)
    count = int(found[1]) if found else 0
    if not count:
        raise UsageError(HistoryMessage.LAST_HOW_MANY(name=name))
    like = where.like
    wanted = RunQuery(
        scenario=like.scenario if like else None, outcomes=(Outcome.PASS,), latest=_SCANNED, totals_only=True
    )
    passed = [run for run in where.history.runs(wanted) if run.run_id not in where.without]
    if not passed:
        if like:
            raise UsageError(
                HistoryMessage.NO_PASSING_RUN_OF(name=name, scenario=like.scenario, where=where.history.where)
            )
        raise UsageError(HistoryMessage.NO_PASSING_RUN(name=name, where=where.history.where))
    like = like or passed[-1].conditions
    alike = [run.run_id for run in passed if not where.differ(run.conditions, like)][-count:]
    if not alike:
        reasons = "; ".join(map(str, where.differ(passed[-1].conditions, like)))
        raise UsageError(HistoryMessage.NONE_ALIKE(name=name, runs=len(passed), reasons=reasons))
    return where.history.runs(RunQuery(run_ids=tuple(alike), fingerprints=True))


def _of_any_kind(name: str, where: Selection) -> Sequence[PastRun]:
    found = {kind: runs for kind in ("baseline", "run", "release") if (runs := _of_kind(kind, name, where))}
    if len(found) > 1:
        first, second, *_others = found
        raise UsageError(HistoryMessage.AMBIGUOUS(name=name, first=first, second=second))
    return next(iter(found.values()), [])


def _of_kind(kind: str, name: str, where: Selection) -> Sequence[PastRun]:
    if kind == "baseline":
        found = where.history.baseline(name)
        return found.runs if found else []
    if kind == "run":
        return _run(name, where)
    runs = where.history.runs(RunQuery(release=name, outcomes=_CONCLUSIVE, fingerprints=True)) if name else []
    return [run for run in runs if run.run_id not in where.without]


def _run(run_id: str, where: Selection) -> Sequence[PastRun]:
    """From the history, or else from its folder."""
    stored = where.history.runs(RunQuery(run_ids=(run_id,), fingerprints=True))
    folder = where.results / run_id
    return stored or ([where.read_folder(folder)] if (folder / _PLAN).exists() else [])


def _unknown(name: str, where: Selection) -> Message:
    newest = where.history.runs(RunQuery(latest=_SUGGESTED, totals_only=True))
    baselines = [one.name for one in where.history.baselines()]
    known = {*baselines, *(run.run_id for run in newest), *(run.release for run in newest if run.release)}
    fields, similar, is_path = {"name": name, "where": where.history.where}, nearest(name, known), _is_path(name)
    if similar:
        code = HistoryMessage.SIMILAR_PATH if is_path else HistoryMessage.SIMILAR
        return code(similar=similar, **fields)
    return (HistoryMessage.UNKNOWN_PATH if is_path else HistoryMessage.UNKNOWN)(**fields)
