"""The stages of a run, joined: plan → preflight → load → cleanup → summary → verdict → files.

Every stage leaves its file in the run's folder, so that `report` and `judge` can start again from there.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from perfsuite import measurements
from perfsuite.api import journal
from perfsuite.api.client import TIMEOUT_S, HttpxTransport
from perfsuite.api.exchange import Answer, Failure, Request, Transport
from perfsuite.api.run import Run
from perfsuite.cleanup import clean_up
from perfsuite.clock import utc_s
from perfsuite.errors import LoadError, SuiteError, TargetError, UsageError
from perfsuite.interrupts import Interrupts
from perfsuite.judge import judge, live_targets
from perfsuite.model import (
    Account,
    Cleanup,
    FailureKind,
    LiveState,
    Plan,
    PreflightReport,
    RunReport,
    Target,
    TargetResult,
)
from perfsuite.plan.run_folder import new_run_folder
from perfsuite.preflight.run import broken_table, preflight
from perfsuite.process import LoadProcess
from perfsuite.report.files import write_all
from perfsuite.roles import ROLES
from perfsuite.summary.live import Live
from perfsuite.summary.summarize import Circumstances, build

T = TypeVar("T")

PLAN_FILE, PREFLIGHT_FILE, CIRCUMSTANCES_FILE = "plan.json", "preflight.json", "circumstances.json"

TARGET_LOST_S = 10
"""A target that gives no answer at all for this long is lost: the load stops."""
_LOOK_EVERY_S = 0.2
_GRACE_S = 60.0
"""How long the load process may take beyond its plan (start, drain of 30 s) before it is ended."""
_LOG_PATIENCE_S = 3.0
_HURRIED_S = 2.0
"""How long cleanup waits for an answer once a person has asked twice for the end."""


class Screen(Protocol):
    """What the pipeline tells while it works."""

    def say(self, text: str) -> None:
        """One line about a stage."""

    def progress(self, live: LiveState, targets: Sequence[TargetResult]) -> None:
        """The state of the load, once a second."""

    def load_over(self) -> None:
        """The load has ended; the next progress belongs to another one."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all runs of a command share."""

    results: Path
    screen: Screen
    interrupts: Interrupts
    request_log: Path | None = None
    """Log of a demo backend, to hold the suite's counts against."""
    step_summary: Path | None = None


def run(plan: Plan, accounts: tuple[Account, ...], desk: Desk) -> tuple[RunReport, Path]:
    """One run, from the plan to its files.

    Raises TargetError when the target is not ready (nothing is left behind at it), KeyboardInterrupt when
    interrupted before the load.
    """
    folder = new_run_folder(desk.results, plan.scenario.name, datetime.now(UTC))
    plan = replace(plan, run_id=folder.name)
    save(folder / PLAN_FILE, plan)
    try:
        look_before(plan, accounts, folder, desk)
    except (SuiteError, KeyboardInterrupt):
        clean(plan, accounts, folder, desk)
        raise
    ended = _load(plan, accounts, folder, desk)
    cleanup, ended = _clean_after(ended, plan, accounts, folder, desk)
    backend_log = _count_log(desk.request_log, plan.run_id, folder) if desk.request_log else None
    save(folder / CIRCUMSTANCES_FILE, Circumstances(cleanup, backend_log, ended, _environment(plan)))
    report = report_of(folder)
    write_all(report, folder, step_summary=desk.step_summary)
    return report, folder


def only_preflight(plan: Plan, accounts: tuple[Account, ...], desk: Desk) -> PreflightReport:
    """Preflight without a load; what it created is removed again."""
    folder = new_run_folder(desk.results, "preflight", datetime.now(UTC))
    plan = replace(plan, run_id=folder.name, tolerate_broken=True, users_by_role={role.slug: 1 for role in ROLES})
    save(folder / PLAN_FILE, plan)
    try:
        return look_before(plan, accounts, folder, desk)
    finally:
        clean(plan, accounts, folder, desk)


def look_before(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> PreflightReport:
    """Preflight, with its file and its refusals."""
    desk.screen.say(f"Preflight: {plan.host}, every operation once per role")
    book = journal.Journal(folder / "journal-preflight.jsonl")
    try:
        roles = [role for role in ROLES if plan.users_by_role.get(role.slug)]
        seen = Run(plan.run_id, purpose="preflight", journal=book, thorough=True)
        report = preflight(plan, roles, accounts, seen, lambda: HttpxTransport(plan.host))
    finally:
        book.close()
    save(folder / PREFLIGHT_FILE, report)
    if (table := broken_table(report)) and not plan.tolerate_broken:
        raise TargetError(
            f"Operations fail before any load, so load would measure nothing of worth:\n{table}\n"
            "Mend them, or leave them out of the run with --tolerate-broken."
        )
    return report


def _load(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> str:
    """Make the load; how it ended."""
    needed = tuple(account for account in accounts if plan.users_by_role.get(account.role))
    desk.interrupts.counting = True
    process = LoadProcess(folder, needed)
    try:
        return _follow(process, plan, folder, desk)
    finally:
        process.close()
        desk.screen.load_over()
        desk.interrupts.counting = False


def _follow(process: LoadProcess, plan: Plan, folder: Path, desk: Desk) -> str:
    tail, live = measurements.Tail(folder / measurements.FILE_NAME), Live(plan)
    deadline = time.monotonic() + plan.scenario.duration_s + _GRACE_S
    reason, told, shown_at = "completed", 0, 0.0
    while process.running:
        time.sleep(_LOOK_EVERY_S)
        live.feed(tail.read())
        if time.monotonic() - shown_at >= 1.0:
            shown_at = time.monotonic()
            state = live.state(utc_s())
            desk.screen.progress(state, live_targets(plan, state, ROLES))
            if state.unanswered_s >= TARGET_LOST_S and reason == "completed":
                reason = "target lost"
                desk.screen.say(f"The target has not answered for {state.unanswered_s} s: the load is stopped")
                process.stop(reason)
        if desk.interrupts.count > told:
            told = desk.interrupts.count
            reason = "interrupted"
            _interrupt(process, told, desk.screen)
        if time.monotonic() > deadline:
            process.kill()
    if desk.interrupts.count > told:  # while the load was ending by itself
        return "interrupted"
    if process.failed and not told:
        desk.screen.say(f"The load process died: {process.last_words() or 'it left no message'}")
        return "load process died"
    return reason


def _interrupt(process: LoadProcess, count: int, screen: Screen) -> None:
    if count == 1:
        screen.say("Interrupted: requests in flight may finish (30 s at most); once more to end at once")
        process.stop("interrupted")
    else:
        screen.say("Interrupted again: the load is cut off")
        process.kill()


def _clean_after(
    ended: str, plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk
) -> tuple[Cleanup | None, str]:
    """What became of the rows, and how the run ended: who interrupts in here too gets a report of what is left."""
    patience_s = _HURRIED_S if desk.interrupts.count > 1 else TIMEOUT_S
    try:
        connect = partial(HttpxTransport, plan.host, timeout_s=patience_s)
        return clean(plan, accounts, folder, desk, connect), ended
    except KeyboardInterrupt:
        return clean(plan, accounts, folder, desk, _Hangup), "interrupted"


class _Hangup:
    """A transport that sends nothing any more: cleanup then tells what it would have removed."""

    def exchange(self, request: Request) -> Answer:
        """No answer."""
        return Answer(0, {}, b"", utc_s(), 0, Failure(FailureKind.CONNECTION_LOST, "cleanup was interrupted"))

    def close(self) -> None:
        """Nothing is open."""


def clean(
    plan: Plan,
    accounts: tuple[Account, ...],
    folder: Path,
    desk: Desk,
    connect: Callable[[], Transport] | None = None,
) -> Cleanup | None:
    """Remove what the run made, over `connect()` where given; None when it made and changed nothing."""
    entries = list(journal.read(folder))
    admins = [account for account in accounts if account.role == ROLES[0].slug]
    if not entries or not admins:
        return None
    book = journal.Journal(folder / journal.FILE_NAME)
    transport = connect() if connect else HttpxTransport(plan.host)
    try:
        run_ = Run(plan.run_id, purpose="cleanup", journal=book)
        done = clean_up(entries, ROLES[0], admins[0], run_, transport)
    finally:
        transport.close()
        book.close()
    if done.created:
        desk.screen.say(f"Cleanup: removed {done.removed} of {done.created} rows that the run made")
    for line in done.not_removed[:10]:
        desk.screen.say(f"  not removed: {line}")
    if len(done.not_removed) > 10:
        desk.screen.say(f"  … and {len(done.not_removed) - 10} more; try again with: cleanup {folder}")
    return done


def _count_log(log: Path, run_id: str, folder: Path) -> int:
    """Requests of the run's load that the backend logged; waits for its last lines while some are missing."""
    expected = sum(
        record.recorded
        for record in measurements.read(folder / measurements.FILE_NAME)
        if isinstance(record, measurements.End)
    )
    deadline = time.monotonic() + _LOG_PATIENCE_S
    while (count := _lines_of(log, run_id)) < expected and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return count


def _lines_of(log: Path, run_id: str) -> int:
    with log.open("rb") as lines:
        # The backend may be in the middle of a line.
        whole = (line for line in lines if line.endswith(b"\n"))
        return sum(1 for line in whole if msgspec.json.decode(line).get("run_id") == run_id)


def _environment(plan: Plan) -> dict[str, str]:
    preflight_ = {"demo": plan.demo} if plan.demo else {}
    return {
        "suite": plan.suite_version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **preflight_,
    }


def report_of(folder: Path, *, targets: tuple[Target, ...] | None = None) -> RunReport:
    """Summary and verdict of a run, made from its files alone; judged against `targets` where given.

    Raises UsageError when the folder is not that of a run, LoadError when its measurements are damaged.
    """
    plan = load(folder / PLAN_FILE, Plan)
    if targets is not None:
        plan = replace(plan, targets=targets)
    seen = folder / PREFLIGHT_FILE
    known = folder / CIRCUMSTANCES_FILE
    circumstances = load(known, Circumstances) if known.exists() else Circumstances(ended="load process died")
    if not (folder / measurements.FILE_NAME).exists():
        raise LoadError(f"{folder}: no load was made in this run ({measurements.FILE_NAME} is not there)")
    summary = build(
        plan,
        measurements.read(folder / measurements.FILE_NAME),
        preflight=load(seen, PreflightReport) if seen.exists() else None,
        roles=ROLES,
        circumstances=circumstances,
    )
    return RunReport(plan, summary, judge(plan, summary, ROLES))


def pause(seconds: float, desk: Desk, sleep: Callable[[float], None] = time.sleep) -> None:
    """The quiet time between two runs."""
    desk.screen.say(f"Next scenario in {seconds:g} s")
    sleep(seconds)


def save(path: Path, value: object) -> None:
    """Write a record as JSON. Raises UsageError when the disk does not take it."""
    try:
        path.write_bytes(measurements.to_json(value))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another folder with --results") from error


def load(path: Path, kind: type[T]) -> T:
    """Read a record back. Raises UsageError when it is not there or not what it should be."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: not the folder of a run ({path.name} is not there)") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: damaged, or written by another version ({error})") from error
