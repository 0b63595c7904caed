"""Removes what a run created at the target, and restores what it changed, from the run's journal.

A row is deleted by the account that made it or, where that may not, by a Super Admin. It counts as removed when it was
read back and is gone.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from perfsuite.cleanup.actors import Actors, NotDone
from perfsuite.cleanup.remove import Removed, Remover
from perfsuite.cleanup.rows import CreatedRow, JournalContent, Preference, read_journal
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import Account, Cleanup, Remaining, RowLeft, SoftDeleted
from perfsuite.model.role import Call, Role
from perfsuite.target import checks
from perfsuite.target.catalogue import FLAG_STATE, ROW_KINDS, SETTINGS
from perfsuite.target.exchange import Transport
from perfsuite.target.journal import JournalEntry
from perfsuite.target.run_state import RunState

RESTORING_S = 60.0
"""Time limit for the values that each account restores by itself."""


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """`rows`: all that are still at the target. `tried`: rows and changes that this cleanup tried."""

    cleanup: Cleanup
    rows: tuple[RowLeft, ...] = ()
    tried: int = 0


@dataclass(frozen=True, slots=True)
class CleanupInput:
    """What a cleanup works with. The first of the roles is the Super Admin, who may delete most.

    `rows_only`: a later cleanup restores what was changed.
    """

    roles: Sequence[Role]
    accounts: tuple[Account, ...]
    run: RunState
    transport: Transport
    clock: Callable[[], float] = time.monotonic
    rows_only: bool = False


def clean_up(entries: Iterable[JournalEntry], given: CleanupInput) -> CleanupResult:
    """Remove every row in the entries, and restore every value that they say was changed.

    What could not be done is in the result, never an error; the next cleanup finds it again. Without anything to do,
    nothing is sent.
    """
    content = read_journal(entries)
    tried = len(content.rows) + (0 if given.rows_only else len(content.flags) + len(content.preferences))
    cleaner = _Cleaner(given)
    left = cleaner.remove(content)
    not_restored = () if given.rows_only else cleaner.restore(content)
    kept = list(content.soft_deleted.values())
    cleanup = Cleanup(
        created=content.created,
        removed=content.created - len(left) - len(kept),
        not_removed=tuple(f"{row.thing} {row.mark}{'' if row.id else ' (may remain)'}: {row.reason}" for row in left),
        not_restored=not_restored,
        not_restorable=tuple(f"{thing} (changed on {count})" for thing, count in content.not_restorable.items()),
        soft_deleted=_by_status(kept),
        remaining=_by_reason(left),
    )
    still_there = (*left, *(_row_left(row) for row in kept))
    return CleanupResult(cleanup, still_there, tried=tried)


class _Cleaner:
    def __init__(self, given: CleanupInput) -> None:
        self._run = given.run
        self._actors = Actors(given.roles, given.accounts, given.transport, given.run, self._in_time)
        self._clock = given.clock
        self._until = math.inf

    def _in_time(self) -> bool:
        return self._clock() <= self._until

    def remove(self, content: JournalContent) -> list[RowLeft]:
        """Remove all rows; those that remain. Rows that the target keeps under a status move to `soft_deleted`."""
        left: list[RowLeft] = []
        for kind in ROW_KINDS:
            rows = [row for row in content.rows.values() if row.thing == kind.thing]
            for removed in Remover(kind, self._actors, self._clock).remove(rows) if rows else ():
                left += self._settled(removed, content)
        known = {kind.thing for kind in ROW_KINDS}
        unknown = (row for row in content.rows.values() if row.thing not in known)
        return left + [replace(_row_left(row), reason=str(CleanupMessage.UNKNOWN_KIND())) for row in unknown]

    def _settled(self, removed: Removed, content: JournalContent) -> list[RowLeft]:
        row = removed.row
        if removed.error is not None:
            return [replace(_row_left(row), reason=str(removed.error), again=removed.error.again)]
        if removed.never_made:
            content.created -= 1
            self._note(JournalEntry("refused", row.thing, row.mark))
        elif row.status:
            content.soft_deleted[row.thing, row.mark] = row
            self._note(JournalEntry("soft deleted", row.thing, row.mark, id=row.id, status=row.status))
        else:
            self._note(JournalEntry("removed", row.thing, row.mark))
        return []

    def restore(self, content: JournalContent) -> tuple[str, ...]:
        """Restore what was changed; a line for each value that could not be restored."""
        return (*self._flags(content), *self._preferences(content))

    def _flags(self, content: JournalContent) -> list[str]:
        failed = []
        for name, before in content.flags.items():
            try:
                self._restore_flag(name, before=before)
            except NotDone as error:
                failed.append(f"flag {name} (was {before}): {error}")
            else:
                self._note(JournalEntry("restored", "flag", name))
        return failed

    def _preferences(self, content: JournalContent) -> list[str]:
        """By the accounts themselves, each with a login, within the time limit."""
        failed = []
        self._until = self._clock() + RESTORING_S
        for (setting, user_id), value in content.preferences.items():
            try:
                if not self._in_time():
                    raise NotDone(CleanupMessage.NO_TIME_TO_RESTORE())
                self._restore_preference(setting, user_id, value)
            except NotDone as error:
                failed.append(f"{setting} of account {user_id} (was {value.before}): {error}")
            else:
                self._note(JournalEntry("restored", setting, user_id))
        return failed

    def _restore_preference(self, setting: str, user_id: str, value: Preference) -> None:
        owner, how = self._actors.of(value.by), SETTINGS.get(setting)
        if how is None:
            raise NotDone(CleanupMessage.UNKNOWN_KIND())
        if owner is None:
            raise NotDone(CleanupMessage.NO_OWNER())
        path = {how.identity: user_id}
        # Twice: a late request of the load, whose user was cut off, may be applied between write and read.
        for _attempt in range(2):
            owner.ask(how.write, Call(path=path, body={how.field: value.before}))
            now = checks.object_of(owner.ask(how.read, Call(path=path))).get(how.field)
            if now == value.before:
                return
            if not self._in_time():
                break
        raise NotDone(CleanupMessage.NOT_RESTORED(value=now))

    def _restore_flag(self, name: str, *, before: bool) -> None:
        admin = self._actors.admin
        if admin is None:
            raise NotDone(CleanupMessage.NO_ADMIN_TO_RESTORE(admin=self._actors.admin_title))
        admin.ask(FLAG_STATE.write, Call(path={FLAG_STATE.identity: name}, body={FLAG_STATE.field: before}))

    def _note(self, entry: JournalEntry) -> None:
        # On a full disk, rows are removed all the same; the next cleanup finds that they are gone.
        with suppress(OSError):
            self._run.journal.write(entry)


def _row_left(row: CreatedRow) -> RowLeft:
    return RowLeft(row.thing, row.id, row.mark, row.by, row.status)


def _by_status(rows: Iterable[CreatedRow]) -> tuple[SoftDeleted, ...]:
    counts = Counter((row.thing, row.status) for row in rows)
    return tuple(SoftDeleted(thing, status, count) for (thing, status), count in counts.items())


def _by_reason(rows: Iterable[RowLeft]) -> tuple[Remaining, ...]:
    """The most frequent first."""
    counts = Counter((row.thing, row.reason, row.again, not row.id) for row in rows)
    return tuple(
        Remaining(thing, reason, again, count, uncertain)
        for (thing, reason, again, uncertain), count in counts.most_common()
    )
