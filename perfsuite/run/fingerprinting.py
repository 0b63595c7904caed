"""What each operation costs the database: in short before every load, at leisure by the command `fingerprint`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perfsuite.errors import TargetError, UsageError
from perfsuite.fingerprint import (
    AFTER_FILE,
    FILE_NAME,
    FingerprintSettings,
    fingerprint,
    read_fingerprint,
    render_short,
    rows_read_in_vain,
    write_fingerprint,
)
from perfsuite.model import Account, OperationCheck, Plan, PreflightReport
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.preflight.run import not_offered
from perfsuite.roles import ROLES
from perfsuite.run.context import Desk
from perfsuite.target import journal
from perfsuite.target.connection import connection_settings
from perfsuite.target.exchange import Transport
from perfsuite.target.httpx_client import HttpxTransport
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

PURPOSE = "fingerprint"
SHORT_REPEATS = 2
"""Lists are asked page by page, three pages in turn: as with five repeats, the last one asked for is the third, from
which ids for other operations are drawn."""
SHORT_WITHIN_S = 20.0
"""Before a load: what has not been asked by then is not known. Nor are caches waited for."""


def cost_before_load(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> None:
    """Take the short fingerprint of a run where it is planned; why not, in one line, where it cannot be taken.

    It comes before preflight, which would fill the target's caches: what they answer costs nothing and so stays
    unknown. Raises TargetError when the target is not there or not ours.
    """
    dsn = desk.watch.postgres_dsn if desk.watch is not None else None
    if not plan.fingerprint or not dsn:
        return
    left_out = not_callable(plan, desk)
    settings = FingerprintSettings(
        dsn,
        repeats=SHORT_REPEATS,
        cold_wait_s=0,
        within_s=SHORT_WITHIN_S,
        begun=lambda: desk.screen.say("Fingerprint: what each operation costs the database; some seconds"),
    )
    try:
        taken = cost(plan, accounts, folder, left_out, settings, desk)
        write_fingerprint(taken, folder)
    except (TargetError, UsageError) as error:
        desk.screen.say(f"Fingerprint: not taken. {error}")
        return
    desk.screen.say(f"Fingerprint: {render_short(taken)}")


def cost_after_load(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> None:
    """The same once more, reads alone, for a run in which requests began to ask more of the database.

    Raises TargetError when the target is not there any more.
    """
    if desk.watch is None or not desk.watch.postgres_dsn:
        return
    desk.screen.say("Fingerprint: requests ask more of the database than before; looking once more which ones")
    settings = FingerprintSettings(
        desk.watch.postgres_dsn, repeats=SHORT_REPEATS, cold_wait_s=0, within_s=SHORT_WITHIN_S
    )
    reads = replace(plan, read_only=True)
    taken = cost(reads, accounts, folder, not_callable(reads, desk), settings, desk)
    write_fingerprint(taken, folder, AFTER_FILE)


def with_rows_read(report: PreflightReport, folder: Path) -> PreflightReport:
    """The report, with the rows that the database read for lists that answered without any, where that is known."""
    if not (folder / FILE_NAME).exists():
        return report
    taken = read_fingerprint(folder)
    checks = tuple(
        replace(check, rows_read=rows_read_in_vain(taken, check.role, check.operation)) if check.empty_answer else check
        for check in report.checks
    )
    read = [check for check in checks if check.rows_read]

    def told(check: OperationCheck) -> OperationCheck:
        message = check.message
        for other in read:
            if other.role == check.role:
                message = message.replace(other.empty_answer, other.told_empty)
        return replace(check, message=message)

    return replace(report, checks=tuple(map(told, checks)))


def not_callable(plan: Plan, desk: Desk) -> dict[str, frozenset[str]]:
    """Role → operations that are not called: missing at the target, or writes of a read-only run.

    Raises TargetError when the target is not there or not ours.
    """
    return not_offered(plan, ROLES, _connect(plan, desk), RunState.of(plan, desk.headers, PURPOSE))


def _connect(plan: Plan, desk: Desk) -> Callable[[], Transport]:
    connection, tell = connection_settings(plan, desk.headers), desk.screen.say
    return lambda: RetryAfterClient(HttpxTransport(connection), tell)


def cost(
    plan: Plan,
    accounts: tuple[Account, ...],
    folder: Path,
    left_out: dict[str, frozenset[str]],
    settings: FingerprintSettings,
    desk: Desk,
) -> Fingerprint:
    """The fingerprint of the roles that have users; what it creates is in a journal in `folder`.

    `left_out`: role → operations that are not called.
    """
    book = journal.Journal(folder / "journal-fingerprint.jsonl")
    try:
        roles = [role for role in ROLES if plan.users_by_role.get(role.slug)]
        run = RunState.of(plan, desk.headers, PURPOSE, book)
        run.left_out, run.thorough = left_out, True
        return fingerprint(plan, roles, accounts, run, _connect(plan, desk), settings)
    finally:
        book.close()
