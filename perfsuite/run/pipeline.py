"""The stages of a run, joined: plan → fingerprint → preflight → load → cleanup → summary → verdict → files.

Every stage leaves its file in the run's folder, so that `report` and `judge` can start again from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perfsuite import clock
from perfsuite.errors import SuiteError, TargetError, UnexpectedError, is_of_a_file, unwritable
from perfsuite.findings import asks_more
from perfsuite.fingerprint import FILE_NAME as FINGERPRINT_FILE
from perfsuite.fingerprint import FingerprintSettings, write_fingerprint
from perfsuite.model import INTERRUPTED, Account, Cleanup, Plan, PreflightReport, RunReport
from perfsuite.model.fingerprint import Fingerprint, Known
from perfsuite.model.history import RunGroup
from perfsuite.plan.build import new_run_folder
from perfsuite.preflight.left_out import accepted_leftovers, creations_left_out, without_creations
from perfsuite.preflight.progress import ProgressReporter
from perfsuite.preflight.run import broken_table, differences, failed_first, preflight
from perfsuite.roles import ROLES
from perfsuite.run.cleaning import clean_after, clean_at_last, not_cleaned, only_listed, prove
from perfsuite.run.context import Desk
from perfsuite.run.files import PLAN_FILE, PREFLIGHT_FILE, save
from perfsuite.run.fingerprinting import cost, cost_after_load, cost_before_load, not_callable, with_rows_read
from perfsuite.run.finishing import Loaded, finish
from perfsuite.run.follow import make_load
from perfsuite.run.load_run import report_of
from perfsuite.summary.summarize import COMPLETED
from perfsuite.target import journal
from perfsuite.target.connection import connection_settings
from perfsuite.target.httpx_client import HttpxTransport
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

Accounts = tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Stages:
    """What a run consists of; tests put others in their place."""

    cost: Callable[[Plan, Accounts, Path, Desk], None]
    look: Callable[[Plan, Accounts, Path, Desk], PreflightReport]
    load: Callable[[Plan, Accounts, Path, Desk], str]
    look_again: Callable[[str, Plan, Accounts, Path, Desk], str]
    clean: Callable[[str, Plan, Accounts, Path, Desk], tuple[Cleanup | None, str]]
    finish: Callable[[Loaded, Desk, RunGroup | None], RunReport]


def run(
    plan: Plan, accounts: Accounts, desk: Desk, against: RunGroup | None = None, stages: Stages | None = None
) -> tuple[RunReport, Path]:
    """One run, from the plan to its files and the history. `against`: the runs that it is held against.

    Raises TargetError when the target is not ready (nothing is left behind at it), KeyboardInterrupt when
    interrupted before the load, or twice while the report is written, UnexpectedError where an error of the suite
    left nothing to report.
    """
    do = stages or STAGES
    clock.anchor()
    folder = new_run_folder(desk.results, plan.scenario.name, datetime.now(UTC))
    desk.errors.keep_in(folder, _secrets(accounts, desk))
    plan = replace(plan, run_id=folder.name)
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        do.cost(plan, accounts, folder, desk)
        for line in differences(do.look(plan, accounts, folder, desk)):
            desk.screen.say(f"  differs from the contract: {line}")
        desk.interrupts.check()
    with desk.interrupts.held():
        with _cleaned_where_it_fails(plan, accounts, folder, desk):
            ended = do.load(plan, accounts, folder, desk)
        # Whatever goes wrong from here on: rows must be removed, and what was measured be reported.
        again = partial(do.look_again, ended, plan, accounts, folder, desk)
        ended = desk.errors.attempt("fingerprint after the load", again, ended)
        try:
            cleanup, ended = do.clean(ended, plan, accounts, folder, desk)
        except Exception as error:  # noqa: BLE001  as above
            desk.screen.warn(desk.errors.note(error, "cleanup"))
            cleanup = only_listed(plan, accounts, folder, desk)
        # What was measured is told all the same: it takes a second or two.
        with desk.interrupts.held(1):
            report = do.finish(Loaded(plan, folder, ended, cleanup), desk, against)
    return report, folder


def _secrets(accounts: Accounts, desk: Desk) -> list[str]:
    """What must be in no traceback."""
    return [account.password for account in accounts] + [value for _name, value in desk.headers]


@contextmanager
def _cleaned_where_it_fails(plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> Iterator[None]:
    """What was made at the target goes where a block ends early.

    A file that cannot be written ends it as LoadError, what nobody expected as UnexpectedError.
    """
    try:
        yield
    except (SuiteError, KeyboardInterrupt):
        _clean(plan, accounts, folder, desk)
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            why = unwritable(error, folder)
        else:
            why = UnexpectedError(desk.errors.note(error, "a stage of the run"))
        _clean(plan, accounts, folder, desk)
        raise why from error


def _clean(plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> None:
    if why := not_cleaned(plan, accounts, folder, desk):
        desk.screen.warn(why)


def look_again(ended: str, plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> str:
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


def only_preflight(plan: Plan, accounts: Accounts, desk: Desk) -> tuple[PreflightReport, Cleanup | None]:
    """Preflight without a load; what it created is removed again. The second is None where it created nothing."""
    folder = new_run_folder(desk.results, "preflight", datetime.now(UTC))
    desk.errors.keep_in(folder, _secrets(accounts, desk))
    plan = replace(plan, run_id=folder.name, tolerate_broken=True, users_by_role={role.slug: 1 for role in ROLES})
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        report = look_before(plan, accounts, folder, desk)
    return report, clean_at_last(plan, accounts, folder, desk)


def only_fingerprint(plan: Plan, accounts: Accounts, desk: Desk, dsn: str) -> tuple[Fingerprint, Path, Cleanup | None]:
    """What each operation costs the database, without a load; what it created is removed again.

    Preflight stays away: its rows would be in the answers. So this is comparable with what a run takes before it.
    Raises TargetError when the target or its database is not there, or nobody can log in.
    """
    folder = new_run_folder(desk.results, "fingerprint", datetime.now(UTC))
    desk.errors.keep_in(folder, _secrets(accounts, desk))
    plan = replace(plan, run_id=folder.name, users_by_role={role.slug: 1 for role in ROLES})
    save(folder / PLAN_FILE, plan)
    with _cleaned_where_it_fails(plan, accounts, folder, desk):
        left_out = not_callable(plan, desk)
        desk.screen.say("Fingerprint: each operation alone, several times; this takes a minute or two")
        taken = cost(plan, accounts, folder, left_out, FingerprintSettings(dsn, tell=desk.screen.say), desk)
        write_fingerprint(taken, folder)
    done = clean_at_last(plan, accounts, folder, desk)
    if all(each.known is Known.NOT_MEASURED for each in taken.operations):
        raise TargetError(
            f"No operation could be called at {plan.host}: the accounts cannot log in ({taken.operations[0].reason}).\n"
            "Check --credentials; the command preflight tells more."
        )
    return taken, folder, done


def look_before(plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> PreflightReport:
    """Preflight, with its file and its refusals."""
    desk.screen.say(f"Preflight: {plan.host}, every operation once per role")
    book = journal.Journal(folder / "journal-preflight.jsonl")
    try:
        roles = [role for role in ROLES if plan.users_by_role.get(role.slug)]
        seen = RunState.of(plan, desk.headers, "preflight", book)
        seen.thorough = True
        connection, tell = connection_settings(plan, desk.headers), desk.screen.say
        report = preflight(
            plan,
            roles,
            accounts,
            seen,
            lambda: RetryAfterClient(HttpxTransport(connection), tell),
            ProgressReporter(tell),
        )
    finally:
        book.close()
    report = with_rows_read(report, folder)
    stay = prove(plan, accounts, folder, desk)
    report = report if plan.accept_leftovers else without_creations(report, stay, roles)
    save(folder / PREFLIGHT_FILE, report)
    for line in failed_first(report):
        desk.screen.say(f"  {line}")
    for line in creations_left_out(report) if not plan.accept_leftovers else accepted_leftovers(stay):
        desk.screen.say(f"  {line}")
    if (table := broken_table(report)) and not plan.tolerate_broken:
        raise TargetError(
            f"Operations fail before any load, so load would measure nothing of worth:\n{table}\n"
            "Mend them, or leave them out of the run with --tolerate-broken."
        )
    return report


STAGES = Stages(cost_before_load, look_before, make_load, look_again, clean_after, finish)


def pause(seconds: float, desk: Desk, sleep: Callable[[float], None] = time.sleep, *, what: str = "scenario") -> None:
    """The quiet time between two runs."""
    desk.screen.say(f"Next {what} in {seconds:g} s")
    sleep(seconds)
