"""What a worker does for its master: checks that it can make the load, makes it, and hands over what was recorded."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from perfsuite.errors import EXIT_SAFETY, EXIT_TARGET, EXIT_USAGE
from perfsuite.load.channel import ChannelProblem
from perfsuite.load.checker import CheckOrder, check_order
from perfsuite.load.file_growth import FileGrowth
from perfsuite.load.install import Hooks, install
from perfsuite.load.locust_count import note_own_listeners
from perfsuite.load.messages import (
    EXIT_BROKEN,
    Ack,
    Checked,
    Drain,
    Drained,
    Load,
    Placed,
    Refused,
    Seats,
    UserSeat,
    Welcome,
)
from perfsuite.load.outbox import Outbox
from perfsuite.load.reach import reach
from perfsuite.load.schedule import SessionAssignment
from perfsuite.load.state import LoadOrder, LoadState
from perfsuite.load.users import user_classes
from perfsuite.load.versions import digest_of_accounts, version_of_module
from perfsuite.load.worker_runner import SuiteWorker, WorkerJob
from perfsuite.messages import Message
from perfsuite.messages.load import WorkerMessage
from perfsuite.model import Account, Plan, PreflightReport, WorkerStart
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.role import Role
from perfsuite.roles.work import roles_of
from perfsuite.suite_errors import SuiteErrorLog
from perfsuite.target.hosts import is_allowed

EXIT_LOST = 1
"""Of a worker that the master gave up, or that lost its master."""


@dataclass(slots=True)
class _Offer:
    """A load that this worker was offered and can make."""

    load: Load
    plan: Plan
    preflight: PreflightReport
    roles: tuple[Role, ...]
    outbox: Outbox
    users: Seats | None = None
    """The first that came; None before."""


class LoadJob(WorkerJob):
    """One worker, from its hello to its last acknowledged batch. `end` ends the process: exit code, and a line."""

    def __init__(
        self,
        environment: Any,
        folder: Path,
        start: WorkerStart,
        end: Callable[[int, Message | None], NoReturn],
        note: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        """`note`: shows what becomes of the worker."""
        self._note = note
        self._environment = environment
        self._folder = folder
        self._start, self.master_gone_s = start, start.master_gone_s
        self._end_process = end
        self._ended_by: tuple[int, Message | None] | None = None
        self._accounts = {(one.phone_number, one.role): one for one in start.secrets.accounts}
        self._numbers: set[int] = set()
        self._offer: _Offer | None = None
        self._runner: SuiteWorker
        self._drained: Drained | None = None
        self._draining = False
        self._is_checking = False
        self._placed = self._rates = 0
        self._has_joined = False
        self.name = "worker"
        self.hooks = Hooks(self._make_load, stopping=lambda _load: None, after=lambda _load: None)
        install(environment, self.hooks)

    # ── between worker and master ──────────────────────────────────────────────────────────────────

    def listen(self, runner: SuiteWorker) -> None:
        """Register for the master's messages."""
        self._runner = runner
        if not self.reports_to_locust:
            note_own_listeners(self._environment)
        runner.listen(Load, self._take_offer, concurrent=True)
        runner.listen(Seats, self._take_users)
        runner.listen(Ack, self._take_ack)
        runner.listen(Drain, self._drain, concurrent=True)

    def waiting_for_master(self, runner: SuiteWorker, seconds: float) -> None:
        """Give up after a while, at once where waiting does not help."""
        where = f"{runner.master_host}:{runner.master_port}"
        problem = runner.problem()
        if problem is ChannelProblem.REFUSED:
            self._end(EXIT_USAGE, WorkerMessage.WRONG_TOKEN(master=where))
        if seconds > self._start.master_within_s:
            self._end(EXIT_TARGET, WorkerMessage.NO_MASTER(master=where, waited_s=seconds))

    def welcome(self, welcome: Welcome) -> None:
        """The name in the records of this worker."""
        self.name, self._has_joined = welcome.name, True

    def refused(self, refusal: Refused) -> NoReturn:
        """The master does not want this worker, or no longer."""
        if refusal.lost:
            self._end(EXIT_LOST, WorkerMessage.GIVEN_UP(why=refusal.why))
        self._end(EXIT_USAGE, WorkerMessage.REFUSED(why=refusal.why))

    def master_gone(self, silent_s: float) -> NoReturn:
        """The master has died, or the network to it."""
        if self._drained is not None:
            self._end(0, None)
        kept = self._offer.outbox.unacknowledged if self._offer is not None else 0
        self._end(EXIT_LOST, WorkerMessage.MASTER_GONE(silent_s=silent_s, batches=kept))

    def quit(self) -> bool:
        """The master ends this worker."""
        if self._drained is None and self._offer is not None:
            self._end(EXIT_LOST, WorkerMessage.MASTER_ENDED())
        self._end(0, None)

    def retarget(self, users: int) -> None:
        """So many users are wanted from now on."""
        if self.load is not None:
            self.load.retarget(users)

    def state(self) -> dict[str, Any]:
        """What the master compares with what it ordered: an order that the network lost is sent again."""
        return {
            "seats": len(self._numbers),
            "target": self._runner.target_user_count,
            "placed": self._placed,
            "done": self.load.users_done if self.load is not None else 0,
            "done_at": self.load.first_done_at if self.load is not None else 0.0,
            "rates": self._rates,
            "offered": int(self._offer is not None or self._is_checking),
        }

    # ── checking ───────────────────────────────────────────────────────────────────────────────────

    def _take_offer(self, load: Load) -> None:
        if self._is_checking:
            return
        if self._offer is not None and self._offer.load == load:
            self._runner.say(Checked("", *self._runner.clock_ms()))  # the first one was lost on its way
            return
        self._is_checking = True
        with self.counting("checking the load"):
            plan = msgspec.json.decode(load.plan, type=Plan)
            if not self._start.local:
                # What this machine may load, and how it reaches it, its own files say.
                access = self._start.connection.over(plan.access)
                plan = replace(plan, access=access, allowed_hosts=self._start.allowed_hosts)
                self._check(load, plan)
            self._prepare(load, plan)
            self._runner.say(Checked("", *self._runner.clock_ms()))
            if not self._start.local:
                master = f"{self._start.master_host}:{self._start.master_port}"
                self._note(WorkerMessage.JOINED(run=plan.run_id, master=master))
        self._is_checking = False

    def _check(self, load: Load, plan: Plan) -> None:
        """Report it to the master, and end, where this machine cannot make the load."""
        needed = [account for account in self._accounts.values() if account.role in plan.users_by_role]
        if not is_allowed(plan.host, plan.allowed_hosts):
            self._cannot(EXIT_SAFETY, WorkerMessage.HOST_NOT_ALLOWED(host=plan.host))
        if version_of_module(plan.roles_module) != load.roles:
            self._cannot(EXIT_USAGE, WorkerMessage.OTHER_ROLES(module=plan.roles_module))
        if digest_of_accounts(needed) != load.accounts:
            self._cannot(EXIT_USAGE, WorkerMessage.OTHER_ACCOUNTS(here=len(needed)))
        if {name for name, _value in self._start.secrets.headers} != set(plan.access.header_names):
            self._cannot(EXIT_USAGE, WorkerMessage.OTHER_HEADERS(names=plan.access.header_names))
        why = self._unreachable(plan)
        if why:
            self._cannot(EXIT_TARGET, WorkerMessage.NO_TARGET(host=plan.host, why=why))

    def _unreachable(self, plan: Plan) -> str:
        """Why this machine cannot reach the target; "" where it can."""
        return reach(plan, self._start.secrets)

    def _cannot(self, exit_code: int, why: Message) -> NoReturn:
        self._ended_by = exit_code, why
        self._runner.say(Checked(str(why)))
        self._end(exit_code, why)

    def _end(self, exit_code: int, why: Message | None) -> NoReturn:
        """The first reason counts: a master that hears of it answers with its own, at once."""
        self._ended_by = self._ended_by or (exit_code, why)
        self._end_process(*self._ended_by)

    def _prepare(self, load: Load, plan: Plan) -> None:
        roles = roles_of(plan.scenario, importlib.import_module(plan.roles_module).ROLES)
        preflight = msgspec.json.decode(load.preflight, type=PreflightReport)
        outbox = Outbox(
            self._runner.say,
            time.perf_counter,
            every_s=load.report_every_s,
            turn=load.index,
            files=None if self._start.local else FileGrowth(self._folder),
            clock=self._runner.clock_ms,
        )
        if not self._environment.user_classes:  # plain Locust has made its own
            self._environment.user_classes = user_classes(roles)
        self._environment.host, self._environment.stop_timeout = plan.host, plan.stop_timeout_s
        self._numbers.clear()
        self._placed = 0
        self._environment.agentmitra_load = None
        self._drained, self._draining = None, False
        self._offer = _Offer(load, plan, preflight, roles, outbox)

    # ── the load ───────────────────────────────────────────────────────────────────────────────────

    @property
    def load(self) -> LoadState | None:
        """The load that is being made; None before its first user."""
        return getattr(self._environment, "agentmitra_load", None)

    @property
    def makes_load(self) -> bool:  # type: ignore[override]
        """Its users have begun."""
        return self.load is not None

    def _take_users(self, users: Seats) -> None:
        with self.counting("the order to take users"):
            seats = [seat for seat in users.seats if seat.number not in self._numbers]
            accounts = [self._account(seat) for seat in seats]
            before, self._numbers = self._numbers, {seat.number for seat in users.seats}
            offer = self._offer
            if offer is None:
                raise AssertionError("users come after a load")
            if self.is_leaving:
                return
            if self.load is None:
                offer.users = users
            else:
                self.load.accounts.add(accounts, [seat.number for seat in seats])
                self.load.accounts.remove(before - self._numbers)
                self.load.assignment.change(users.from_s, users.sessions)
                self.load.change_rate(users.rates)
                self.load.begin_checks(self._checks(offer, users))
            self._rates = len(users.rates)

    @property
    def is_leaving(self) -> bool:  # type: ignore[override]
        """Its load is over, or about to be: no user starts any more."""
        return self._draining or self._drained is not None

    def _account(self, seat: UserSeat) -> Account:
        account = self._accounts.get((seat.phone_number, seat.role))
        if account is None:
            self._cannot(EXIT_USAGE, WorkerMessage.OTHER_ACCOUNTS(here=len(self._accounts)))
        return account

    def _make_load(self, _environment: Any) -> LoadState:
        offer, secrets = self._offer, self._start.secrets
        if offer is None or offer.users is None:
            raise AssertionError("load begins with users")
        order = LoadOrder(
            offer.plan,
            self._folder,
            tuple(self._account(seat) for seat in offer.users.seats),
            {role.slug: offer.preflight.left_out(role.slug) for role in offer.roles},
            frozenset(offer.preflight.dead_behaviours),
            self.name,
            offer.load.index,
            offer.users.start_at,
            secrets.headers,
            tuple(seat.number for seat in offer.users.seats),
            secrets.key_password,
            self._checks(offer, offer.users),
            () if offer.plan.check_correctness is CheckLevel.OFF else tuple(self._accounts.values()),
        )
        load = LoadState(
            order,
            offer.outbox,
            on_placed=self._report_placed,
            on_mute=lambda error: self._die_of(error, "handing over what was recorded"),
            permission=self._runner.lease,
        )
        sessions = offer.users.sessions
        working = [role for role in offer.roles if role.slug in sessions]
        assignment = SessionAssignment({})
        assignment.change(offer.users.from_s, sessions)  # what was due before was for others
        load.change_rate(offer.users.rates)
        load.begin_arrivals(working, {role.slug: role.weight for role in working}, assignment)
        return load

    def _checks(self, offer: _Offer, users: Seats) -> CheckOrder | None:
        """None where another process makes the checks, or nobody does."""
        if not users.checks or offer.plan.check_correctness is CheckLevel.OFF:
            return None
        in_use = {seat.phone_number for seat in users.seats}
        return check_order(offer.plan, offer.preflight, offer.roles, list(self._accounts.values()), in_use)

    def _report_placed(self, users: int) -> None:
        self._placed = users
        self._runner.say(Placed(users))

    def _take_ack(self, ack: Ack) -> None:
        if self._offer is not None:
            self._offer.outbox.on_ack(ack)
        if self.load is not None and self.load.checker is not None:
            self.load.checker.note_elsewhere(ack.elsewhere)

    def _drain(self, drain: Drain) -> None:
        """Finish; asked once more, say again that it is done."""
        if self._drained is None and not self._draining:
            self._draining = True
            with self.counting("the end of the load"):
                self.hooks.reason = drain.reason
                self._runner.drain()
            outbox = self._offer.outbox if self._offer is not None else None
            self._drained = Drained(outbox.batches, outbox.requests) if outbox is not None else Drained(0, 0)
        if self._drained is not None:
            self._runner.say(self._drained)

    def leave(self, reason: str) -> None:
        """Somebody ends this worker before the load is over: finish in order. Before it has joined, that is nothing."""
        if self._has_joined:
            self._drain(Drain(reason))

    # ── errors of the suite itself ─────────────────────────────────────────────────────────────────

    @contextmanager
    def counting(self, during: str) -> Iterator[None]:
        """An error in the block is counted. Where there is no load yet that could report it, this process ends by it.

        So it does where the operating system fails it: there is no use in trying again.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001  no error of the suite may disappear
            if self.load is None or isinstance(error, OSError):
                self._die_of(error, during)
            self.load.failed(error, during)

    def heard(self, error: BaseException, during: str) -> None:
        """An error that nobody but Locust or gevent saw."""
        if self.load is None:
            self._die_of(error, during)
        else:
            self.load.errors.add_unless_counted(error, during)

    def _die_of(self, error: BaseException, during: str) -> NoReturn:
        own = SuiteErrorLog(self._folder, self._start.secrets.texts)
        errors = self.load.errors if self.load is not None else own
        errors.add_unless_counted(error, during)
        os._exit(EXIT_BROKEN)
