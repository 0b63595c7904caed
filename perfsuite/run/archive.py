"""Finished runs go into the history: from a run's report to its record, at its end or anew from the folders."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from perfsuite.errors import LoadError, SuiteError, UsageError
from perfsuite.history import History, Selection, Wanted, default_url, read_baseline
from perfsuite.history.baseline_file import FOLDER as BASELINES_FOLDER
from perfsuite.history.comparison.conditions import mismatches
from perfsuite.history.migrate import NewerSchemaError
from perfsuite.history.trouble import OutOfReachError
from perfsuite.measurements import records as measurements
from perfsuite.model import ALL, Plan, PreflightReport, Row, Scenario, Summary, Works
from perfsuite.model.history import Baseline, Conditions, Measured, PastRun
from perfsuite.model.periods import STEADY
from perfsuite.report.text import plural
from perfsuite.run.load_run import Reread, reread
from perfsuite.summary.kept import kept_times
from perfsuite.summary.summarize import COMPLETED

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where finished runs are: their folders, and the history (`url`; "" for the file beside them)."""

    results: Path
    url: str = ""

    @contextmanager
    def opened(self) -> Iterator[History]:
        """The history; its connections are closed at the end."""
        history = History(self.url or default_url(self.results))
        try:
            yield history
        finally:
            history.close()

    def selection(self, history: History) -> Selection:
        """Where names of runs are looked up; `last:N` are runs that can be held against the newest of them."""
        return Selection(history, read_past_run, _reasons, results=self.results)


def _reasons(a: Conditions, b: Conditions) -> list[str]:
    return [each.reason for each in mismatches(a, b)]


# ── a run as a record ───────────────────────────────────────────────────────────────────────────────


def environment_of(plan: Plan) -> dict[str, str]:
    """Under what a run is made, as far as this side knows; kept in its folder."""
    told = {"demo": plan.demo or "", "label": plan.label, "release": plan.release}
    return {
        "suite": plan.suite_version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "machine": machine(),
        **{name: value for name, value in told.items() if value},
    }


def machine() -> str:
    """What makes the load, without its name: machines of a CI have another one every day."""
    memory = round(psutil.virtual_memory().total / _GIB)
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} × {_processor()}, {memory} GiB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown processor"


def conditions_of(plan: Plan, preflight: PreflightReport | None, machine_: str) -> Conditions:
    """Under what a run is made. Before its preflight nothing is known of the data, nor of what is left out."""
    return Conditions(
        scenario=plan.scenario.name,
        scenario_digest=digest_of(plan.scenario, plan.roles_module),
        users_by_role={role: users for role, users in plan.users_by_role.items() if users},
        host=plan.host,
        demo=plan.demo,
        data_size=dict(preflight.data_size) if preflight else {},
        read_only=plan.read_only,
        left_out=_left_out(preflight),
        processes=plan.processes,
        machine=machine_,
        suite_version=plan.suite_version,
    )


def digest_of(scenario: Scenario, roles_module: str) -> str:
    """Names the content of a scenario: what load it makes, not what it is called or for."""
    content = asdict(scenario) | {"roles": roles_module}
    told = {name: value for name, value in content.items() if name not in ("name", "purpose")}
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:16]


def _left_out(preflight: PreflightReport | None) -> tuple[str, ...]:
    left = (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
    checks = preflight.checks if preflight else ()
    return tuple(sorted(f"{check.role} / {check.operation}" for check in checks if check.works in left))


def past_run(read: Reread) -> PastRun:
    """The record of a run, from what its folder tells."""
    report, preflight = read.report, read.preflight
    plan, summary, verdict = report.plan, report.summary, report.verdict
    started_at = _utc(plan.created_at)
    return PastRun(
        run_id=plan.run_id,
        started_at=started_at,
        ended_at=_ended_at(summary, started_at),
        folder=read.folder.resolve().name,
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        conditions=conditions_of(plan, preflight, summary.environment.get("machine", "")),
        measured=_measured(summary),
        label=plan.label,
        release=plan.release,
        target_version=preflight.version if preflight else "",
        steady_s=summary.steady_s,
        fingerprint=report.fingerprint,
    )


def read_past_run(folder: Path) -> PastRun:
    """The record of the run in a folder. Raises SuiteError where there is none, or it is damaged."""
    return past_run(_undamaged(folder))


def _undamaged(folder: Path) -> Reread:
    """Also whole: the first seconds of a run that ended in order are not its figures."""
    read = reread(folder)
    path = folder / measurements.FILE_NAME
    if read.report.summary.ended == COMPLETED and not measurements.is_whole(path):
        raise LoadError(f"{path}: damaged, its end is missing")
    return read


def _measured(summary: Summary) -> tuple[Measured, ...]:
    """The total, each role, each operation, and each operation as each role, over all behaviours."""
    found: dict[tuple[str, str], Row] = {}
    for row in summary.rows:
        if row.period != STEADY or (row.operation == ALL and row.behaviour != ALL):
            continue
        key = (row.role, row.operation)
        # Where several behaviours of a role make an operation, there is a row over all of them.
        if key not in found or row.behaviour == ALL:
            found[key] = row
    return tuple(Measured(role, operation, row.statistics, row.ok) for (role, operation), row in found.items())


def _utc(told: str) -> str:
    at = datetime.fromisoformat(told)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _ended_at(summary: Summary, started_at: str) -> str:
    if not summary.seconds:
        return started_at
    return datetime.fromtimestamp(summary.seconds[-1].second + 1, UTC).isoformat(timespec="seconds")


# ── keeping ─────────────────────────────────────────────────────────────────────────────────────────


def keep(read: Reread, history: History) -> list[str]:
    """Keep a run in the history; what the user should know, in lines. Raises UsageError where it takes nothing."""
    run = past_run(read)
    history.keep(run, kept_times(read.records, read.report.summary.steady_start, read.report.summary.steady_end))
    return _clock_told(run, history)


def _clock_told(run: PastRun, history: History) -> list[str]:
    """Runs are ordered by the clock: what tells that it went backwards."""
    if run.ended_at < run.started_at:
        return [f"{run.run_id}: the clock went backwards in the run, from {run.started_at} to {run.ended_at}"]
    later = history.begun_after(run.ended_at)
    if later is None or later.run_id == run.run_id:
        return []
    return [
        f"the history holds {later.run_id}, begun at {later.started_at}, later than this run ended ({run.ended_at}): "
        "has the clock been set back? Runs are ordered by it"
    ]


def kept_at_the_end(read: Reread, shelf: Shelf) -> list[str]:
    """Keep a run that has just ended. Whatever goes wrong is told: the run's folder holds everything."""
    try:
        with shelf.opened() as history:
            return keep(read, history)
    except UsageError as error:
        return [f"the run is not in the history: {' '.join(str(error).split())}"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `history rebuild` did. `passed_over`: folders that could not be read, with the reason."""

    runs: int
    baselines: int
    passed_over: tuple[str, ...]
    notes: tuple[str, ...]


def rebuild(shelf: Shelf, tell: Callable[[str], None]) -> Rebuilt:
    """Make the history anew from the runs' folders.

    A database that cannot be used is renamed first. Runs in it whose folders are gone stay. Raises UsageError where
    the new one cannot be written, or the old one is of a newer suite.
    """
    with shelf.opened() as history:
        notes = _usable(history)
        runs, passed_over = 0, []
        seen: dict[str, str] = {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {run.folder for run in history.runs(Wanted(totals_only=True))}
        folders = _folders(shelf.results)
        for folder in folders:
            try:
                read = _undamaged(folder)
                run_id = read.report.plan.run_id
                if run_id in seen:
                    passed_over.append(f"{folder.name}: the same run as in {seen[run_id]}")
                    continue
            except SuiteError as error:
                stays = ". What the history holds of it stays" if folder.name in kept else ""
                passed_over.append(f"{folder.name}: {' '.join(str(error).split())}{stays}")
                continue
            seen[run_id] = folder.name
            keep(read, history)
            notes += _from_the_future(past_run(read), now)
            runs += 1
            tell(f"  {folder.name}")
        baselines = _baselines_again(shelf.results / BASELINES_FOLDER, history, passed_over)
        if gone := len(kept - {folder.name for folder in folders}):
            notes.append(f"of {plural(gone, 'run')} in {history.where} nothing measured is here; what is kept stays")
        return Rebuilt(runs, baselines, tuple(passed_over), tuple(notes))


def _usable(history: History) -> list[str]:
    try:
        history.check()
    except (NewerSchemaError, OutOfReachError):
        raise  # nothing says that it is damaged
    except UsageError:
        if history.file is None:
            raise
        aside = history.set_aside()
        return [f"{history.where} could not be used and is now {aside}"] if aside else []
    return []


def _folders(results: Path) -> list[Path]:
    """Those in which a load was made; what is of preflight and fingerprint alone has no measurements."""
    if not results.is_dir():
        return []
    folders = (path for path in results.iterdir() if path.is_dir() and (path / measurements.FILE_NAME).exists())
    return sorted(folders, key=lambda folder: folder.name)


def _from_the_future(run: PastRun, now: str) -> list[str]:
    return [f"{run.run_id} began at {run.started_at}, which is yet to come: was the clock set back?"] * (
        run.started_at > now
    )


def _baselines_again(folder: Path, history: History, passed_over: list[str]) -> int:
    count = 0
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            saved: Baseline = read_baseline(path)
        except UsageError as error:
            passed_over.append(f"{BASELINES_FOLDER}/{path.name}: {' '.join(str(error).split())}")
            continue
        history.save_baseline(saved)
        count += 1
    return count
