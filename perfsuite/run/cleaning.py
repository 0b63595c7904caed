"""What a run made at its target, removed after it: in order, in a hurry, or by the command `cleanup`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from perfsuite.clock import utc_s
from perfsuite.errors import SuiteError, UnexpectedError, unwritable
from perfsuite.judge.left_behind import REMAINING_FILE, rows_remain, soft_deleted
from perfsuite.model import INTERRUPTED, Account, Cleanup, FailureKind, Plan, RowLeft
from perfsuite.report.files.csv_files import remaining_csv
from perfsuite.roles import ROLES
from perfsuite.run.cleanup import Cleaned, Means, clean_up
from perfsuite.run.context import Desk
from perfsuite.target import journal
from perfsuite.target.connection import ConnectionSettings, connection_settings
from perfsuite.target.exchange import Answer, Failure, Request, Transport
from perfsuite.target.httpx_client import HttpxTransport
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

_MOST_TOLD = 10
_HURRIED_S = 2.0
"""How long cleanup waits for an answer once a person has asked twice for the end."""


def clean_after(
    ended: str, plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk
) -> tuple[Cleanup | None, str]:
    """What became of the rows, and how the run ended: who interrupts in here too gets a report of what is left."""
    hurried = desk.interrupts.count > 1
    if hurried and plan.demo:
        return None, ended  # the demo goes with all that is in it
    try:
        with desk.interrupts.heard():
            connect = partial(_in_a_hurry, connection_settings(plan, desk.headers)) if hurried else None
            done = clean(plan, accounts, folder, desk, connect)
    except KeyboardInterrupt:
        done, ended = clean(plan, accounts, folder, desk, partial(_Hangup, "cleanup was interrupted")), INTERRUPTED
    return done.cleanup if done else None, ended


def only_listed(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> Cleanup | None:
    """The rows that are left by a cleanup which failed; None where they cannot even be listed, which is said."""
    try:
        done = clean(plan, accounts, folder, desk, partial(_Hangup, "cleanup failed"))
    except Exception as error:  # noqa: BLE001  the run is reported all the same
        desk.screen.warn(desk.errors.note(error, "cleanup"))
        if not plan.demo:  # which goes with all that is in it
            desk.screen.warn(_how(folder))
        return None
    return done.cleanup if done else None


def not_cleaned(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> str:
    """Remove what a run made that ends without a report. "", or why that failed and which command does it."""
    try:
        clean_early(plan, accounts, folder, desk)
    except Exception as error:  # noqa: BLE001  the error that ended the run is on its way, and comes first
        return _why_not(error, plan, folder, desk)
    return ""


def clean_at_last(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> Cleanup | None:
    """The same where nothing went wrong before: what became of the rows. Raises UnexpectedError."""
    try:
        done = clean(plan, accounts, folder, desk)
    except SuiteError:
        raise
    except Exception as error:
        raise UnexpectedError(_why_not(error, plan, folder, desk)) from error
    return done.cleanup if done else None


def _why_not(error: Exception, plan: Plan, folder: Path, desk: Desk) -> str:
    why = f"Cleanup: {error}" if isinstance(error, SuiteError) else desk.errors.note(error, "cleanup")
    return why if plan.demo else f"{why}\n{_how(folder)}"  # a demo goes with all that is in it


def _how(folder: Path) -> str:
    return f"Rows that the run made may remain at the target. Remove them with: cleanup {folder}"


def _in_a_hurry(connection: ConnectionSettings) -> Transport:
    return Hurried(HttpxTransport(connection, timeout_s=_HURRIED_S))


class Hurried:
    """A transport that sends nothing more once an answer did not come."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._silent = False

    def exchange(self, request: Request) -> Answer:
        """The answer; none after one that did not come in time."""
        if self._silent:
            return _no_answer("the target does not answer, and the end was asked for at once")
        answer = self._transport.exchange(request)
        self._silent = answer.failure is not None and answer.failure.kind.never_answered
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


class _Hangup:
    """A transport that sends nothing any more: cleanup then tells what it would have removed."""

    def __init__(self, why: str) -> None:
        self._why = why

    def exchange(self, request: Request) -> Answer:
        """No answer."""
        return _no_answer(self._why)

    def close(self) -> None:
        """Nothing is open."""


def _no_answer(why: str) -> Answer:
    return Answer(0, {}, b"", utc_s(), 0, Failure(FailureKind.CONNECTION_LOST, why))


def clean(
    plan: Plan,
    accounts: tuple[Account, ...],
    folder: Path,
    desk: Desk,
    connect: Callable[[], Transport] | None = None,
) -> Cleaned | None:
    """Remove what the run made, over `connect()` where given; None when it made and changed nothing.

    The rows that are still at the target are in a file of the run then, those it keeps after their deletion too.
    """
    entries = list(journal.read(folder))
    if not entries:
        return None
    transport = (
        connect()
        if connect
        else RetryAfterClient(HttpxTransport(connection_settings(plan, desk.headers)), desk.screen.say)
    )
    done = _cleaned(entries, Means(ROLES, accounts, _run(plan, folder, desk), transport))
    lines = _told(done.cleanup, folder, demo=bool(plan.demo)) if done.tried else ()
    for line in (*lines, *list_remaining(done.rows, folder)):
        desk.screen.say(line)
    return done


def clean_early(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> None:
    """The same where no verdict follows that would say what remains."""
    done = clean(plan, accounts, folder, desk)
    if done and (told := rows_remain(done.cleanup)):
        desk.screen.warn(told)


def prove(plan: Plan, accounts: tuple[Account, ...], folder: Path, desk: Desk) -> dict[str, str]:
    """Remove the rows that were made before the load. Kind of row → why one of them could not be removed.

    What was changed is put back after the load, which changes it once more.
    """
    entries = list(journal.read(folder))
    if not entries:
        return {}
    transport = RetryAfterClient(HttpxTransport(connection_settings(plan, desk.headers)), desk.screen.say)
    done = _cleaned(entries, Means(ROLES, accounts, _run(plan, folder, desk), transport, rows_only=True))
    for kept in done.cleanup.soft_deleted:
        desk.screen.say(f"  a {kept.thing} that is deleted stays at the target, marked {kept.status}")
    return {group.thing: group.reason for group in reversed(done.cleanup.remaining)}


def _run(plan: Plan, folder: Path, desk: Desk) -> RunState:
    return RunState.of(plan, desk.headers, "cleanup", journal_to_note_in(folder))


def _cleaned(entries: Sequence[journal.JournalEntry], means: Means) -> Cleaned:
    try:
        return clean_up(entries, means)
    finally:
        means.transport.close()
        means.run.journal.close()


def _told(done: Cleanup, folder: Path, *, demo: bool) -> Iterator[str]:
    """What became of the rows, in lines."""
    if done.created:
        soft = sum(kept.rows for kept in done.soft_deleted)
        besides = f" and soft-deleted {soft:,}" if soft else ""
        yield f"Cleanup: removed {done.removed:,}{besides} of {done.created:,} rows that the run made"
    yield from (f"  {line}" for line in soft_deleted(done))
    for line in done.not_removed[:_MOST_TOLD]:
        yield f"  not removed: {line}"
    more = len(done.not_removed) - _MOST_TOLD
    told = [f"… and {more:,} more"] if more > 0 else []
    if done.not_removed and not demo and any(group.again for group in done.remaining):
        told.append(f"try again with: cleanup {folder}")
    if told:
        yield f"  {'; '.join(told)}"


def list_remaining(rows: Sequence[RowLeft], folder: Path) -> Iterator[str]:
    """Write the rows that are still at the target into a file of the run, or remove that of an earlier cleanup."""
    path = folder / REMAINING_FILE
    try:
        if rows:
            path.write_text(remaining_csv(rows), encoding="utf-8", newline="")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        yield f"  {unwritable(error, path)}"
    else:
        if rows:
            which = "remain" if any(row.reason for row in rows) else "the target keeps"
            yield f"  ids of the rows that {which}: {path}"


def journal_to_note_in(folder: Path) -> journal.Journal:
    """The journal to note in; where the disk takes none, rows go all the same."""
    try:
        return journal.Journal(folder / journal.FILE_NAME)
    except OSError:
        return journal.Journal(None)
