"""What each operation costs the database: briefly before every load, thoroughly by the command `fingerprint`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perfsuite.errors import TargetError, UsageError
from perfsuite.findings import asks_more
from perfsuite.fingerprint.compare import rows_read_in_vain
from perfsuite.fingerprint.output import AFTER_FILE, FILE_NAME, read_fingerprint, render_short, write_fingerprint
from perfsuite.fingerprint.run import FingerprintSettings, fingerprint
from perfsuite.messages.run import RunMessage
from perfsuite.model import INTERRUPTED, OperationCheck, PreflightReport
from perfsuite.model.fingerprint import CostState, Fingerprint
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import read_readings
from perfsuite.preflight.probe import TargetInfo
from perfsuite.preflight.run import not_offered
from perfsuite.roles import ROLES
from perfsuite.run.context import RunContext
from perfsuite.run.load import LoadResult
from perfsuite.summary.summarize import COMPLETED
from perfsuite.target.journal import Journal

PURPOSE = "fingerprint"
SHORT_REPEATS = 2
"""The fingerprint asks for lists page by page, three pages in turn. As with five repeats, the last page is the third,
and ids for other operations come from it."""
SHORT_WITHIN_S = 20.0
"""Time limit before a load. Operations that are not measured by then stay unknown; caches are not waited for."""


def fingerprint_before_load(run: RunContext, target: TargetInfo) -> None:
    """Take the short fingerprint of a run where it is planned, or show in one line why it cannot be taken.

    It comes before preflight, which fills the target's caches: a cached answer costs the database nothing.
    """
    dsn = run.watch.postgres_dsn if run.watch is not None else None
    if not run.plan.fingerprint or not dsn:
        return
    settings = FingerprintSettings(
        dsn,
        repeats=SHORT_REPEATS,
        cold_wait_s=0,
        within_s=SHORT_WITHIN_S,
        begun=lambda: run.screen.say("Fingerprint: what each operation costs the database; some seconds"),
    )
    try:
        taken = take_fingerprint(run, target, settings)
        write_fingerprint(taken, run.folder)
    except (TargetError, UsageError) as error:
        run.screen.say(RunMessage.FINGERPRINT_NOT_TAKEN(why=error.message))
        return
    run.screen.say(f"Fingerprint: {render_short(taken)}")


def fingerprint_after_load(run: RunContext, target: TargetInfo, loaded: LoadResult) -> str:
    """Take a second fingerprint where requests cost the database more at the end of the load; how the run ended.

    It comes before cleanup, in the state that the load left, and calls reads only.
    """
    dsn = run.watch.postgres_dsn if run.watch is not None else None
    if loaded.ended != COMPLETED or not dsn or not (run.folder / FILE_NAME).exists():
        return loaded.ended
    try:
        with run.interrupts.immediate():
            if asks_more(loaded.steady_requests, read_readings(run.folder / READINGS_FILE)):
                run.screen.say("Fingerprint: requests cost the database more than before; measuring once more which")
                reads = replace(run, plan=replace(run.plan, read_only=True))
                settings = FingerprintSettings(dsn, repeats=SHORT_REPEATS, cold_wait_s=0, within_s=SHORT_WITHIN_S)
                write_fingerprint(measured(take_fingerprint(reads, target, settings), reads), run.folder, AFTER_FILE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (TargetError, UsageError) as error:
        run.screen.say(RunMessage.FINGERPRINT_NOT_TAKEN_AGAIN(why=error.message))
    return loaded.ended


def take_fingerprint(run: RunContext, target: TargetInfo, settings: FingerprintSettings) -> Fingerprint:
    """The fingerprint of the roles that have users; a journal in the run's folder holds what it creates."""
    book = Journal(run.folder / "journal-fingerprint.jsonl")
    try:
        roles = [role for role in ROLES if run.plan.users_by_role.get(role.slug)]
        state = run.state_for(PURPOSE, book)
        state.left_out, state.thorough = not_offered(run.plan, ROLES, target, state), True
        return fingerprint(run.plan, roles, run.accounts, state, run.connect, settings)
    finally:
        book.close()


def measured(taken: Fingerprint, run: RunContext) -> Fingerprint:
    """The fingerprint. Raises TargetError where nothing could be measured."""
    if all(each.known is CostState.NOT_MEASURED for each in taken.operations):
        raise TargetError(RunMessage.NOTHING_MEASURED(host=run.plan.host, why=taken.operations[0].reason))
    return taken


def with_rows_read(report: PreflightReport, folder: Path) -> PreflightReport:
    """The report, with the rows that the database read for lists without any row, where that is known."""
    if not (folder / FILE_NAME).exists():
        return report
    taken = read_fingerprint(folder)
    checks = tuple(
        replace(check, rows_read=rows_read_in_vain(taken, check.role, check.operation)) if check.empty_answer else check
        for check in report.checks
    )
    read = [check for check in checks if check.rows_read]

    def explained(check: OperationCheck) -> OperationCheck:
        message = check.message
        for other in read:
            if other.role == check.role:
                message = message.replace(other.empty_answer, other.empty_note)
        return replace(check, message=message)

    return replace(report, checks=tuple(map(explained, checks)))
