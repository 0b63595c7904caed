"""One user of the API: logs in, renews its token, performs the steps of a behaviour, learns ids, checks answers.

It uses any `Transport` and does not know Locust: preflight, cleanup and load share it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from perfsuite.clock import utc_s
from perfsuite.model import LOGIN, Account, FailureKind, Remark
from perfsuite.model.role import Behaviour, Call, Role, Step
from perfsuite.suite_errors import without_secrets
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import (
    USER_AGENT,
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
from perfsuite.target.journal import JournalEntry
from perfsuite.target.missing_data import MissingData
from perfsuite.target.run_state import RunState
from perfsuite.target.token import Token

# A token is renewed within this part of its life, at a random time per login: users who logged in together must not
# come back together.
_RENEW_FROM, _RENEW_TO = 0.6, 0.9


class SessionEnded(BaseException):
    """The run cut off the request in flight; the session must do nothing more. Not an error, see UNFINISHED."""


class Session:
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
        self.role = role
        self.run = run
        self.user: dict[str, Any] = {}
        self.known: dict[str, list[dict[str, Any]]] = {}
        self.chosen: dict[str, dict[str, Any]] = {}
        """Kind → the row that the steps of an action are about."""
        self.seed(str(random.random()))
        self._account = account
        self._transport = transport
        self._observer = observer
        self._token = Token(clock)
        self.missing = MissingData(role, run)
        self._asked: set[str] = set()
        """Kinds whose list has answered."""
        self._turns: dict[tuple[str, int], int] = {}
        self._action = Action(LOGIN)
        self._lines_token: str | None = None
        self._lines: dict[bool, bytes] = {}
        """Header lines that stay the same, without and with a body; made for `_lines_token`."""

    def seed(self, key: str) -> None:
        """From here on every choice of the session follows from `key`."""
        self._seed, self.random = key, random.Random(key)

    # ── what a role's steps may use ────────────────────────────────────────────────────────────────

    @property
    def phone_number(self) -> str:
        """What the account logs in with."""
        return self._account.phone_number

    @property
    def user_id(self) -> str:
        """The id of the account in use."""
        return str(self.user.get("user_id") or "")

    def need(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind from the latest list; asks one of `role.sources` where none is known yet."""
        rows = self._rows(kind)
        if not rows:
            self.missing.missed([kind])
        return rows

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        """Asks the source until it has answered once: one failure must not leave the user without data for good."""
        source = self.role.sources.get(kind)
        if source and not self.known.get(kind) and kind not in self._asked:
            arguments = source.arguments(self)
            left_out = self.run.leaves_out(self.role.slug, source.operation)
            if arguments is not None and not left_out:
                self.call(CATALOGUE[source.operation], arguments)
        return self.known.get(kind, [])

    def pick(self, kind: str) -> dict[str, Any] | None:
        """One of the known rows of a kind, at random; None when the target holds none."""
        rows = self.need(kind)
        if not rows:
            return None
        self.chosen[kind] = self.random.choice(rows)
        return self.chosen[kind]

    def row_with(self, field: str, *kinds: str) -> dict[str, Any] | None:
        """A row that has a value in `field`, at random, of the first of these kinds that has one; None without any."""
        for kind in kinds:
            if rows := [row for row in self._rows(kind) if row.get(field)]:
                self.chosen[kind] = self.random.choice(rows)
                return self.chosen[kind]
        self.missing.missed(kinds, field)
        return None

    def just_made(self, kind: str) -> dict[str, Any] | None:
        """The row of that kind that an earlier step of this action made; None where it made none."""
        return self.chosen.get(f"created {kind}")

    @property
    def thorough(self) -> bool:
        """True in preflight: every step takes part in every action."""
        return self.run.thorough

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind that this process made in this run."""
        return self.run.created.get(kind, [])

    def new_mark(self) -> str:
        """A text that marks a row as made by this run, never given before."""
        return self.run.marks.next()

    def leaves_out(self, operation: str) -> bool:
        """True when the role must not make this operation."""
        return self.run.leaves_out(self.role.slug, operation)

    def note_flag(self, name: str, before: bool) -> None:
        """Record, once, that a flag has to be put back."""
        self.run.journal.write_once(JournalEntry("flag", "flag", name, before=before))

    def note_theme(self, before: str | None) -> None:
        """Record, once, that the account's theme has to be put back."""
        entry = JournalEntry("preference", "theme", self.user_id, before=before, by=self.phone_number, at=utc_s())
        self.run.journal.write_once(entry)

    def note_not_restorable(self, thing: str, identity: str) -> None:
        """Record, once, that nobody can put back what was changed."""
        self.run.journal.write_once(JournalEntry("not restorable", thing, identity))

    # ── doing ──────────────────────────────────────────────────────────────────────────────────────

    def login(self) -> bool:
        """Log in; False when that failed (the failure was observed)."""
        before, self._action = self._action, Action(LOGIN)
        body = {"phone_number": self._account.phone_number, "password": self._account.password}
        answer = self.call(CATALOGUE[LOGIN], Call(body=body))
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
        began_at, began = utc_s(), time.perf_counter_ns()
        self._action = action = Action(behaviour.name, began_at, due_at=due_at)
        if self._may_begin():
            due = {every: self._is_due(every) for every in {step.every for step in behaviour.steps}}
            for step in behaviour.steps:
                if due[step.every]:
                    self._step(step)
        else:
            action.succeeded = False
        elapsed_us = (time.perf_counter_ns() - began) // 1000
        if due_at is not None:
            elapsed_us += max(round((began_at - due_at) * 1e6), 0)
            action.began_at = due_at
        action.elapsed_us = elapsed_us
        return action

    def _step(self, step: Step) -> None:
        if self.run.leaves_out(self.role.slug, step.operation):
            return
        self.missing.begin()
        arguments = step.arguments(self)
        if arguments is None:
            why = self.missing.why(step)
            # After a failure the missing id is its consequence, not a lack of data.
            if self._action.succeeded:
                self._observer.not_possible(self.role.slug, self._action.behaviour, step.operation, why)
            return
        self.call(CATALOGUE[step.operation], arguments)

    def _is_due(self, every: int) -> bool:
        """Steps with the same `every` take part in the same actions: one can work on what another makes."""
        if every == 1 or self.run.thorough:
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
        decoded, expired = self._send(operation, call)
        return self._send(operation, call, again=True)[0] if expired and self.login() else decoded

    def _send(self, operation: Operation, call: Call, *, again: bool = False) -> tuple[Any, bool]:
        """The decoded body, None when it failed; and whether it failed because the token had expired."""
        request_id, headers = self._headers(operation)
        body = msgspec.json.encode(call.body) if call.body is not None else None
        if operation.creates:
            self.chosen.pop(f"created {operation.creates}", None)
            self.run.announce(operation, call.body, by=self.phone_number)
        request = Request(operation.method, self._target(operation, call), headers, body)
        answer, sent_at = None, utc_s()
        try:
            answer = self._transport.exchange(request)
            decoded, failure = self._checked(operation, call, answer)
            if self.run.thorough and decoded is not None:
                self.run.notice(self.role.slug, operation.name, checks.differences(operation, decoded))
            failure = failure and Failure(failure.kind, without_secrets(failure.message, self.secrets))
            if row := self.run.settle(operation, call.body, answer.status, decoded):
                self.chosen[f"created {operation.creates}"] = row
            refused = answer.status == 401 and operation.name != LOGIN
            expired = refused and not again and self._token.has_expired(operation.name, answer)
            token_remark = self._token_of(answer, decoded, failure) if operation.name == LOGIN else None
        except BaseException as error:
            self._observe(operation, request_id, answer or none_came(sent_at), cut_by(error, self.secrets))
            raise
        self._observe(operation, request_id, answer, failure, expired=expired, token_remark=token_remark)
        if failure is None:
            self._token.accepted(operation.name)
            self._learn(operation, decoded)
            return (decoded if decoded is not None else {}), False
        self.missing.failed(operation, failure)
        if failure.kind is FailureKind.UNFINISHED:
            raise SessionEnded
        if again and refused:
            self._token.hold_off(operation.name)
        elif refused and not expired and self._token.may_renew(operation.name):
            self.login()
        return None, expired

    def _token_of(self, answer: Answer, decoded: Any, failure: Failure | None) -> Remark | None:
        if failure is None:
            return self._token.take(decoded, answer.header("date"), self.random.uniform(_RENEW_FROM, _RENEW_TO))
        self._token.refused_login(answer)
        return None

    def peek(self, target: str) -> int:
        """The status of a GET of any path as this user, neither observed nor checked; 0 without an answer."""
        _request_id, headers = self._headers(Operation("peek", "GET", target))
        return self._transport.exchange(Request("GET", target, headers)).status

    def _headers(self, operation: Operation) -> tuple[str, bytes]:
        """The id of the next request, and its header lines: those that stay the same are kept."""
        request_id, id_lines = self.run.request_ids.next()
        writes = operation.method in ("POST", "PUT")
        if operation.name == LOGIN:
            return request_id, id_lines + self._header_lines("", writes=writes)
        if self._token.value != self._lines_token:
            self._lines_token = self._token.value
            self._lines = {writes: self._header_lines(self._lines_token, writes=writes) for writes in (False, True)}
        return request_id, id_lines + self._lines[writes]

    def _header_lines(self, token: str, *, writes: bool) -> bytes:
        lines = [f"User-Agent: {USER_AGENT}", "Accept: application/json", f"X-Run-ID: {self.run.run_header}"]
        lines += ["Content-Type: application/json"] if writes else []
        lines += [f"Authorization: Bearer {token}"] if token else []
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1")

    def _target(self, operation: Operation, call: Call) -> str:
        path = self.run.path_of(operation)
        if not call.path:
            return path
        return path.format_map({name: quote(value, safe="") for name, value in call.path.items()})

    def _observe(
        self,
        operation: Operation,
        request_id: str,
        answer: Answer,
        failure: Failure | None,
        *,
        expired: bool = False,
        token_remark: Remark | None = None,
    ) -> None:
        action, due_at = self._action, None
        if not expired:
            # Only the first request of an action is late by the wait of the action.
            if operation.name != LOGIN:
                due_at, action.due_at = action.due_at, None
            action.requests += 1
            if failure is not None:
                action.succeeded = False
        server_us, doubt = answer.server_time()
        remarks = answer.remarks
        if doubt is not None or token_remark is not None:
            remarks = tuple(remark for remark in (doubt, token_remark, *remarks) if remark)
        sample = Sample(
            self.run.series_of(self.role.slug, action.behaviour, operation),
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
        failure = (
            checks.content_failure(operation, body)
            or checks.echo_failure(operation, body, call.path)
            or checks.written_failure(operation, body, call.body)
            or checks.identity_failure(operation, body, self.user_id)
            or checks.owner_failure(operation, body, self.role, self.user_id, self.run.owners)
            or checks.parent_failure(operation, body, call.path, self.run.owners)
        )
        return body, failure

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
            self._asked.add(operation.yields)
            self.known |= {operation.yields: rows} if rows else {}
