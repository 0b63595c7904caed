"""The stages of a run, joined: plan → fingerprint → preflight → load → cleanup → summary → verdict → files.

Every stage leaves its file in the run's folder, so that `report` and `judge` can start again from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from perfsuite import clock, measurements
from perfsuite.api import journal
from perfsuite.api.client import HttpxTransport
from perfsuite.api.patience import Patient
from perfsuite.api.run import Run
from perfsuite.api.way import way_of
from perfsuite.baselining import Against, held_against
from perfsuite.costing import cost, cost_after_load, cost_before_load, not_callable
from perfsuite.desk import Desk
from perfsuite.errors import LoadError, SuiteError, TargetError, UsageError, unwritable
from perfsuite.findings import asks_more
from perfsuite.fingerprint import FILE_NAME as FINGERPRINT_FILE
from perfsuite.fingerprint import FingerprintSettings, write_fingerprint
from perfsuite.floors import noise_of
from perfsuite.follow import make_load
from perfsuite.keeping import Shelf, environment_of, kept_at_the_end, past_run
from perfsuite.leftovers import clean, clean_after, clean_early, prove
from perfsuite.model import INTERRUPTED, Account, Cleanup, Plan, PreflightReport, RunReport
from perfsuite.model.fingerprint import Fingerprint, Known
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import add_readings
from perfsuite.overview import overview_at_the_end
from perfsuite.plan.run_folder import new_run_folder
from perfsuite.preflight import Teller, anyway, not_removable, preflight, without_creations
from perfsuite.preflight.run import broken_table, differences
from perfsuite.report.files import write_all
from perfsuite.reread import Reread, report_of, reread, with_comparison
from perfsuite.roles import ROLES
from perfsuite.run_files import CIRCUMSTANCES_FILE, COMPARISON_FILE, PLAN_FILE, PREFLIGHT_FILE, save
from perfsuite.summary.summarize import COMPLETED, Circumstances

_LOOK_EVERY_S = 0.2
_LOG_PATIENCE_S = 3.0


def run(
    plan: Plan, accounts: tuple[Account, ...], desk: Desk, against: Against | None = None
) -> tuple[RunReport, Path]:
    """One run, from the plan to its files and the history. `against`: the runs that it is held against.

    Raises TargetError when the target is not ready (nothing is left behind at it), KeyboardInterrupt when
    interrupted before the load, or twice while the report is written.
    """
    clock.anchor()
    folder = new_run_folder(desk.results, plan.scenario.name, datetime.now(UTC))
    plan = replace(plan, run_id=folder.name)
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        cost_before_load(plan, accounts, folder, desk)
        for line in differences(look_before(plan, accounts, folder, desk)):
            desk.screen.say(f"  differs from the contract: {line}")
    with desk.interrupts.held():
        with _cleaned_where_it_fails(plan, accounts, folder, desk):
            ended = make_load(plan, accounts, folder, desk)
        ended = look_again(ended, plan, accounts, folder, desk)
        cleanup, ended = clean_after(ended, plan, accounts, folder, desk)
        # What was measured is told all the same: it takes a second or two.
        with desk.interrupts.held(1), _after_the_load():
            backend_log = _count_log(desk.request_log, plan.run_id, folder) if desk.request_log else None
            set_s = round(clock.system_ahead_s(), 3)
            known = Circumstances(cleanup, backend_log, ended, environment_of(plan), clock_set_s=set_s)
            save(folder / CIRCUMSTANCES_FILE, known)
            read = _read_back(folder, against)
            add_readings(folder / READINGS_FILE, [one for one in read.report.readings if one.is_of_load_side])
            write_all(read.report, folder, step_summary=desk.step_summary)
            shelf = Shelf(desk.results, desk.history)
            for line in (*kept_at_the_end(read, shelf), *overview_at_the_end(shelf)):
                desk.screen.say(f"History: {line}")
    return read.report, folder


def _read_back(folder: Path, against: Against | None) -> Reread:
    """What the folder tells, with the comparison where there is a baseline."""
    read = reread(folder)
    if against is None:
        return read
    run = past_run(read)
    comparison = held_against(against, [run], noise_of(folder.parent, run.conditions))
    save(folder / COMPARISON_FILE, comparison)
    return with_comparison(read, comparison)


@contextmanager
def _cleaned_where_it_fails(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> Iterator[None]:
    """What was made at the target goes where a block ends early. A file that cannot be written ends it as LoadError."""
    try:
        yield
    except (SuiteError, KeyboardInterrupt):
        clean_early(plan, accounts, folder, desk)
        raise
    except OSError as error:
        clean_early(plan, accounts, folder, desk)
        raise unwritable(error, folder) from error


@contextmanager
def _after_the_load() -> Iterator[None]:
    """What cannot be written now is no mistake of the command: a load was made."""
    try:
        yield
    except UsageError as error:
        raise LoadError(f"The load was made, and then: {error}") from error
    except OSError as error:
        raise LoadError(f"The load was made, and then: {unwritable(error)}") from error


def look_again(ended: str, plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> str:
    """Where requests began to ask more of the database in the load: what they cost now. How the run ended.

    Before cleanup, in the state that the load left. Whatever goes wrong here is told: rows must still be removed.
    """
    if ended != COMPLETED or not (folder / FINGERPRINT_FILE).exists():
        return ended
    try:
        with desk.interrupts.heard():
            so_far = report_of(folder)
            if asks_more(so_far.summary, so_far.readings):
                cost_after_load(plan, accounts, folder, desk)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SuiteError as error:
        desk.screen.say(f"Fingerprint: not taken again. {error}")
    return ended


def only_preflight(plan: Plan, accounts: tuple[Account, ...], desk: Desk) -> tuple[PreflightReport, Cleanup | None]:
    """Preflight without a load; what it created is removed again. The second is None where it created nothing."""
    folder = new_run_folder(desk.results, "preflight", datetime.now(UTC))
    plan = replace(plan, run_id=folder.name, tolerate_broken=True, users_by_role={role.slug: 1 for role in ROLES})
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        report = look_before(plan, accounts, folder, desk)
    done = clean(plan, accounts, folder, desk)
    return report, done.cleanup if done else None


def only_fingerprint(
    plan: Plan, accounts: tuple[Account, ...], desk: Desk, dsn: str
) -> tuple[Fingerprint, Path, Cleanup | None]:
    """What each operation costs the database, without a load; what it created is removed again.

    Preflight stays away: its rows would be in the answers. So this is comparable with what a run takes before it.
    Raises TargetError when the target or its database is not there, or nobody can log in.
    """
    folder = new_run_folder(desk.results, "fingerprint", datetime.now(UTC))
    plan = replace(plan, run_id=folder.name, users_by_role={role.slug: 1 for role in ROLES})
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        left_out = not_callable(plan, desk)
        desk.screen.say("Fingerprint: each operation alone, several times; this takes a minute or two")
        taken = cost(plan, accounts, folder, left_out, FingerprintSettings(dsn, tell=desk.screen.say), desk)
        write_fingerprint(taken, folder)
    done = clean(plan, accounts, folder, desk)
    if all(each.known is Known.NOT_MEASURED for each in taken.operations):
        raise TargetError(
            f"No operation could be called at {plan.host}: the accounts cannot log in ({taken.operations[0].reason}).\n"
            "Check --credentials; the command preflight tells more."
        )
    return taken, folder, done.cleanup if done else None


def look_before(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> PreflightReport:
    """Preflight, with its file and its refusals."""
    desk.screen.say(f"Preflight: {plan.host}, every operation once per role")
    book = journal.Journal(folder / "journal-preflight.jsonl")
    try:
        roles = [role for role in ROLES if plan.users_by_role.get(role.slug)]
        seen = Run.of(plan, desk.headers, "preflight", book)
        seen.thorough = True
        way, tell = way_of(plan, desk.headers), desk.screen.say
        report = preflight(plan, roles, accounts, seen, lambda: Patient(HttpxTransport(way), tell), Teller(tell))
    finally:
        book.close()
    stay = prove(plan, accounts, folder, desk)
    report = report if plan.accept_leftovers else without_creations(report, stay, roles)
    save(folder / PREFLIGHT_FILE, report)
    for line in not_removable(report) if not plan.accept_leftovers else anyway(stay):
        desk.screen.say(f"  {line}")
    if (table := broken_table(report)) and not plan.tolerate_broken:
        raise TargetError(
            f"Operations fail before any load, so load would measure nothing of worth:\n{table}\n"
            "Mend them, or leave them out of the run with --tolerate-broken."
        )
    return report


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


def pause(seconds: float, desk: Desk, sleep: Callable[[float], None] = time.sleep, *, what: str = "scenario") -> None:
    """The quiet time between two runs."""
    desk.screen.say(f"Next {what} in {seconds:g} s")
    sleep(seconds)
