"""Removes what a run made at the target, and puts back what it changed, from the run's journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from perfsuite.api import checks
from perfsuite.api.catalogue import CATALOGUE
from perfsuite.api.exchange import Transport
from perfsuite.api.journal import Entry
from perfsuite.api.run import Run
from perfsuite.api.session import Observed, Session
from perfsuite.model import Account, Cleanup
from perfsuite.roles.role import Call, Role

_PAGE = 100
_MAX_PAGES = 50


@dataclass(slots=True)
class _Rows:
    """What the journal says: rows still to remove by mark, and flags to put back."""

    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    not_restorable: dict[str, int] = field(default_factory=dict)


class _Last:
    """Keeps the last request, to tell "already gone" from "refused"."""

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
            case "not restorable":
                rows.not_restorable[entry.thing] = rows.not_restorable.get(entry.thing, 0) + 1
    return rows


def clean_up(entries: Iterable[Entry], role: Role, account: Account, run: Run, transport: Transport) -> Cleanup:
    """Remove every row that `entries` tell of; `account` is a Super Admin, who alone may delete everything.

    What could not be removed is part of the answer, never an error.
    """
    rows = _read(entries)
    not_restored = [f"{thing} (changed on {count})" for thing, count in rows.not_restorable.items()]
    if not rows.ids and not rows.flags:
        return Cleanup(0, 0, (), tuple(not_restored))
    last = _Last()
    session = Session(role, account, transport, run, last)
    if not session.login():
        reason = last.observed.failure.message if last.observed and last.observed.failure else "login failed"
        names = [f"{thing} {mark}: {role.title} cannot log in ({reason})" for thing, mark in rows.ids]
        flags = [f"flag {name} (was {before})" for name, before in rows.flags.items()]
        return Cleanup(len(rows.ids), 0, tuple(names), tuple(not_restored + flags))
    return _Cleaner(session, last, run).clean(rows, not_restored)


class _Cleaner:
    def __init__(self, session: Session, last: _Last, run: Run) -> None:
        self._session = session
        self._last = last
        self._run = run

    def clean(self, rows: _Rows, not_restored: list[str]) -> Cleanup:
        missing = {key for key, identity in rows.ids.items() if not identity}
        found = self._search(missing)
        failed: list[str] = []
        for (thing, mark), known_id in rows.ids.items():
            identity = known_id or found.get((thing, mark), "")
            # Not found under its mark: the target never made it.
            if identity and (reason := self._delete(thing, identity)):
                failed.append(f"{thing} {mark}: {reason}")
            else:
                self._run.journal.write(Entry("removed", thing, mark))
        for name, before in rows.flags.items():
            call = Call(path={"flag_name": name}, body={"is_enabled": before})
            if self._session.call(CATALOGUE["flags.update"], call) is None:
                not_restored.append(f"flag {name} (was {before}): {self._reason()}")
        return Cleanup(len(rows.ids), len(rows.ids) - len(failed), tuple(failed), tuple(not_restored))

    def _delete(self, thing: str, identity: str) -> str:
        """Delete a row; the reason when that failed, "" when it is gone."""
        operation = CATALOGUE[{"policy": "policies.delete", "lead": "leads.delete", "ticket": "tickets.delete"}[thing]]
        call = Call(path={f"{thing}_id": identity})
        for _attempt in range(2):  # the second after a renewed login
            if self._session.call(operation, call) is not None:
                return ""
            observed = self._last.observed
            if observed and observed.status == 404:
                return ""
            if not (observed and observed.operation == "login"):
                break
        return self._reason()

    def _reason(self) -> str:
        observed = self._last.observed
        return observed.failure.message if observed and observed.failure else "unknown"

    def _search(self, missing: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Ids of rows whose creation was sent but never answered, by mark."""
        found: dict[tuple[str, str], str] = {}
        for thing, mark in missing:
            if thing == "policy":
                self._find(found, thing, "policy_number", self._rows("policies.by_number", policy_number=mark))
            elif thing == "lead":
                self._find(found, thing, "customer_name", self._rows("leads.search", search=mark))
        if any(thing == "ticket" for thing, _mark in missing):
            for page in range(_MAX_PAGES):
                rows = self._rows("tickets.page", offset=str(page * _PAGE))
                self._find(found, "ticket", "subject", rows)
                if len(rows) < _PAGE:
                    break
        return found

    def _rows(self, operation: str, **path: str) -> list[dict[str, Any]]:
        body = self._session.call(CATALOGUE[operation], Call(path=path))
        return checks.rows_of(CATALOGUE[operation], body) or [] if body is not None else []

    def _find(self, found: dict[tuple[str, str], str], thing: str, marked_by: str, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            found[(thing, str(row.get(marked_by)))] = str(row.get(f"{thing}_id"))
