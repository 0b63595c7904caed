"""The stages of a run, in order: plan → probe → fingerprint → preflight → load → cleanup → summary → verdict → files.

Every stage leaves its file in the run's folder, so that `report` and `judge` can start again from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from perfsuite import clock
from perfsuite.errors import SuiteError, TargetError, UnexpectedError, is_of_a_file, unwritable
from perfsuite.fingerprint.output import write_fingerprint
from perfsuite.fingerprint.run import FingerprintSettings
from perfsuite.format import duration
from perfsuite.messages.run import RunMessage
from perfsuite.model import Account, Cleanup, Plan, PreflightReport
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import RunGroup
from perfsuite.preflight.left_out import creations_left_out, undeletable_creations, without_creations
from perfsuite.preflight.probe import TargetInfo
from perfsuite.preflight.progress import ProgressReporter
from perfsuite.preflight.run import (
    PreflightInput,
    broken_table,
    differences,
    failed_first,
    find_target,
    preflight,
)
from perfsuite.roles import ROLES
from perfsuite.roles.work import roles_of
from perfsuite.run.before_load import with_state_before
from perfsuite.run.calibration import process_notes
from perfsuite.run.cleanup import (
    clean_after_load,
    clean_after_preflight,
    clean_early,
    clean_without_load,
    list_after_failure,
)
from perfsuite.run.context import CommandContext, RunContext, Screen
from perfsuite.run.fingerprint import (
    fingerprint_after_load,
    fingerprint_before_load,
    measured,
    take_fingerprint,
    with_rows_read,
)
from perfsuite.run.finish import RunEnd, finish
from perfsuite.run.load import LoadResult, make_load
from perfsuite.run.load_run import PREFLIGHT_FILE, LoadedRun, save
from perfsuite.target.journal import PREFLIGHT_JOURNAL, Journal


def probe(run: RunContext) -> TargetInfo:
    """What the target offers, asked once per run. Raises TargetError when it is not there or not ours."""
    return find_target(run.plan.host, run.state_for("preflight"), run.connect, ProgressReporter(run.screen.say))


def check_operations(run: RunContext, target: TargetInfo) -> PreflightReport:
    """Preflight, with its file. Raises TargetError where operations fail that must not."""
    run.screen.say(f"Preflight: {run.plan.host}, every operation once per role")
    book = Journal(run.folder / PREFLIGHT_JOURNAL)
    roles = [role for role in ROLES if run.plan.users_by_role.get(role.slug)]
    try:
        state = run.state_for("preflight", book)
        state.thorough = True
        given = PreflightInput(run.plan, target, roles, run.accounts)
        report = preflight(given, state, run.connect, ProgressReporter(run.screen.say))
    finally:
        book.close()
    report = with_rows_read(report, run.folder)
    stay = clean_after_preflight(run)
    accepted = run.plan.accept_leftovers
    report = report if accepted else without_creations(report, stay, roles)
    report = with_state_before(report, run)
    save(run.folder / PREFLIGHT_FILE, report)
    for line in (*failed_first(report), *(undeletable_creations(stay) if accepted else creations_left_out(report))):
        run.screen.say(f"  {line}")
    if (table := broken_table(report)) and not run.plan.tolerate_broken:
        raise TargetError(RunMessage.BROKEN_OPERATIONS(table=table))
    return report


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a run; tests replace some of them."""

    probe: Callable[[RunContext], TargetInfo] = probe
    fingerprint: Callable[[RunContext, TargetInfo], None] = fingerprint_before_load
    preflight: Callable[[RunContext, TargetInfo], PreflightReport] = check_operations
    load: Callable[[RunContext], LoadResult] = make_load
    fingerprint_again: Callable[[RunContext, TargetInfo, LoadResult], str] = fingerprint_after_load
    cleanup: Callable[[RunContext, str], tuple[Cleanup | None, str]] = clean_after_load
    finish: Callable[[RunContext, RunEnd, RunGroup | None], LoadedRun] = finish


STAGES = Stages()


def run(
    command: CommandContext,
    plan: Plan,
    accounts: Sequence[Account],
    baseline: RunGroup | None = None,
    stages: Stages | None = None,
) -> LoadedRun:
    """One run, from the plan to its files and the history, compared with `baseline` where given.

    Raises TargetError when the target is not ready (nothing is left behind at it), KeyboardInterrupt when
    interrupted before the load, or twice while the report is written, UnexpectedError where an error of the suite
    leaves nothing to report.
    """
    do = stages or STAGES
    clock.anchor()
    made = command.begin(plan, accounts, "capacity" if plan.capacity else plan.scenario.name)
    if plan.scenario.work:
        made.screen.say(RunMessage.WORK(work=plan.scenario.work_text))
    for note in process_notes(plan, made.screen.say) if plan.capacity is None else ():
        made.screen.say(note)
    with clean_on_failure(made):
        target = do.probe(made)
        do.fingerprint(made, target)
        for line in differences(do.preflight(made, target)):
            made.screen.say(f"  differs from the contract: {line}")
        made.interrupts.check()
    with made.interrupts.deferred():
        with clean_on_failure(made):
            loaded = do.load(made)
        # Whatever fails from here on: rows must be removed, and what was measured must be reported.
        again = made.errors.attempt(
            "fingerprint after the load", lambda: do.fingerprint_again(made, target, loaded), loaded.ended
        )
        cleanup, ended = _cleaned(made, again, do)
        # A first interrupt does not stop the report: it takes a second or two.
        with made.interrupts.deferred(1):
            return do.finish(made, RunEnd(ended, loaded.recorded, cleanup, loaded.retries, loaded.aborted), baseline)


def _cleaned(run: RunContext, ended: str, do: Stages) -> tuple[Cleanup | None, str]:
    try:
        return do.cleanup(run, ended)
    except Exception as error:  # noqa: BLE001  the run is reported all the same
        run.screen.warn(run.errors.record(error, "cleanup"))
        return list_after_failure(run), ended


@contextmanager
def clean_on_failure(run: RunContext) -> Iterator[None]:
    """Remove what was made at the target where a block ends early.

    A file that cannot be written ends it as LoadError, an unexpected error as UnexpectedError.
    """
    try:
        yield
    except (SuiteError, KeyboardInterrupt):
        clean_early(run)
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            why = unwritable(error, run.folder)
        else:
            why = UnexpectedError(run.errors.record(error, "a stage of the run"))
        clean_early(run)
        raise why from error


def only_preflight(
    command: CommandContext, plan: Plan, accounts: Sequence[Account]
) -> tuple[PreflightReport, Cleanup | None]:
    """Preflight without a load, and the cleanup of its rows; None where it created none."""
    plan = replace(_one_user_each(plan), tolerate_broken=True)
    made = command.begin(plan, accounts, "preflight")
    with clean_on_failure(made):
        report = check_operations(made, probe(made))
    return report, clean_without_load(made)


def _one_user_each(plan: Plan) -> Plan:
    return replace(plan, users_by_role={role.slug: 1 for role in roles_of(plan.scenario, ROLES)})


def only_fingerprint(
    command: CommandContext, plan: Plan, accounts: Sequence[Account], dsn: str
) -> tuple[Fingerprint, Path, Cleanup | None]:
    """What each operation costs the database, without a load; its folder; the cleanup of its rows.

    It makes no preflight, whose rows would be in the answers, so that it can be compared with the fingerprint that a
    run takes before its preflight. Raises TargetError when the target or its database is not there, or nobody can log
    in.
    """
    made = command.begin(_one_user_each(plan), accounts, "fingerprint")
    with clean_on_failure(made):
        target = probe(made)
        made.screen.say("Fingerprint: each operation alone, several times; this takes a minute or two")
        taken = take_fingerprint(made, target, FingerprintSettings(dsn, report=made.screen.say))
        write_fingerprint(taken, made.folder)
    cleanup = clean_without_load(made)
    return measured(taken, made), made.folder, cleanup


def pause(
    seconds: float, screen: Screen, sleep: Callable[[float], None] = time.sleep, *, what: str = "scenario"
) -> None:
    """The quiet time between two runs."""
    screen.say(f"Next {what} in {duration(seconds)}")
    sleep(seconds)
