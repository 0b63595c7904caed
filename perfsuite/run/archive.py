"""Finished runs in the results folder and the history: a run's record, added at its end or rebuilt from the folders."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from perfsuite.errors import LoadError, SuiteError, UsageError
from perfsuite.format import plural
from perfsuite.history import History, RunQuery, Selection, default_url, read_baseline
from perfsuite.history.conditions import mismatches
from perfsuite.history.database import NewerSchemaError, OutOfReachError
from perfsuite.history.select import BASELINES_FOLDER
from perfsuite.measurements import file as measurements_file
from perfsuite.messages import Message
from perfsuite.messages.run import RunMessage
from perfsuite.model import ALL, Plan, PreflightReport, Row, RunReport, Scenario, Summary, Target, Works
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.history import Baseline, Conditions, Measured, PastCapacity, PastRun
from perfsuite.model.periods import STEADY
from perfsuite.report.capacity import target_text

if TYPE_CHECKING:
    from perfsuite.run.load_run import LoadedRun

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class RunArchive:
    """Finished runs: their folders in `results`, and the history (`url`; "" for the file beside them)."""

    results: Path
    url: str = ""

    @contextmanager
    def open_history(self) -> Iterator[History]:
        """The history; its connections are closed at the end."""
        history = History(self.url or default_url(self.results))
        try:
            yield history
        finally:
            history.close()

    def selection(self, history: History) -> Selection:
        """Where names of runs are looked up; `last:N` are runs that can be compared with the newest of them."""
        return Selection(history, read_past_run, _reasons, results=self.results)

    def add(self, run: LoadedRun) -> list[Message]:
        """Add a run that has just ended; notes for the user. A history that takes nothing is such a note."""
        try:
            with self.open_history() as history:
                return add_to_history(run, history)
        except UsageError as error:
            return [RunMessage.NOT_IN_HISTORY(why=one_line(error))]


def _reasons(a: Conditions, b: Conditions) -> list[str]:
    return [each.reason for each in mismatches(a, b)]


# ── a run as a record ───────────────────────────────────────────────────────────────────────────────


def environment_of(plan: Plan) -> dict[str, str]:
    """The environment of a run, as far as this side knows it; written to its folder."""
    optional = {"demo": plan.demo or "", "label": plan.label, "release": plan.release}
    return {
        "suite": plan.suite_version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "machine": machine(),
        **{name: value for name, value in optional.items() if value},
    }


def machine() -> str:
    """The machine that makes the load, without its name: CI machines have another one every day."""
    import psutil

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
    """The conditions of a run. Before its preflight, data size and left-out operations are unknown."""
    search = plan.capacity
    scenario = plan.scenario if search is None else _searched(plan.scenario)
    return Conditions(
        scenario=scenario.name,
        scenario_digest=digest_of(scenario, plan.roles_module),
        users_by_role={role: users for role, users in plan.users_by_role.items() if users},
        host=plan.host,
        demo=plan.demo,
        data_size=dict(preflight.data_size) if preflight else {},
        read_only=plan.read_only,
        left_out=_left_out(preflight),
        processes=plan.load_processes,
        machine=_machines(plan, machine_),
        suite_version=plan.suite_version,
        search_by=search.by.value if search else "",
        targets_digest=_targets_digest(plan.targets) if search else "",
        check_correctness=_check_level(plan),
    )


def _check_level(plan: Plan) -> str:
    """ "" for a run that is older than these checks."""
    is_older = plan.check_correctness is CheckLevel.OFF and plan.checks_off is None
    return "" if is_older else plan.check_correctness.value


def _searched(scenario: Scenario) -> Scenario:
    """The scenario of a search without what the search itself sets: how much load, and for how long."""
    arrival = scenario.arrival and replace(scenario.arrival, rate=0.0, rate_end=None)
    return replace(scenario, users=0, spawn_rate=0.0, duration_s=0.0, arrival=arrival)


def _machines(plan: Plan, here: str) -> str:
    """Where the load is made. What the other machines are is not known before they join."""
    if not plan.expect_workers:
        return here
    elsewhere = f"{plural(plan.expect_workers, 'worker')} elsewhere"
    return f"{elsewhere}, {plan.processes} × {here}" if plan.processes else elsewhere


_ALWAYS_IN_DIGEST = ("users", "spawn_rate", "duration_s", "arrival")
"""What came later counts only where it is not the default, so that digests of earlier runs stay the same."""


def digest_of(scenario: Scenario, roles_module: str) -> str:
    """Identifies the load that a scenario makes, whatever its name and purpose."""
    usual = asdict(Scenario("", 1, 1.0, 1.0))
    load = {
        name: value
        for name, value in asdict(scenario).items()
        if name not in ("name", "purpose") and (name in _ALWAYS_IN_DIGEST or value != usual[name])
    }
    for stage in load.get("stages", ()):
        if not stage["read_only"]:
            del stage["read_only"]
    load = {{"roles": "chosen_roles"}.get(name, name): value for name, value in load.items()} | {"roles": roles_module}
    return _digest(load)


def _targets_digest(targets: Sequence[Target]) -> str:
    """Whatever their names and order. What is not set does not count, so that a later field changes no digest."""
    usual = asdict(Target("", "", 0.0, below=True))
    content = [
        {name: value for name, value in asdict(each).items() if name != "name" and value != usual[name]}
        for each in targets
    ]
    return _digest(sorted(content, key=str))


def _digest(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]


def _left_out(preflight: PreflightReport | None) -> tuple[str, ...]:
    left = (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
    checks = preflight.checks if preflight else ()
    return tuple(sorted(f"{check.role} / {check.operation}" for check in checks if check.works in left))


def past_run(run: LoadedRun) -> PastRun:
    """The record of a run for the history."""
    report, preflight = run.report, run.preflight
    plan, summary, verdict = report.plan, report.summary, report.verdict
    started_at = _utc(plan.created_at)
    return PastRun(
        run_id=plan.run_id,
        started_at=started_at,
        ended_at=_ended_at(summary, started_at),
        folder=run.folder.resolve().name,
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        conditions=conditions_of(plan, preflight, summary.environment.get("machine", "")),
        measured=_measured(summary),
        label=plan.label,
        release=plan.release,
        target_version=preflight.version if preflight else "",
        steady_s=summary.steady_s,
        fingerprint=report.fingerprint,
        capacity=_capacity(report),
    )


def _capacity(report: RunReport) -> PastCapacity | None:
    """None for a run that is no search."""
    found, search = report.capacity, report.plan.capacity
    if found is None or search is None:
        return None
    answer, (low, high) = found.answer, found.answer.bounds
    return PastCapacity(
        by=search.by,
        kind=answer.kind,
        low=low or None,
        high=None if math.isinf(high) else high,
        estimate=answer.estimate,
        rps=answer.rps,
        first_to_fail=target_text(answer.first_to_fail) if answer.first_to_fail else "",
    )


def read_past_run(folder: Path) -> PastRun:
    """The record of the run in a folder. Raises SuiteError where there is none, or it is damaged."""
    return past_run(_undamaged(folder))


def _undamaged(folder: Path) -> LoadedRun:
    """Raises LoadError also for a completed run whose measurements lack their end: its figures would be wrong."""
    from perfsuite.run.load_run import load_run  # it analyses, which a list of runs does not need
    from perfsuite.summary.summarize import COMPLETED

    run = load_run(folder)
    path = folder / measurements_file.FILE_NAME
    if run.report.summary.ended == COMPLETED and not measurements_file.is_whole(path):
        raise LoadError(RunMessage.CUT_SHORT(path=path))
    return run


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


def _utc(time: str) -> str:
    at = datetime.fromisoformat(time)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _ended_at(summary: Summary, started_at: str) -> str:
    if not summary.seconds:
        return started_at
    return datetime.fromtimestamp(summary.seconds[-1].second + 1, UTC).isoformat(timespec="seconds")


# ── the history ─────────────────────────────────────────────────────────────────────────────────────


def add_to_history(finished: LoadedRun, history: History) -> list[Message]:
    """Add a run to the history; notes for the user. Raises UsageError where the history cannot be written."""
    run = past_run(finished)
    history.add(run)
    return _clock_notes(run, history)


def _clock_notes(run: PastRun, history: History) -> list[Message]:
    """Runs are ordered by the clock: signs that it went backwards."""
    if run.ended_at < run.started_at:
        return [RunMessage.CLOCK_WENT_BACK(run_id=run.run_id, started_at=run.started_at, ended_at=run.ended_at)]
    later = history.newest_after(run.ended_at)
    if later is None or later.run_id == run.run_id:
        return []
    return [RunMessage.LATER_RUN(other=later.run_id, started_at=later.started_at, ended_at=run.ended_at)]


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What `history rebuild` did. `skipped`: folders that could not be read, with the reason."""

    runs: int
    baselines: int
    skipped: tuple[Message, ...]
    notes: tuple[Message, ...]


def rebuild(archive: RunArchive, report: Callable[[str], None]) -> RebuildResult:
    """Make the history again from the runs' folders; `report` gets a line for each.

    An unusable database is renamed first. Runs in it whose folders are gone stay. Raises UsageError where the new one
    cannot be written, or a newer suite wrote the old one.
    """
    with archive.open_history() as history:
        notes = _usable(history)
        runs = 0
        skipped: list[Message] = []
        seen: dict[str, str] = {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {run.folder for run in history.runs(RunQuery(totals_only=True))}
        folders = _folders(archive.results)
        for folder in folders:
            try:
                run = _undamaged(folder)
                run_id = run.report.plan.run_id
                if run_id in seen:
                    skipped.append(RunMessage.SAME_RUN(folder=folder.name, other=seen[run_id]))
                    continue
            except SuiteError as error:
                code = RunMessage.UNREADABLE_BUT_KEPT if folder.name in kept else RunMessage.UNREADABLE
                skipped.append(code(folder=folder.name, why=one_line(error)))
                continue
            seen[run_id] = folder.name
            add_to_history(run, history)
            if (past := past_run(run)).started_at > now:
                notes.append(RunMessage.IN_THE_FUTURE(run_id=past.run_id, started_at=past.started_at))
            runs += 1
            report(f"  {folder.name}")
        baselines = _restore_baselines(archive.results / BASELINES_FOLDER, history, skipped)
        if gone := len(kept - {folder.name for folder in folders}):
            notes.append(RunMessage.FOLDERS_GONE(runs=gone, history=history.where))
        return RebuildResult(runs, baselines, tuple(skipped), tuple(notes))


def one_line(error: Exception) -> str:
    """The message of an error, for the middle of a sentence."""
    return " ".join(str(error).split())


def _usable(history: History) -> list[Message]:
    try:
        history.check()
    except (NewerSchemaError, OutOfReachError):
        raise  # it is not damaged
    except UsageError:
        if history.file is None:
            raise
        aside = history.set_aside()
        return [RunMessage.HISTORY_RENAMED(history=history.where, aside=aside)] if aside else []
    return []


def _folders(results: Path) -> list[Path]:
    """The folders of runs with a load; those of `preflight` and `fingerprint` have no measurements."""
    if not results.is_dir():
        return []
    folders = (path for path in results.iterdir() if path.is_dir() and (path / measurements_file.FILE_NAME).exists())
    return sorted(folders, key=lambda folder: folder.name)


def _restore_baselines(folder: Path, history: History, skipped: list[Message]) -> int:
    count = 0
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            saved: Baseline = read_baseline(path)
        except UsageError as error:
            skipped.append(RunMessage.UNREADABLE(folder=f"{BASELINES_FOLDER}/{path.name}", why=one_line(error)))
            continue
        history.save_baseline(saved)
        count += 1
    return count
