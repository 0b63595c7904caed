"""Sends the requests of checks to the target: as whom, with which token, and what came back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from perfsuite.clock import utc_s
from perfsuite.correctness.check import CheckActor, Reply, Send, TokenKind, Unanswered, Unavailable
from perfsuite.correctness.tokens import NONE_EXPIRED, token_for
from perfsuite.messages.checks import WhyNot
from perfsuite.model import Account
from perfsuite.model.role import Role
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import Answer, LastRequest, Request, Transport
from perfsuite.target.journal import JournalEntry
from perfsuite.target.route import Route
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

NO_LOGIN = WhyNot.NO_LOGIN()
LOGIN_REFUSED = WhyNot.LOGIN_REFUSED()
LOGIN_WAITS = WhyNot.LOGIN_WAITS()


class Concurrency(Protocol):
    """How time passes and things happen at once: with gevent under load, with threads elsewhere."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        """Call all of them at the same instant; what they return."""


class CheckClient:
    """A carrier, and the context of checks: accounts, their sessions, and as many connections as are in use at once.

    `accounts`: role slug → number in the credentials, from 1 → account, those that the load uses first. `lent`: the
    session of the load that uses an account, whose login a check shares; None where there is none.
    """

    def __init__(
        self,
        run: RunState,
        roles: Mapping[str, Role],
        accounts: Mapping[str, Mapping[int, Account]],
        make_transport: Callable[[], Transport],
        concurrency: Concurrency,
        lent: Callable[[Account], Session | None] = lambda _account: None,
    ) -> None:
        self.run = run
        self.random = random.Random(f"{run.run_id}/checks")
        self.known: dict[str, Any] = {}
        self.may_repeat: Callable[[], bool] = lambda: True
        """Whether a request may be sent that no check was to send: a login in place of a refused token, or once more
        what was refused."""
        self._roles = roles
        self._accounts = {role: tuple(own.items()) for role, own in accounts.items()}
        self._make_transport = make_transport
        self._concurrency = concurrency
        self._lent = lent
        self._sessions: dict[CheckActor, Session] = {}
        self._transports: list[Transport] = []
        self._idle: list[Transport] = []
        """Those of them that no request uses."""
        self._login = Lock()
        self._refused_again: set[tuple[str, str]] = set()
        """Phone number and operation that a new login did not help."""
        self._changed: dict[tuple[str, str], str] = {}
        """User id and setting → its value before the run, while it has another."""

    # ── what checks know ───────────────────────────────────────────────────────────────────────────

    def name(self, actor: CheckActor) -> str:
        """See CheckContext."""
        number, _account = self._accounts[actor.role][actor.position]
        return f"{actor.role}#{number}"

    def user_id(self, actor: CheckActor) -> str:
        """See CheckContext."""
        return self._session(actor).user_id

    def new_mark(self) -> str:
        """See CheckContext."""
        return self.run.marks.next()

    def will_change(self, actor: CheckActor, setting: str, before: str, by: CheckActor | None = None) -> str:
        """See CheckContext."""
        user_id, who = self._session(actor).user_id, self._session(by or actor).phone_number
        before = self._changed.setdefault((user_id, setting), before)
        self.run.journal.write(JournalEntry("preference", setting, user_id, before=before, by=who, at=utc_s()))
        return before

    def put_back(self, actor: CheckActor, setting: str) -> None:
        """See CheckContext."""
        user_id = self._session(actor).user_id
        del self._changed[user_id, setting]
        self.run.journal.write(JournalEntry("restored", setting, user_id))

    def logins(self, actors: Iterable[CheckActor]) -> int:
        """How many logins a check would have to make for these."""
        return sum(not self._is_logged_in(actor) for actor in set(actors))

    def _is_logged_in(self, actor: CheckActor) -> bool:
        session = self._sessions.get(actor)
        if session is not None and session.logged_in:
            return True
        _number, account = self._accounts[actor.role][actor.position]
        lent = self._lent(account)
        return lent is not None and lent.logged_in

    def why_none_expired(self, actor: CheckActor) -> str:
        """Why there is no token of its account that has expired; "" where there is one."""
        _number, account = self._accounts[actor.role][actor.position]
        session = self._sessions.get(actor) or self._lent(account)
        if session is None or not session.token:
            return NONE_EXPIRED
        try:
            token_for(TokenKind.EXPIRED, session)
        except Unavailable as why:
            return str(why)
        return ""

    # ── sending ────────────────────────────────────────────────────────────────────────────────────

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """See Carrier."""
        for send in sends:
            self._session(send.actor)  # before any of them: a login must not come between
        # Before any of them, too: two threads must not take the same connection.
        transports = [self._idle.pop() if self._idle else self._new_transport() for _send in sends]
        calls = [partial(self._send, *each) for each in zip(sends, transports, strict=True)]
        try:
            replies = tuple(self._concurrency.together(calls)) if len(calls) > 1 else (calls[0](),)
        except Unanswered:
            self._idle += transports
            raise
        self._idle += transports  # after any other error they are never used again
        return replies

    def wait(self, seconds: float) -> None:
        """See Carrier."""
        self._concurrency.wait(seconds)

    def _send(self, send: Send, transport: Transport) -> Reply:
        session, operation = self._session(send.actor), CATALOGUE[send.operation]
        creates = bool(operation.creates)
        if creates:
            self.run.announce(operation, send.body, session.phone_number)
        token = session.token
        answer, request_id = self._exchange(transport, session, send, operation)
        refused = answer.status == 401 and send.token is TokenKind.OWN
        if refused and self._log_in_again(session, token, operation) and self.may_repeat():
            answer, request_id = self._exchange(transport, session, send, operation)
            if answer.status == 401:
                self._refused_again.add((session.phone_number, operation.name))
        body = _decoded(answer)
        if creates:
            self.run.settle(operation, send.body, answer.status, body)
        template = self.run.path_of(operation)
        return Reply(send, answer.status, body, request_id, answer.sent_at, answer.body, template)

    def _log_in_again(self, session: Session, refused: str, operation: Operation) -> bool:
        """False where no login helps. `refused`: the token."""
        with self._login:
            if session.token != refused:
                return True  # somebody else has logged in since
            if session.login_rejected or session.login_wait_s:
                return False
            known = (session.phone_number, operation.name) in self._refused_again
            return not known and self.may_repeat() and session.login()

    def _exchange(self, transport: Transport, session: Session, send: Send, operation: Operation) -> tuple[Answer, str]:
        request_id, id_lines = self.run.request_ids.next()
        body = None if send.body is None else msgspec.json.encode(send.body)
        target = with_query(Route(session.role, operation, self.run.path_of(operation)).target(send.path), send.query)
        lines = id_lines + self.run.header_lines(token_for(send.token, session), has_body=body is not None)
        return transport.exchange(Request(operation.method, target, lines, body)), request_id

    def _new_transport(self) -> Transport:
        self._transports.append(self._make_transport())
        return self._transports[-1]

    def _session(self, actor: CheckActor) -> Session:
        """Logged in. Raises Unanswered where that fails."""
        session = self._sessions.get(actor)
        if session is not None and session.logged_in:
            return session
        with self._login:  # checks that run at the same time may need the same account
            session = self._sessions.get(actor)
            if session is None:
                (_number, account), role = self._accounts[actor.role][actor.position], self._roles[actor.role]
                session = self._sessions[actor] = Session(role, account, self._new_transport(), self.run, LastRequest())
            if not session.logged_in:
                lent = self._lent(session.account)
                if lent is not None and lent.logged_in:
                    session.share_login(lent)
                else:
                    self._log_in(session, lent or session)
        return session

    def _log_in(self, session: Session, before: Session) -> None:
        """Not again where the target refused it, and not before it says so. `before`: who tried it last.

        Raises Unanswered."""
        if session.login_rejected or before.login_rejected:
            raise Unavailable(LOGIN_REFUSED)
        if session.login_wait_s or before.login_wait_s:
            raise Unavailable(LOGIN_WAITS)
        if not session.login():
            raise Unavailable(LOGIN_REFUSED) if session.login_rejected else Unanswered(NO_LOGIN)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports:
            transport.close()


def with_query(target: str, query: Mapping[str, str]) -> str:
    """The path of a request with more of a query."""
    return f"{target}{'&' if '?' in target else '?'}{urlencode(query, quote_via=quote)}" if query else target


def _decoded(answer: Answer) -> Any:
    try:
        return answer.json() if answer.body else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
