"""Takes a fingerprint: each operation of each role alone, one user at a time."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from perfsuite.fingerprint.cost import CostSample, OperationBatch, batch_of, cost_of
from perfsuite.fingerprint.readings import (
    PollingClock,
    StatementStatistics,
    StatisticsReader,
    StatisticsSnapshot,
    between,
)
from perfsuite.fingerprint.statements import EntryCache, ForeignTraffic, cut
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model import LOGIN, Account, Plan
from perfsuite.model.fingerprint import CostState, Fingerprint, OperationCost
from perfsuite.model.role import Call, Role, Step
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, makers_first
from perfsuite.target.exchange import LastRequest, Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_QUIET_PER_OPERATION_S = 0.015
_ATTEMPTS = 2
"""How often requests are repeated that met other traffic, or that differ without an explanation."""
_ASK_AGAIN_S = 2.0
_LONGEST_NAME = 60
_UNEXPLAINED = 500
"""Transactions from before the start that a server may report late."""


@dataclass(frozen=True, slots=True)
class FingerprintSettings:
    """How to take it. `dsn`: the database behind the target.

    `cold_wait_s`: how long to repeat operations that only a cache answered (filled by another role, say), until it
    expires. The cost of what a cache still answers then is not known.
    `within_s`: no operation begins later; the cost of those left is not known. None: no limit.
    `begun` is called once the statistics can be read, `report` for every role.
    `ignored_users`: database users whose statements are left out, such as a monitor's.
    """

    dsn: str = field(repr=False)
    repeats: int = 5
    cold_wait_s: float = 35.0
    quiet_s: float = 1.0
    within_s: float | None = None
    ignored_users: tuple[str, ...] = ()
    begun: Callable[[], None] = field(default=lambda: None, repr=False)
    report: Callable[[str], None] = field(default=lambda _line: None, repr=False)


def fingerprint(
    plan: Plan,
    roles: Sequence[Role],
    accounts: Iterable[Account],
    run: RunState,
    connect: Callable[[], Transport],
    settings: FingerprintSettings,
) -> Fingerprint:
    """What every operation of `roles` costs the database. `run` keeps a journal of the rows that it creates.

    Operations that `run` leaves out are not called, nor are writes of a read-only plan.
    Raises UsageError and TargetError, one line each, when the statistics cannot be read.
    """
    from perfsuite.fingerprint.database import opened_statistics  # its driver takes a while to import

    with opened_statistics(settings.dsn, settings.ignored_users) as statistics:
        settings.begun()
        transport = connect()
        try:
            taker = FingerprintRun(plan, run, statistics, settings)
            first = {account.role: account for account in reversed(tuple(accounts))}
            callers = [Caller(role, first[role.slug], transport, run) for role in roles if role.slug in first]
            return taker.take(roles, callers)
        finally:
            transport.close()


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made. `failure` names kind and status only: the target's own words may hold values."""

    elapsed_ms: float
    failure: str
    answered_rows: int | None


class Caller:
    """One user of a role, calling its operations one by one."""

    def __init__(self, role: Role, account: Account, transport: Transport, run: RunState) -> None:
        self.role = role
        self._last = LastRequest()
        self._session = Session(role, account, transport, run, self._last)

    @property
    def requests(self) -> int:
        """Requests made so far, those for arguments too."""
        return self._last.count

    def begin(self, operation: str) -> None:
        """Make the same choices from here as in every other fingerprint, however many repeats came before.

        Renews a token that is due now, so that no call is measured with a login.
        """
        if operation != LOGIN and not self._session.logged_in:
            self._session.login()
        self._session.random = random.Random(f"{self.role.slug}/{operation}")
        for kind in tuple(self._session.chosen):
            self._session.pick(kind)  # steps about the row chosen last; one that was made (kind "created …") stays

    def arguments(self, step: Step) -> Call | None:
        """The arguments that the role would use; None when the target has no data for it. May ask for a list."""
        return step.arguments(self._session)

    def call(self, name: str, arguments: Call) -> Called:
        """Make one request. A login in between is a failure: its cost would be part of the operation's."""
        operation, requests = CATALOGUE[name], self.requests
        body = ({} if self._session.login() else None) if name == LOGIN else self._session.call(operation, arguments)
        sample = self._last.sample
        if sample is None:
            raise AssertionError("a session reports every request to its observer")
        elapsed_ms = sample.elapsed_us / 1000
        if sample.failure is not None or body is None or self.requests != requests + 1:
            kind = sample.failure.kind.value if sample.failure else "login again"
            status = f", HTTP {sample.status}" if sample.status else ""
            return Called(elapsed_ms, FingerprintMessage.FAILED(why=kind + status), None)
        rows = checks.rows_of(operation, body) if operation.lists is not None else None
        return Called(elapsed_ms, "", None if rows is None else len(rows))


@dataclass(slots=True)
class _Pending:
    """An operation of which no call has reached the database so far."""

    caller: Caller
    blank: OperationCost
    steps: tuple[Step, ...]
    samples: list[CostSample]


class FingerprintRun:
    """Takes one fingerprint."""

    def __init__(
        self,
        plan: Plan,
        run: RunState,
        statistics: StatementStatistics,
        settings: FingerprintSettings,
        clock: PollingClock | None = None,
    ) -> None:
        self._plan = plan
        self._run = run
        self._statistics = statistics
        self._settings = settings
        self._clock = clock or PollingClock()
        self._reader = StatisticsReader(statistics, self._clock)
        self._entries = EntryCache(statistics)
        self._foreign = ForeignTraffic()
        self._costs: dict[tuple[str, str], OperationCost] = {}
        self._pending: list[_Pending] = []
        self._active: Counter[tuple[str, str]] = Counter()
        self._active_in_quiet: Counter[tuple[str, str]] = Counter()
        self._last: StatisticsSnapshot | None = None
        self._until_s = self._clock.now_s() + (math.inf if settings.within_s is None else settings.within_s)

    def take(self, roles: Sequence[Role], callers: Sequence[Caller]) -> Fingerprint:
        """Reads first, without the rows that the writes make; then writes, makers of rows first."""
        taken_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        begin, transactions = self._reader.reading(), self._statistics.transactions()
        self._stay_quiet(self._settings.quiet_s)
        for caller in callers:
            self._settings.report(FingerprintMessage.ROLE(role=caller.role.title))
            self._take_reads(caller)
        in_order = {role.slug: position for position, role in enumerate(makers_first(roles))}
        for caller in sorted(callers, key=lambda each: in_order[each.role.slug]):
            self._take_writes(caller)
        self._wait_for_caches()
        end = self._reader.reading()
        operations = tuple(self._cost(role, name) for role in roles for name in (LOGIN, *role.steps_by_operation))
        return Fingerprint(
            run_id=self._plan.run_id,
            host=self._plan.host,
            taken_at=taken_at,
            repeats=self._settings.repeats,
            database=self._statistics.info,
            operations=operations,
            foreign=self._foreign.found(self._entries.known(())),
            notes=tuple(self._notes(operations, begin, end, self._statistics.transactions() - transactions)),
        )

    # ── one role ───────────────────────────────────────────────────────────────────────────────────

    def _take_reads(self, caller: Caller) -> None:
        self._measure(caller, LOGIN, ())
        if self._costs[caller.role.slug, LOGIN].known is CostState.NOT_MEASURED:
            return
        for name, steps in caller.role.steps_by_operation.items():
            if not CATALOGUE[name].writes:
                self._measure(caller, name, steps)

    def _take_writes(self, caller: Caller) -> None:
        """The writes, and the reads that need a row that a write makes."""
        if self._costs[caller.role.slug, LOGIN].known is CostState.NOT_MEASURED:
            return
        for name, steps in caller.role.steps_by_operation.items():
            if (caller.role.slug, name) not in self._costs:
                self._measure(caller, name, steps)

    def _measure(self, caller: Caller, name: str, steps: tuple[Step, ...]) -> None:
        blank = _blank(caller.role.slug, name)
        if reason := self._left_out(blank):
            self._costs[blank.role, name] = replace(blank, reason=reason)
            return
        if self._clock.now_s() >= self._until_s:
            reason = str(FingerprintMessage.NO_TIME(limit_s=self._settings.within_s or 0.0))
            self._costs[blank.role, name] = replace(blank, known=CostState.UNKNOWN, reason=reason)
            return
        samples = self._samples(caller, blank, steps)
        if not samples:
            return  # no data: perhaps when the writes have made some
        batch, repeated = self._batch(samples), False
        notes: tuple[str, ...] = ()
        for _attempt in range(_ATTEMPTS):
            if batch.sure or repeated or blank.writes:
                break
            why = batch.doubt or FingerprintMessage.ODD_STATEMENTS()
            notes = (str(FingerprintMessage.MEASURED_AGAIN(why=why)),)
            before, samples = batch, self._samples(caller, blank, steps)
            batch = self._batch(samples)
            repeated = not batch.doubt and before.variants == batch.variants
        cost = cost_of(blank, batch, repeated=repeated)
        self._costs[blank.role, name] = replace(cost, notes=cost.notes + notes) if batch.sure else cost
        if (
            batch.sure
            and not batch.reached
            and not batch.failure
            and not blank.writes
            and CATALOGUE[name].needs_database
        ):
            self._pending.append(_Pending(caller, blank, steps, samples))

    def _left_out(self, blank: OperationCost) -> str:
        if self._run.leaves_out(blank.role, blank.operation):
            return str(FingerprintMessage.LEFT_OUT())
        if blank.writes and self._plan.read_only:
            return str(FingerprintMessage.READ_ONLY())
        return ""

    def _batch(self, samples: Sequence[CostSample]) -> OperationBatch:
        return batch_of(samples, self._entries.of(sample.delta for sample in samples), self._foreign)

    # ── requests ───────────────────────────────────────────────────────────────────────────────────

    def _samples(self, caller: Caller, blank: OperationCost, steps: tuple[Step, ...]) -> list[CostSample]:
        """The warm-up, the repeats, and for reads one more call with the arguments of the last."""
        caller.begin(blank.operation)
        self._stay_quiet(_QUIET_PER_OPERATION_S)
        samples: list[CostSample] = []
        asked: list[Call] = []
        for call in range(1 + self._settings.repeats):
            arguments = self._arguments(caller, steps, call)
            if arguments is None:
                return samples
            asked.append(arguments)
            sample = self._sample(caller, blank.operation, arguments)
            samples.append(replace(sample, call=call, arguments=asked.index(arguments)))
            if sample.failure:
                return samples
        if not blank.writes and blank.operation != LOGIN:
            again = self._sample(caller, blank.operation, asked[-1])
            samples.append(replace(again, call=len(asked), arguments=samples[-1].arguments, again=True))
        return samples

    def _arguments(self, caller: Caller, steps: tuple[Step, ...], call: int) -> Call | None:
        if not steps:
            return Call()
        requests = caller.requests
        arguments = caller.arguments(steps[call % len(steps)])
        if caller.requests != requests:
            self._last = None  # the requests for the arguments are not part of the operation
        return arguments

    def _sample(self, caller: Caller, operation: str, arguments: Call) -> CostSample:
        before = self._last or self._reader.reading()
        called = caller.call(operation, arguments)
        self._last = self._reader.reading()
        delta = between(before, self._last)
        self._active.update(delta.active)
        return CostSample(0, 0, delta, round(called.elapsed_ms, 3), called.answered_rows, called.failure)

    def _stay_quiet(self, duration_s: float) -> None:
        quiet = self._reader.quiet(duration_s, self._last)
        self._foreign.add(quiet)
        self._active_in_quiet.update(quiet.active)
        self._entries.of_most(quiet)
        self._last = None

    # ── caches ─────────────────────────────────────────────────────────────────────────────────────

    def _wait_for_caches(self) -> None:
        """Repeat the first call of each pending operation until the database answers it."""
        until_s = self._clock.now_s() + self._settings.cold_wait_s
        self._ask_pending()  # the writes may have emptied caches
        if self._pending and self._settings.cold_wait_s > 0:
            self._settings.report(FingerprintMessage.WAITING_FOR_CACHES(limit_s=self._settings.cold_wait_s))
        while self._pending and self._clock.now_s() < until_s:
            self._stay_quiet(min(_ASK_AGAIN_S, max(until_s - self._clock.now_s(), 0.0)))
            self._ask_pending()
        for each in self._pending:
            key = (each.blank.role, each.blank.operation)
            reason = str(FingerprintMessage.NOT_REACHED())
            self._costs[key] = replace(self._costs[key], known=CostState.UNKNOWN, reason=reason)

    def _ask_pending(self) -> None:
        self._pending = [each for each in self._pending if self._asked_in_vain(each)]

    def _asked_in_vain(self, pending: _Pending) -> bool:
        requests = pending.caller.requests
        pending.caller.begin(pending.blank.operation)
        if pending.caller.requests != requests:
            self._last = None  # a login in between is not part of the operation
        arguments = self._arguments(pending.caller, pending.steps, 0)
        if arguments is None:
            return True
        sample = self._sample(pending.caller, pending.blank.operation, arguments)
        batch = self._batch([sample, *pending.samples[1:]])
        if not batch.reached or batch.failure or not batch.sure:
            return True
        self._costs[pending.blank.role, pending.blank.operation] = cost_of(pending.blank, batch)
        return False

    # ── the whole ──────────────────────────────────────────────────────────────────────────────────

    def _cost(self, role: Role, name: str) -> OperationCost:
        blank = _blank(role.slug, name)
        found = self._costs.get((role.slug, name))
        if found is not None:
            return found
        login = self._costs.get((role.slug, LOGIN))
        if login is None:
            return replace(blank, reason=str(FingerprintMessage.NO_ACCOUNT()))
        if login.known is CostState.NOT_MEASURED:
            return replace(blank, reason=str(FingerprintMessage.NO_LOGIN()))
        return replace(blank, reason=str(FingerprintMessage.NO_ID()))

    def _notes(
        self, operations: Sequence[OperationCost], begin: StatisticsSnapshot, end: StatisticsSnapshot, transactions: int
    ) -> list[str]:
        notes = list(self._statistics.notes)
        if not any(cost.statements for cost in operations):
            notes.append(FingerprintMessage.NO_STATEMENT())
        whole = between(begin, end)
        statements = sum(counters.calls for counters in whole.statements.values())
        if not whole.trouble and transactions > statements + self._statistics.asked + _UNEXPLAINED:
            unexplained = transactions - statements - self._statistics.asked
            notes.append(FingerprintMessage.UNEXPLAINED(transactions=unexplained))
        return [*map(str, notes), *self._other_clients()]

    def _other_clients(self) -> list[str]:
        """Clients that worked while nothing was asked, and those that worked during requests besides the backend."""
        in_quiet = (FingerprintMessage.ACTIVE_CLIENT(client=_named(who)) for who in sorted(self._active_in_quiet))
        # The most active client during requests is the backend.
        others = [each for each in self._active.most_common() if each[0] not in self._active_in_quiet][1:]
        beside = (FingerprintMessage.OTHER_CLIENT(requests=count, client=_named(who)) for who, count in others)
        return [*map(str, in_quiet), *map(str, beside)]


def _named(who: tuple[str, str]) -> str:
    user, application = who
    return f"{cut(application, _LONGEST_NAME) or 'without a name'} (user {user})"


def _blank(role: str, name: str) -> OperationCost:
    operation = CATALOGUE[name]
    return OperationCost(role, name, operation.method, operation.template, operation.writes, CostState.NOT_MEASURED)
