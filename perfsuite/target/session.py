"""One user of the API: logs in, renews its token, performs the steps of a behaviour, learns ids, checks answers.

It uses any `Transport` and does not know Locust: preflight, cleanup and load share it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from perfsuite.clock import utc_s
from perfsuite.model import LOGIN, Account, FailureKind, Remark
from perfsuite.model.role import Behaviour, Call, Role, Step
from perfsuite.suite_errors import without_secrets
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import (
    Action,
    Answer,
    Failure,
    Observer,
    Request,
    Sample,
    Transport,
    cut_by,
    none_came,
)
from perfsuite.target.route import AnswerWatch, Route
from perfsuite.target.rows import Rows
from perfsuite.target.run_state import RunState
from perfsuite.target.session_data import SessionData
from perfsuite.target.token import Token

# A token is renewed within this part of its life, at a random time per login: users who logged in together must not
# come back together.
_RENEW_FROM, _RENEW_TO = 0.6, 0.9


class SessionEnded(BaseException):
    """The run cut off the request in flight; the session must do nothing more. Not an error, see UNFINISHED."""


class _Found(msgspec.Struct, gc=False):
    """What an answer turned out to be. `refused`: with 401."""

    decoded: Any
    failure: Failure | None
    refused: bool
    expired: bool
    token_remark: Remark | None


class Session(SessionData):
    """A user of one role with one account. `clock` (seconds) decides when the token is renewed."""

    def __init__(
        self,
        role: Role,
        account: Account,
        transport: Transport,
        run: RunState,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(role, account, run)
        self._transport = transport
        self._observer = observer
        self._token = Token(clock)
        self._routes = run.routes_of(role)
        self._turns: dict[tuple[str, int], int] = {}
        self._action = Action(LOGIN)
        self._logins = 0
        self._lines: tuple[str, bytes, bytes] | None = None
        """A token, and the header lines that stay the same with it: without and with a body."""
        self.sending = ""
        """The operation of the latest request."""

    # ── doing ──────────────────────────────────────────────────────────────────────────────────────

    def login(self) -> bool:
        """Log in; False when that failed (the failure was observed)."""
        before, self._action = self._action, Action(LOGIN)
        body = {"phone_number": self._account.phone_number, "password": self._account.password}
        try:
            answer = self.call(CATALOGUE[LOGIN], Call(body=body))
        finally:
            self._action = before
        if not isinstance(answer, dict):
            before.succeeded = False
            return False
        self.user = answer["user"] if isinstance(answer["user"], dict) else {}
        return True

    @property
    def logged_in(self) -> bool:
        """True with a token that needs no renewal yet, or whose renewal has to wait (Retry-After)."""
        return self._token.usable or (self._token.alive and self.login_wait_s > 0)

    @property
    def token(self) -> str:
        """The access token; "" before the first login."""
        return self._token.value

    @property
    def expired_token(self) -> str:
        """An earlier access token that has expired by now; "" without one."""
        return self._token.expired

    def share_login(self, other: Session) -> None:
        """Use the login of another session of the same account, and every later one of it."""
        self._token, self.user = other._token, other.user

    @property
    def login_wait_s(self) -> float:
        """How long the next login has to wait (Retry-After), s; 0 where it may be tried."""
        return self._token.login_wait_s

    @property
    def login_rejected(self) -> bool:
        """True when the last login was refused for itself and not for the load: wrong password, locked account."""
        return self._token.login_rejected

    def _may_begin(self) -> bool:
        """Logs in where that is needed and allowed. If a renewal fails, the old token is used until it expires."""
        return self.logged_in or (not self.login_wait_s and self.login()) or self._token.alive

    def perform(self, behaviour: Behaviour, due_at: float | None = None) -> Action:
        """Do one action: the behaviour's steps in order.

        `due_at` (UTC epoch seconds), in the open model: when the action should have begun; its time counts from then.
        A failed step fails the action. The steps after it still run where they can, as a page goes on loading when
        one of its parts is missing.
        """
        began_at = utc_s() if due_at is None else min(due_at, utc_s())
        self._action = action = Action(behaviour.name, began_at, 0, 0, True, due_at)
        if self._token.usable or self._may_begin():
            due: dict[int, bool] | None = None
            for step in behaviour.steps:
                every = step.every
                if every != 1:
                    due = due or {}
                    if every not in due:
                        due[every] = self._is_due(every)
                    if not due[every]:
                        continue
                self._step(step)
        else:
            action.succeeded = False
        return self._ended(action)

    def _ended(self, action: Action) -> Action:
        action.elapsed_us = round((utc_s() - action.began_at) * 1e6)
        return action

    @property
    def due_at(self) -> float | None:
        """Open model: when the action was due, UTC epoch s, until its first request has ended. None otherwise."""
        return None if self.sending == LOGIN else self._action.due_at

    def failed_action(self) -> Action:
        """The action that an exception has ended."""
        action = self._ended(self._action)
        action.requests, action.succeeded = 0, False
        return action

    def _step(self, step: Step) -> None:
        left_out = self.run.left_out.get(self.role.slug)
        if left_out and step.operation in left_out:
            return
        if self._missing is not None:
            self._missing.begin()
        arguments = step.arguments(self)
        if arguments is None:
            why = self.missing.why(step)
            # After a failure the missing id is its consequence, not a lack of data.
            if self._action.succeeded:
                self._observer.not_possible(self.role.slug, self._action.behaviour, step.operation, why)
            return
        route, operation = self._routes.get(step.operation), CATALOGUE[step.operation]
        if route is None or route.operation is not operation:
            self._ask(operation, arguments)
        elif self._send(route, arguments, in_full=False)[1] and self.login():
            self._send(route, arguments, in_full=False, again=True)

    def _is_due(self, every: int) -> bool:
        """Steps with the same `every` take part in the same actions: one can work on what another makes."""
        if self.run.thorough:
            return True
        key = (self._action.behaviour, every)
        if key not in self._turns:
            # Not from `random`, whose state depends on the target's answers.
            self._turns[key] = random.Random(f"{self._seed}/{self._action.behaviour}/{every}").randrange(every)
        turn = self._turns[key] = self._turns[key] + 1
        return turn % every == 0

    # ── one request ────────────────────────────────────────────────────────────────────────────────

    def call(self, operation: Operation, call: Call) -> Any:
        """Make one request and check its answer; the decoded body, or None when it failed.

        Every request sent is observed once, whatever its outcome. A request that is refused because the token has
        expired is sent again after a login: the refused one had no effect, not even for a creation. An unexpected
        exception (of the transport or a check) is observed as a failure and then raised to the caller.
        """
        return self._ask(operation, call, in_full=True)

    def _ask(self, operation: Operation, call: Call, *, in_full: bool = False) -> Any:
        """The same for who does not read the answer: only `in_full` every right answer is decoded."""
        route = self._routes.get(operation.name)
        if route is None or route.operation is not operation:
            route = self._routes[operation.name] = self.run.route(self.role, operation)
        decoded, expired = self._send(route, call, in_full=in_full)
        return self._send(route, call, in_full=in_full, again=True)[0] if expired and self.login() else decoded

    def _send(self, route: Route, call: Call, *, in_full: bool, again: bool = False) -> tuple[Any, bool]:
        """The decoded body, None when it failed; and whether it failed because the token had expired."""
        operation, run = route.operation, self.run
        self.sending = operation.name
        request_id, id_lines = run.request_ids.next()
        body = msgspec.json.encode(call.body) if call.body is not None else None
        if operation.creates:
            self.chosen.pop(f"created {operation.creates}", None)
            run.announce(operation, call.body, by=self.phone_number)
        request = Request(operation.method, route.target(call.path), id_lines + self._header_lines(route), body)
        answer, began, rows = None, time.perf_counter(), 0
        try:
            answer = self._transport.exchange(request)
            typed = None if in_full or run.thorough else route.typed
            if typed is not None and answer.failure is None and answer.status in operation.expects:
                rows = typed.rows(answer, call.path, self.user_id, run.owners)
            if not rows:
                found = self._examined(operation, call, answer, again=again)
        except BaseException as error:
            answer = answer or none_came(utc_s() - (time.perf_counter() - began))
            self._observe(route, request_id, answer, cut_by(error, self.secrets))
            raise
        if not rows:
            self._observe(route, request_id, answer, found.failure, found.expired, found.token_remark)
            if route.watch is not None:
                self._show(route.watch, call, request_id, answer, found)
            return self._done(operation, found, again=again)
        self._observe(route, request_id, answer, None)
        if route.watch is not None:
            route.watch.right(self, call, request_id, answer, None)
        if self._token.held_off:
            self._token.accepted(operation.name)
        if operation.yields and route.typed is not None:
            self._know(operation, Rows(route.typed, operation, answer.body, rows))
        return {}, False

    def _show(self, watch: AnswerWatch, call: Call, request_id: str, answer: Answer, found: _Found) -> None:
        if found.failure is None:
            watch.right(self, call, request_id, answer, found.decoded)
        else:
            watch.wrong(self, call, request_id, answer, found.failure)

    def _examined(self, operation: Operation, call: Call, answer: Answer, *, again: bool) -> _Found:
        """An answer in full: its body, or what is wrong with it."""
        run = self.run
        decoded, failure = self._checked(operation, call, answer)
        if run.thorough and decoded is not None:
            run.notice(self.role.slug, operation.name, checks.differences(operation, decoded))
        failure = failure and replace(failure, message=without_secrets(failure.message, self.secrets))
        if row := run.settle(operation, call.body, answer.status, decoded):
            self.chosen[f"created {operation.creates}"] = row
        refused = answer.status == 401 and operation.name != LOGIN
        expired = refused and not again and self._token.has_expired(operation.name, answer)
        token_remark = self._token_of(answer, decoded, failure) if operation.name == LOGIN else None
        return _Found(decoded, failure, refused, expired, token_remark)

    def _done(self, operation: Operation, found: _Found, *, again: bool) -> tuple[Any, bool]:
        """What follows from an answer that was looked at in full and observed."""
        failure = found.failure
        if failure is None:
            self._token.accepted(operation.name)
            self._learn(operation, found.decoded)
            return (found.decoded if found.decoded is not None else {}), False
        self.missing.failed(operation, failure)
        if failure.kind is FailureKind.UNFINISHED:
            raise SessionEnded
        if again and found.refused:
            self._token.hold_off(operation.name)
        elif found.refused and not found.expired and self._token.may_renew(operation.name):
            self.login()
        return None, found.expired

    def _token_of(self, answer: Answer, decoded: Any, failure: Failure | None) -> Remark | None:
        if failure is None:
            return self._token.take(decoded, answer.header("date"), self._renewal_share())
        self._token.refused_login(answer)
        return None

    def _renewal_share(self) -> float:
        self._logins += 1
        # Not from `random`, whose state depends on the target's answers.
        return random.Random(f"{self._seed}/login {self._logins}").uniform(_RENEW_FROM, _RENEW_TO)

    def peek(self, target: str) -> int:
        """The status of a GET of any path as this user, neither observed nor checked; 0 without an answer."""
        _request_id, id_lines = self.run.request_ids.next()
        lines = id_lines + self.run.header_lines(self._token.value)
        return self._transport.exchange(Request("GET", target, lines)).status

    def _header_lines(self, route: Route) -> bytes:
        """Those that stay the same from request to request are kept for each token."""
        if route.operation.name == LOGIN:
            return self.run.header_lines("", has_body=True)
        token = self._token.value
        if self._lines is None or self._lines[0] is not token:
            self._lines = (token, self.run.header_lines(token), self.run.header_lines(token, has_body=True))
        return self._lines[2] if route.has_body else self._lines[1]

    def _observe(
        self,
        route: Route,
        request_id: str,
        answer: Answer,
        failure: Failure | None,
        expired: bool = False,
        token_remark: Remark | None = None,
    ) -> None:
        action, due_at = self._action, None
        if not expired:
            # Only the first request of an action is late by the wait of the action.
            if action.due_at is not None and route.operation.name != LOGIN:
                due_at, action.due_at = action.due_at, None
            action.requests += 1
            if failure is not None:
                action.succeeded = False
        server_us, doubt = answer.server_time()
        remarks = answer.remarks
        if doubt is not None or token_remark is not None:
            remarks = tuple(remark for remark in (doubt, token_remark, *remarks) if remark)
        sample = Sample(
            route.series(action.behaviour),
            request_id,
            answer.sent_at,
            answer.elapsed_us,
            answer.status,
            len(answer.body),
            failure,
            due_at,
            server_us,
            answer.connect_us,
            answer.tls_us,
            remarks,
            answer.retries,
            expired,
        )
        self._observer.request(sample)

    def _checked(self, operation: Operation, call: Call, answer: Answer) -> tuple[Any, Failure | None]:
        failure = checks.status_failure(operation, answer)
        if failure is not None:
            return None, failure
        body, failure = checks.decoded(operation, answer)
        if failure is not None or (body is None and operation.method == "DELETE"):
            return body, failure
        return body, checks.rule_failure(operation, body, call, self.role, self.user_id, self.run.owners)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not appear in a message: password, token, values of added headers."""
        return (self._account.password, self._token.value, *self.run.secrets)

    def _learn(self, operation: Operation, body: Any) -> None:
        if not (operation.yields or self.run.thorough):
            return
        rows = (checks.rows_of(operation, body) or []) if operation.lists is not None else [checks.object_of(body)]
        self.missing.answered(operation, body, rows)
        if operation.yields:
            self._know(operation, rows)
