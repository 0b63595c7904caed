"""Removes what a run made at the target, and puts back what it changed, from the run's journal."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from perfsuite.api import checks
from perfsuite.api.catalogue import CATALOGUE
from perfsuite.api.exchange import Transport
from perfsuite.api.journal import Entry
from perfsuite.api.run import Run
from perfsuite.api.session import Observed, Session
from perfsuite.model import LOGIN, Account, Cleanup
from perfsuite.roles.role import Call, Role

_PAGE = 100
_MAX_PAGES = 50
_GIVE_UP_AFTER = 3
"""So many requests in a row without any answer, and the target counts as gone: the rest is only listed."""

_DELETE = {"policy": "policies.delete", "lead": "leads.delete", "ticket": "tickets.delete"}


class _NotDone(Exception):
    """A request of cleanup failed; the reason in words. `status` is 0 where no answer came."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class _Rows:
    """What the journal says: rows still to remove by mark, and flags to put back."""

    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    not_restorable: dict[str, int] = field(default_factory=dict)

    @property
    def for_good(self) -> tuple[str, ...]:
        """What was changed and has no way back, by kind."""
        return tuple(f"{thing} (changed on {count})" for thing, count in self.not_restorable.items())


class _Last:
    """Keeps the last request, to tell why it failed."""

    observed: Observed | None = None

    def request(self, observed: Observed) -> None:
        self.observed = observed

    def not_possible(self, _role: str, _behaviour: str, _operation: str) -> None:
        """Cleanup has no behaviours."""


def _read(entries: Iterable[Entry]) -> _Rows:
    rows = _Rows()
    for entry in entries:
        key = (entry.thing, entry.mark)
        match entry.what:
            case "create":
                rows.ids.setdefault(key, "")
            case "created":
                rows.ids[key] = entry.id
            case "refused" | "removed":
                rows.ids.pop(key, None)
            case "flag":
                rows.flags.setdefault(entry.mark, bool(entry.before))
            case "restored":
                rows.flags.pop(entry.mark, None)
            case "not restorable":
                rows.not_restorable[entry.thing] = rows.not_restorable.get(entry.thing, 0) + 1
    return rows


def clean_up(entries: Iterable[Entry], role: Role, account: Account | None, run: Run, transport: Transport) -> Cleanup:
    """Remove every row that `entries` tell of; `account` is a Super Admin, who alone may delete everything.

    None where the credentials hold no such account: then nothing is sent, and all of it is told as left.
    What could not be removed or put back is part of the answer, never an error; it is found again by the next cleanup.
    """
    rows = _read(entries)
    if not rows.ids and not rows.flags:
        return Cleanup(0, 0, not_restorable=rows.for_good)
    if account is None:
        return _all_left(rows, f"the credentials hold no {role.title}, who alone may put it right")
    last = _Last()
    session = Session(role, account, transport, run, last)
    if not session.login():
        reason = last.observed.failure.message if last.observed and last.observed.failure else "login failed"
        return _all_left(rows, f"{role.title} cannot log in ({reason})")
    return _Cleaner(session, last, run).clean(rows)


def _all_left(rows: _Rows, reason: str) -> Cleanup:
    names = tuple(f"{thing} {mark}: {reason}" for thing, mark in rows.ids)
    flags = tuple(f"flag {name} (was {before}): {reason}" for name, before in rows.flags.items())
    return Cleanup(len(rows.ids), 0, names, flags, rows.for_good)


class _Cleaner:
    def __init__(self, session: Session, last: _Last, run: Run) -> None:
        self._session = session
        self._last = last
        self._run = run
        self._silent = 0
        self._tickets: dict[str, str] | None = None

    def clean(self, rows: _Rows) -> Cleanup:
        failed: list[str] = []
        not_restored: list[str] = []
        for (thing, mark), identity in rows.ids.items():
            try:
                self._remove(thing, mark, identity)
            except _NotDone as error:
                failed.append(f"{thing} {mark}: {error}")
            else:
                self._note(Entry("removed", thing, mark))
        for name, before in rows.flags.items():
            try:
                self._ask("flags.update", Call(path={"flag_name": name}, body={"is_enabled": before}))
            except _NotDone as error:
                not_restored.append(f"flag {name} (was {before}): {error}")
            else:
                self._note(Entry("restored", "flag", name))
        return Cleanup(len(rows.ids), len(rows.ids) - len(failed), tuple(failed), tuple(not_restored), rows.for_good)

    def _note(self, entry: Entry) -> None:
        # On a full disk, rows go all the same; the next cleanup finds that they are not there any more.
        with suppress(OSError):
            self._run.journal.write(entry)

    def _remove(self, thing: str, mark: str, identity: str) -> None:
        """Returns when the row is gone, or was never made: it is not found under its mark."""
        identity = identity or self._find(thing, mark)
        if not identity:
            return
        try:
            self._ask(_DELETE[thing], Call(path={f"{thing}_id": identity}))
        except _NotDone as error:
            if error.status != 404:
                raise

    def _find(self, thing: str, mark: str) -> str:
        """The id of a row whose creation was sent but not answered; "" when the target does not have it."""
        if thing == "ticket":
            if self._tickets is None:
                self._tickets = self._all_tickets()
            return self._tickets.get(mark, "")
        if thing == "policy":
            rows = self._rows("policies.by_number", policy_number=mark)
            return _ids(rows, "policy_number", "policy_id").get(mark, "")
        rows = self._rows("leads.search", search=mark)
        found = _ids(rows, "customer_name", "lead_id")
        if rows and mark not in found:
            raise _NotDone("the target's search does not look for names, so nobody knows whether the row is there")
        return found.get(mark, "")

    def _all_tickets(self) -> dict[str, str]:
        """Subject → id. Tickets cannot be searched; a page may be shorter than was asked for."""
        found: dict[str, str] = {}
        offset = 0
        for _page in range(_MAX_PAGES):
            rows = self._rows("tickets.page", offset=str(offset))
            if not rows:
                return found
            found |= _ids(rows, "subject", "ticket_id")
            offset += len(rows)
        raise _NotDone(f"not looked for: the target holds more than {offset} tickets")

    def _rows(self, operation: str, **path: str) -> list[dict[str, Any]]:
        return checks.rows_of(CATALOGUE[operation], self._ask(operation, Call(path=path))) or []

    def _ask(self, operation: str, call: Call) -> Any:
        """Make one request, a second time after a renewed login. Raises _NotDone when it failed."""
        if self._silent >= _GIVE_UP_AFTER:
            raise _NotDone(f"not tried, the target does not answer ({self._reason()})")
        for _attempt in range(2):
            body = self._session.call(CATALOGUE[operation], call)
            if body is not None:
                self._silent = 0
                return body
            if self._last.observed and self._last.observed.operation != LOGIN:
                break
        failure = self._last.observed.failure if self._last.observed else None
        self._silent = self._silent + 1 if failure and failure.kind.never_answered else 0
        raise _NotDone(self._reason(), self._last.observed.status if self._last.observed else 0)

    def _reason(self) -> str:
        observed = self._last.observed
        return observed.failure.message if observed and observed.failure else "unknown"


def _ids(rows: list[dict[str, Any]], marked_by: str, id_field: str) -> dict[str, str]:
    return {str(row.get(marked_by)): str(row[id_field]) for row in rows if row.get(id_field)}
