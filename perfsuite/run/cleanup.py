"""Cleanup of what a run made at its target: after the load, after an early end, or by the command `cleanup`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from perfsuite.cleanup import CleanupInput, CleanupResult, clean_up
from perfsuite.clock import utc_s
from perfsuite.errors import SuiteError, UnexpectedError, unwritable
from perfsuite.judge.notes import soft_deleted
from perfsuite.judge.validity import rows_remain
from perfsuite.messages.run import RunMessage
from perfsuite.model import INTERRUPTED, Cleanup, FailureKind, RowLeft
from perfsuite.model.cleanup import REMAINING_FILE
from perfsuite.report.files.csv_files import remaining_csv
from perfsuite.roles import ROLES
from perfsuite.run.context import RunContext
from perfsuite.target import journal
from perfsuite.target.exchange import Answer, Failure, Request, Transport
from perfsuite.target.http_client import HttpClient

_ROWS_SHOWN = 10
_FAIL_FAST_S = 2.0
"""How long cleanup waits for an answer after a second interrupt."""


def clean_after_load(run: RunContext, ended: str) -> tuple[Cleanup | None, str]:
    """What became of the rows, and how the run ended: an interrupt in here still gives a report of what is left."""
    fail_fast = run.interrupts.count > 1
    if fail_fast and run.plan.demo:
        return None, ended  # the demo's data ends with it
    try:
        with run.interrupts.immediate():
            done = clean(run, _fail_fast_client(run) if fail_fast else None)
    except KeyboardInterrupt:
        done, ended = clean(run, _fail_fast_client(run, "cleanup was interrupted")), INTERRUPTED
    return done.cleanup if done else None, ended


def list_after_failure(run: RunContext) -> Cleanup | None:
    """The rows that a failed cleanup left; None where they cannot even be listed, which a warning says."""
    try:
        done = clean(run, _fail_fast_client(run, "cleanup failed"))
    except Exception as error:  # noqa: BLE001  the run is reported all the same
        run.screen.warn(run.errors.record(error, "cleanup"))
        if not run.plan.demo:
            run.screen.warn(RunMessage.ROWS_MAY_REMAIN(folder=run.folder))
        return None
    return done.cleanup if done else None


def clean_early(run: RunContext) -> None:
    """Clean up after a run that ends without a report. What remains, or why cleanup failed, is a warning."""
    try:
        done = clean(run)
    except Exception as error:  # noqa: BLE001  the error that ended the run comes first
        run.screen.warn(_failure(error, run))
        return
    if done and (remaining := rows_remain(done.cleanup)):
        run.screen.warn(remaining)


def clean_without_load(run: RunContext) -> Cleanup | None:
    """Clean up after a command without load: what became of the rows. Raises UnexpectedError."""
    try:
        done = clean(run)
    except SuiteError:
        raise
    except Exception as error:
        raise UnexpectedError(_failure(error, run)) from error
    return done.cleanup if done else None


def clean(run: RunContext, transport: Transport | None = None) -> CleanupResult | None:
    """Remove what the run made, over `transport` where given; None when it made and changed nothing.

    A file of the run then lists the rows that are still at the target, with those that it keeps after their deletion.
    """
    done = _clean_up(run, transport)
    if done is None:
        return None
    lines = _described(done.cleanup, run) if done.tried else ()
    for line in (*lines, *list_remaining(done.rows, run.folder)):
        run.screen.say(line)
    return done


def clean_after_preflight(run: RunContext) -> dict[str, str]:
    """Remove the rows that were made before the load. Kind of row → why one of them could not be removed.

    Changed values are restored after the load, which changes them again.
    """
    done = _clean_up(run, rows_only=True)
    if done is None:
        return {}
    for kept in done.cleanup.soft_deleted:
        run.screen.say(f"  a {kept.thing} that is deleted stays at the target, marked {kept.status}")
    return {group.thing: group.reason for group in reversed(done.cleanup.remaining)}


def _clean_up(run: RunContext, transport: Transport | None = None, *, rows_only: bool = False) -> CleanupResult | None:
    entries = list(journal.read(run.folder))
    if not entries:
        return None
    transport = transport or run.connect()
    state = run.state_for("cleanup", open_journal(run.folder))
    try:
        return clean_up(entries, CleanupInput(ROLES, run.accounts, state, transport, rows_only=rows_only))
    finally:
        transport.close()
        state.journal.close()


def open_journal(folder: Path) -> journal.Journal:
    """The journal of a cleanup; on a full disk one that writes nothing: rows are removed all the same."""
    try:
        return journal.Journal(folder / journal.FILE_NAME)
    except OSError:
        return journal.Journal(None)


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
            yield f"  {RunMessage.IDS_OF_ROWS(which=which, path=path)}"


def _described(done: Cleanup, run: RunContext) -> Iterator[str]:
    """What became of the rows, in lines."""
    if done.created:
        removed, created, soft = done.removed, done.created, sum(kept.rows for kept in done.soft_deleted)
        if soft:
            yield RunMessage.CLEANED_UP_SOFTLY(removed=removed, created=created, soft=soft)
        else:
            yield RunMessage.CLEANED_UP(removed=removed, created=created)
    yield from (f"  {line}" for line in soft_deleted(done))
    for line in done.not_removed[:_ROWS_SHOWN]:
        yield f"  {RunMessage.NOT_REMOVED(row=line)}"
    more = len(done.not_removed) - _ROWS_SHOWN
    rest = [RunMessage.MORE_NOT_REMOVED(rows=more)] if more > 0 else []
    if done.not_removed and not run.plan.demo and any(group.again for group in done.remaining):
        rest.append(RunMessage.TRY_CLEANUP_AGAIN(folder=run.folder))
    if rest:
        yield f"  {'; '.join(rest)}"


def _failure(error: Exception, run: RunContext) -> str:
    why = f"Cleanup: {error}" if isinstance(error, SuiteError) else run.errors.record(error, "cleanup")
    return why if run.plan.demo else f"{why}\n{RunMessage.ROWS_MAY_REMAIN(folder=run.folder)}"


def _fail_fast_client(run: RunContext, failed: str = "") -> Transport:
    return FailFastClient(HttpClient(replace(run.connection, timeout_s=_FAIL_FAST_S)), failed)


class FailFastClient:
    """A transport that sends nothing more after the first request without an answer; nothing at all where `failed`."""

    def __init__(self, transport: Transport, failed: str = "") -> None:
        self._transport, self._failed = transport, failed

    def exchange(self, request: Request) -> Answer:
        """The answer; none after a request that was not answered in time."""
        if self._failed:
            return Answer(0, {}, b"", utc_s(), 0, Failure(FailureKind.CONNECTION_LOST, self._failed))
        answer = self._transport.exchange(request)
        if answer.failure is not None and answer.failure.kind.never_answered:
            self._failed = f"{answer.failure.message}, and the run was interrupted twice"
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()
