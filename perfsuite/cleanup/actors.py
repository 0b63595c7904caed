"""The accounts that a cleanup uses: those that created the rows, and a Super Admin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import LOGIN, Account
from perfsuite.model.role import Call, Role
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import LastRequest, Sample, Transport
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

    `again`: another cleanup may succeed; without it, the status decides. `repeated`: it was sent twice, and the first
    one, which failed, may have done what it asked for.
    """

    def __init__(self, reason: str, status: int = 0, *, again: bool | None = None, repeated: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.again = status not in _REFUSALS if again is None else again
        self.repeated = repeated


class _Requests(LastRequest):
    """Those of all actors: the last one, and how many in a row got no answer. `in_time`: there is time for more."""

    def __init__(self, in_time: Callable[[], bool]) -> None:
        self._in_time = in_time
        self._unanswered = 0

    def request(self, sample: Sample) -> None:
        """See Observer."""
        super().request(sample)
        silent = sample.failure is not None and sample.failure.kind.never_answered
        self._unanswered = self._unanswered + 1 if silent else 0

    @property
    def target_is_gone(self) -> bool:
        """True where nothing more should be sent."""
        return self._unanswered >= _GIVE_UP_AFTER

    @property
    def may_be_chance(self) -> bool:
        """True where the last one failed by an error of the server or without an answer, and may be sent again."""
        return self.status >= _SERVER_ERROR or (0 < self._unanswered < _GIVE_UP_AFTER and self._in_time())

    @property
    def status(self) -> int:
        """Of the last one."""
        return self.sample.status if self.sample else 0

    @property
    def reason(self) -> str:
        """Why the last one failed."""
        return self.sample.failure.message if self.sample and self.sample.failure else "unknown"


class Actor:
    """One account that cleanup uses. It logs in with its first request."""

    def __init__(self, role: Role, account: Account, transport: Transport, run: RunState, requests: _Requests) -> None:
        self.role = role
        self._session = Session(role, account, transport, run, requests)
        self._requests = requests
        self._logged_in = False
        self._no_login = ""

    def ask(self, operation: str, call: Call) -> Any:
        """Make one request; its answer. Raises NotDone when it failed.

        It is sent a second time after a renewed login, and where chance may have failed it: what cleanup reads, sets
        and deletes may be read, set and deleted twice.
        """
        if self._requests.target_is_gone:
            raise NotDone(CleanupMessage.TARGET_SILENT(why=self._requests.reason))
        self._log_in()
        body = self._session.call(CATALOGUE[operation], call)
        repeated = body is None and self._requests.may_be_chance
        if repeated or (body is None and self._session.sending == LOGIN):
            body = self._session.call(CATALOGUE[operation], call)
        if body is None:
            raise NotDone(self._requests.reason, self._requests.status, repeated=repeated)
        return body

    def rows(self, operation: str, **path: str) -> list[dict[str, Any]]:
        """The rows of a list."""
        return checks.rows_of(CATALOGUE[operation], self.ask(operation, Call(path=path))) or []

    def _log_in(self) -> None:
        """Once; a token that expires is renewed by the session. Raises NotDone, each time, when it was refused."""
        if self._logged_in:
            return
        if not self._no_login:
            self._logged_in = self._session.login() or (self._requests.may_be_chance and self._session.login())
            if self._logged_in:
                return
            self._no_login = CleanupMessage.CANNOT_LOG_IN(role=self.role.title, why=self._requests.reason)
        raise NotDone(self._no_login)


class Actors:
    """The accounts of the credentials as actors. `admin` is None where they hold no Super Admin.

    `in_time`: whether what met no answer may be sent again.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        accounts: Iterable[Account],
        transport: Transport,
        run: RunState,
        in_time: Callable[[], bool],
    ) -> None:
        self.admin_title = roles[0].title
        self._roles = {role.slug: role for role in roles}
        self._accounts = {account.phone_number: account for account in accounts}
        self._transport, self._run = transport, run
        self._requests = _Requests(in_time)
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
            self._known[phone_number] = Actor(role, account, self._transport, self._run, self._requests)
        return self._known[phone_number]

    def nobody(self) -> NotDone:
        """Why no request is made for a row that none of the accounts can remove."""
        return NotDone(CleanupMessage.NO_ACCOUNT(admin=self.admin_title))

    def for_row(self, by: str) -> list[Actor]:
        """Who may remove or read a row: its maker first, then the Super Admin."""
        found = [self.of(by), self.admin]
        return list(dict.fromkeys(actor for actor in found if actor is not None))
