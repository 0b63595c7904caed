"""The accounts that a cleanup uses: those that created the rows, and a Super Admin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import LOGIN, Account
from perfsuite.model.role import Call, Role
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import LastRequest, Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_GIVE_UP_AFTER = 3
"""After so many requests in a row without an answer the target counts as gone: the rest is only listed."""

NOT_FOUND = 404
_SERVER_ERROR = 500
_REFUSALS = frozenset({400, 403, NOT_FOUND, 405, 409, 422})
"""Answers that another attempt will not change."""


class NotDone(Exception):
    """A request of cleanup failed, with the reason. `status` is 0 where no answer came.

    `again`: another cleanup may succeed; without it, the status decides.
    """

    def __init__(self, reason: str, status: int = 0, *, again: bool | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.again = status not in _REFUSALS if again is None else again


@dataclass(slots=True)
class _Silence:
    """How many requests in a row, of all actors together, got no answer."""

    count: int = 0
    reason: str = ""


class Actor:
    """One account that cleanup uses. It logs in with its first request."""

    def __init__(self, role: Role, account: Account, transport: Transport, run: RunState, silence: _Silence) -> None:
        self.role = role
        self._last = LastRequest()
        self._session = Session(role, account, transport, run, self._last)
        self._silence = silence
        self._logged_in = False
        self._no_login = ""

    def ask(self, operation: str, call: Call) -> Any:
        """Make one request, a second time after a renewed login or an error of the server, which may be chance; its
        answer. Raises NotDone when it failed."""
        if self._silence.count >= _GIVE_UP_AFTER:
            raise NotDone(CleanupMessage.TARGET_SILENT(why=self._silence.reason))
        self._log_in()
        for _attempt in range(2):
            body = self._session.call(CATALOGUE[operation], call)
            if body is not None:
                self._silence.count = 0
                return body
            if self._last.sample and self._last.sample.operation != LOGIN and not self._server_erred():
                break
        self._count_silence()
        raise NotDone(self._reason(), self._last.sample.status if self._last.sample else 0)

    def rows(self, operation: str, **path: str) -> list[dict[str, Any]]:
        """The rows of a list."""
        return checks.rows_of(CATALOGUE[operation], self.ask(operation, Call(path=path))) or []

    def _log_in(self) -> None:
        """Once; a token that expires is renewed by the session. Raises NotDone, each time, when it was refused."""
        if self._logged_in:
            return
        if not self._no_login:
            self._logged_in = self._session.login() or (self._server_erred() and self._session.login())
            if self._logged_in:
                return
            self._count_silence()
            self._no_login = CleanupMessage.CANNOT_LOG_IN(role=self.role.title, why=self._reason())
        raise NotDone(self._no_login)

    def _server_erred(self) -> bool:
        return self._last.sample is not None and self._last.sample.status >= _SERVER_ERROR

    def _count_silence(self) -> None:
        sample = self._last.sample
        silent = sample is not None and sample.failure is not None and sample.failure.kind.never_answered
        self._silence.count = self._silence.count + 1 if silent else 0
        self._silence.reason = self._reason()

    def _reason(self) -> str:
        sample = self._last.sample
        return sample.failure.message if sample and sample.failure else "unknown"


class Actors:
    """The accounts of the credentials as actors. `admin` is None where they hold no Super Admin."""

    def __init__(self, roles: Sequence[Role], accounts: Iterable[Account], transport: Transport, run: RunState) -> None:
        self.admin_title = roles[0].title
        self._roles = {role.slug: role for role in roles}
        self._accounts = {account.phone_number: account for account in accounts}
        self._transport, self._run = transport, run
        self._silence = _Silence()
        self._known: dict[str, Actor] = {}
        admin = next((account for account in self._accounts.values() if account.role == roles[0].slug), None)
        self.admin = self.of(admin.phone_number) if admin else None

    def of(self, phone_number: str) -> Actor | None:
        """The actor of an account; None where the credentials do not hold it."""
        account = self._accounts.get(phone_number)
        if account is None or account.role not in self._roles:
            return None
        if phone_number not in self._known:
            role = self._roles[account.role]
            self._known[phone_number] = Actor(role, account, self._transport, self._run, self._silence)
        return self._known[phone_number]

    def nobody(self) -> NotDone:
        """Why no request is made for a row that none of the accounts can remove."""
        return NotDone(CleanupMessage.NO_ACCOUNT(admin=self.admin_title))

    def for_row(self, by: str) -> list[Actor]:
        """Who may remove or read a row: its maker first, then the Super Admin."""
        found = [self.of(by), self.admin]
        return list(dict.fromkeys(actor for actor in found if actor is not None))
