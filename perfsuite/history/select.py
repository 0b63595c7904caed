"""What the user names → runs: a folder, a file, a baseline, a run's id, a release, or the last ones that passed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from perfsuite.errors import UsageError, nearest
from perfsuite.history.baseline_file import read_baseline
from perfsuite.history.store import History, Wanted
from perfsuite.model import Outcome
from perfsuite.model.history import Conditions, PastRun, RunGroup

_OF_WORTH = tuple(outcome for outcome in Outcome if outcome.is_conclusive)
_LAST = re.compile(r"last:(\d+)")
_SCANNED = 500
"""So many of the newest passing runs are looked through for those made under the same conditions."""
_PLAN, _BASELINE_FILE = "plan.json", ".json"
_KINDS = ("run", "release", "baseline")
_SUGGESTED = 200

Differ = Callable[[Conditions, Conditions], Sequence[object]]


class RunReader(Protocol):
    """Makes the record of a run from its folder."""

    def __call__(self, folder: Path) -> PastRun:
        """Raises SuiteError where the folder is not that of a run, or damaged."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Where to look. `differ`: in what two runs' conditions differ; `like`: conditions that `last:N` must be of.

    `without`: ids of runs that must not be among those found by a release or as the last ones.
    """

    history: History
    read_folder: RunReader
    differ: Differ
    like: Conditions | None = None
    without: tuple[str, ...] = ()
    results: Path = Path("results")


def select(name: str, where: Selection) -> RunGroup:
    """The runs of a name, the oldest first, with their fingerprints.

    `run:`, `release:` or `baseline:` before the name says of which kind it is; else a path that is there comes first,
    then a baseline, a run's id, a release. Raises UsageError where there is none, or two kinds have the name.
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
    if not _looks_like_a_path(name) and not (path / _PLAN).exists():
        return []  # a word, though something here may have that name
    if path.is_dir():
        return [where.read_folder(path)]
    return read_baseline(path).runs if path.is_file() else []  # releases are called "release/2.3", too


def _looks_like_a_path(name: str) -> bool:
    return "/" in name or name.endswith(_BASELINE_FILE)


def _last(name: str, where: Selection) -> Sequence[PastRun]:
    if not name.startswith("last:"):
        return []
    found = _LAST.fullmatch(name)
    count = int(found[1]) if found else 0
    if not count:
        raise UsageError(f"{name}: say how many of the last passing runs, as in last:5")
    like = where.like
    wanted = Wanted(
        scenario=like.scenario if like else None, outcomes=(Outcome.PASS,), latest=_SCANNED, totals_only=True
    )
    passed = [run for run in where.history.runs(wanted) if run.run_id not in where.without]
    if not passed:
        of = f" of scenario {like.scenario}" if like else ""
        raise UsageError(f"{name}: no passing run{of} is in {where.history.where}")
    like = like or passed[-1].conditions
    alike = [run.run_id for run in passed if not where.differ(run.conditions, like)][-count:]
    if not alike:
        raise UsageError(
            f"{name}: none of the {len(passed)} passing runs was made under the same conditions: "
            f"{'; '.join(map(str, where.differ(passed[-1].conditions, like)))}"
        )
    return where.history.runs(Wanted(run_ids=tuple(alike), fingerprints=True))


def _of_any_kind(name: str, where: Selection) -> Sequence[PastRun]:
    found = {kind: runs for kind in ("baseline", "run", "release") if (runs := _of_kind(kind, name, where))}
    if len(found) > 1:
        written = " or ".join(f"{kind}:{name}" for kind in found)
        raise UsageError(f"{name}: is a {' and a '.join(found)}. Write {written}")
    return next(iter(found.values()), [])


def _of_kind(kind: str, name: str, where: Selection) -> Sequence[PastRun]:
    if kind == "baseline":
        found = where.history.baseline(name)
        return found.runs if found else []
    if kind == "run":
        return _run(name, where)
    runs = where.history.runs(Wanted(release=name, outcomes=_OF_WORTH, fingerprints=True)) if name else []
    return [run for run in runs if run.run_id not in where.without]


def _run(run_id: str, where: Selection) -> Sequence[PastRun]:
    """From history; where it is not kept there, from its folder."""
    kept = where.history.runs(Wanted(run_ids=(run_id,), fingerprints=True))
    folder = where.results / run_id
    return kept or ([where.read_folder(folder)] if (folder / _PLAN).exists() else [])


def _unknown(name: str, where: Selection) -> str:
    newest = where.history.runs(Wanted(latest=_SUGGESTED, totals_only=True))
    baselines = [one.name for one in where.history.baselines()]
    known = {*baselines, *(run.run_id for run in newest), *(run.release for run in newest if run.release)}
    near = nearest(name, known)
    path = "no such folder or file, and " if _looks_like_a_path(name) else ""
    told = f"{name}: {path}neither a run, a release nor a baseline in {where.history.where}{near}"
    return told + ("" if near else "\nThe commands `history` and `baseline list` show what there is.")
