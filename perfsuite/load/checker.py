"""Makes checks of correctness beside the users of one load process, within their share of the whole load."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group

from perfsuite.clock import utc_s
from perfsuite.correctness.catalogue import WEIGHTS, all_checks
from perfsuite.correctness.check import Check, NotChecked, Outcome, Reply, Send, TokenKind, Unanswered, Violated
from perfsuite.correctness.client import CheckClient
from perfsuite.correctness.drive import RecordingCarrier, carry_out
from perfsuite.correctness.errors import BEFORE
from perfsuite.correctness.evidence import of_violation, secrets_of
from perfsuite.correctness.lists import UNCOUNTED
from perfsuite.correctness.permissions import REFUSED_TOKENS
from perfsuite.correctness.possible import ENDED, OVER_BUDGET, READ_ONLY_STAGE, SUITE_ERROR, possible_in
from perfsuite.correctness.schedule import RestOfLoad, Schedule
from perfsuite.load.lease import Permission
from perfsuite.load.sent import CountingTransport, SentCount
from perfsuite.measurements.recorder import Recorder
from perfsuite.model import Account, Plan, PreflightReport, Scenario
from perfsuite.model.correctness import SHARES, CheckResult, CheckStep
from perfsuite.model.role import Role
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session, SessionEnded

BEGIN_EVERY_S = 0.02
"""No more than one check begins in this time, however fast the load is."""
END_WITHIN_S = 2.0
"""So long the end of the load waits for answers to checks."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What to check in one process, and what not and why.

    `share`: requests of checks per request of the whole load. `roles` and `accounts` by role slug; these by their
    number in the credentials, from 1, those that the process uses first.
    """

    share: float
    seed: int
    scenario: Scenario
    roles: Mapping[str, Role]
    accounts: Mapping[str, Mapping[int, Account]]
    checks: Sequence[Check]
    impossible: Sequence[tuple[Check, str]] = ()
    refusals: Mapping[str, int] = field(default_factory=dict)
    uncounted: Mapping[str, int] = field(default_factory=dict)
    """Both as in `PreflightReport`."""


def check_order(
    plan: Plan, preflight: PreflightReport, roles: Sequence[Role], accounts: Sequence[Account], in_use: Collection[str]
) -> CheckOrder:
    """What a run with this plan checks. `in_use`: phone numbers of the accounts that this process uses; their logins
    cost the checks nothing."""
    of_role: dict[str, list[Account]] = {role.slug: [] for role in roles if plan.users_by_role.get(role.slug)}
    for account in accounts:
        if account.role in of_role:
            of_role[account.role].append(account)
    numbers = {
        slug: sorted(range(1, len(own) + 1), key=lambda number: own[number - 1].phone_number not in in_use)
        for slug, own in of_role.items()
    }
    used_first = {slug: {number: of_role[slug][number - 1] for number in known} for slug, known in numbers.items()}
    possible = possible_in(plan, preflight, {slug: len(found) for slug, found in of_role.items()})
    reasons = [(check, possible.why_not(check)) for check in all_checks(plan.mapping.allowed)]
    return CheckOrder(
        SHARES[plan.check_correctness],
        plan.seed,
        plan.scenario,
        {role.slug: role for role in roles},
        used_first,
        [check for check, why in reasons if not why],
        [(check, why) for check, why in reasons if why],
        preflight.refusals,
        preflight.uncounted,
    )


class Checker:
    """The checks of one process; `loop` runs as long as the load does."""

    def __init__(
        self,
        order: CheckOrder,
        run: RunState,
        recorder: Recorder,
        permission: Permission,
        make_transport: Callable[[], Transport],
    ) -> None:
        self._recorder = recorder
        self._secrets = secrets_of(chain.from_iterable(own.values() for own in order.accounts.values()), run.secrets)
        self.sent = SentCount()
        self.sessions: dict[str, Session] = {}
        """Phone number → the session of a user of the load, whose login checks of the same account share."""
        self.may_write = True
        self._concurrency = GeventConcurrency()
        self.client = CheckClient(
            run,
            order.roles,
            order.accounts,
            lambda: CountingTransport(make_transport(), self.sent, permission),
            self._concurrency,
            lambda account: self.sessions.get(account.phone_number),
        )
        self.client.known |= {BEFORE: order.refusals, UNCOUNTED: order.uncounted}
        self._rest = RestOfLoad(order.scenario)
        self.schedule = Schedule(order.checks, order.share, order.seed, WEIGHTS, self._rest.requests)
        self.client.may_repeat = lambda: self.schedule.may_repeat(self.sent.sent)
        self._impossible = list(order.impossible)
        self._recorded = 0
        """Requests of checks that are in a record."""
        self._load_before = 0
        """Requests of the load before these checks began, here and elsewhere: they have earned others."""
        self._elsewhere: int | None = None
        self._elsewhere_before = 0
        self._greenlets = Group()

    def loop(self, load: SentCount, start_at: float, failed: Callable[[BaseException, str], None]) -> None:
        """Begin a check whenever the load has earned one.

        `start_at`: of the load, UTC epoch s; `failed`: takes an error of the suite itself.
        """
        self._load_before = load.sent
        while self._impossible:
            check, why = self._impossible.pop()
            self._record(check, NotChecked(why))
        while True:
            due = None if self._concurrency.over.is_set() else self._due(load, utc_s() - start_at)
            if due is not None:
                self._greenlets.spawn(self._check, due, failed)
            gevent.sleep(BEGIN_EVERY_S)

    def note_elsewhere(self, requests: int) -> None:
        """How many requests of the load other processes have made so far."""
        if self._elsewhere is None:
            self._elsewhere_before = requests
        self._elsewhere = requests

    def _due(self, load: SentCount, at_s: float) -> Check | None:
        elsewhere = (self._elsewhere or 0) - self._elsewhere_before
        sent = load.sent - self._load_before + elsewhere
        self._rest.note(at_s, sent)
        return self.schedule.next(sent, self.sent.sent, self._logins, may_write=self.may_write)

    def _logins(self, check: Check) -> int:
        return self.client.logins(check.actors)

    def _check(self, check: Check, failed: Callable[[BaseException, str], None]) -> None:
        outcome: Outcome = NotChecked(ENDED)
        carrier = RecordingCarrier(_Carrier(self, check), self.client.name)
        try:
            outcome = carry_out(check, self.client, carrier)
        except SessionEnded:
            pass  # a login of it was cut off
        except Exception as error:  # noqa: BLE001  counted as an error of the suite
            outcome = NotChecked(SUITE_ERROR)
            failed(error, f"the check {check.rule!r} of {check.operation}")
        finally:
            self.schedule.ended(check)
            if self._concurrency.over.is_set() and isinstance(outcome, NotChecked):
                outcome = NotChecked(ENDED)
            self._record(check, outcome, carrier.steps)

    def _record(self, check: Check, outcome: Outcome, steps: Sequence[CheckStep] = ()) -> None:
        sent, self._recorded = self.sent.sent - self._recorded, self.sent.sent
        result, found = CheckResult.HELD, dict[str, Any]()
        if isinstance(outcome, Violated):
            result = CheckResult.VIOLATED
            found = of_violation(outcome, steps, self._secrets, self.client.name)
        elif isinstance(outcome, NotChecked):
            result, found = CheckResult.NOT_CHECKED, {"why": outcome.why}
        self._recorder.check_ended(check.key, result, requests=sent, **found)

    def why_not_now(self, check: Check, sends: Sequence[Send]) -> str:
        """Why a check under way must not send these; "" where it may."""
        if self._concurrency.over.is_set():
            return ENDED
        if all(send.restores for send in sends):
            return ""
        if not self.may_write and any(CATALOGUE[send.operation].writes for send in sends):
            return READ_ONLY_STAGE
        return ""

    def lacks_budget(self, check: Check, sends: Sequence[Send]) -> bool:
        """The load has not earned these yet."""
        restores, logins = all(send.restores for send in sends), self.client.logins(send.actor for send in sends)
        return not self.schedule.grants(check, len(sends), self.sent.sent, logins=logins, restores=restores)

    # ── the end ────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """The load is over: no check sends anything more, and none waits; answers under way may come."""
        self._concurrency.over.set()

    def finish(self) -> None:
        """End what is under way, and say what was never reached."""
        self.stop()
        self._greenlets.join(END_WITHIN_S)
        self._greenlets.kill()
        for check in self.schedule.never_begun:
            self._record(check, NotChecked(self._why_never_begun(check)))
        self.client.close()

    def _why_never_begun(self, check: Check) -> str:
        """No budget helps where no token expires."""
        needs_expired = check.rule == REFUSED_TOKENS[TokenKind.EXPIRED]
        return (needs_expired and self.client.why_none_expired(check.actors[0])) or OVER_BUDGET


class _Carrier:
    """Of one check: says how much it sends. It sends nothing when the load is over, and writes only where it may."""

    def __init__(self, checker: Checker, check: Check) -> None:
        self._checker, self._check = checker, check

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """See Carrier. Waits until the load has earned them."""
        while True:
            if why := self._checker.why_not_now(self._check, sends):
                raise Unanswered(why)
            if not self._checker.lacks_budget(self._check, sends):
                break
            self.wait(BEGIN_EVERY_S)
        replies = self._checker.client.exchange(sends)
        self._checker.schedule.sent(self._check, len(sends))
        return replies

    def wait(self, seconds: float) -> None:
        """See Carrier."""
        self._checker.client.wait(seconds)


class GeventConcurrency:
    """See Concurrency. `over`: nobody waits any more."""

    def __init__(self) -> None:
        self.over = Event()

    def wait(self, seconds: float) -> None:
        """See Concurrency."""
        self.over.wait(seconds)

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        """See Concurrency: in one turn of the event loop. Raises what the first of them raised, in this one only."""
        greenlets = [gevent.spawn(_caught, call) for call in calls]
        try:
            gevent.joinall(greenlets)
        finally:
            gevent.killall(greenlets)
        found = [greenlet.value for greenlet in greenlets]
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return found


def _caught(call: Callable[[], Reply]) -> Reply | BaseException:
    try:
        return call()
    except (Exception, SessionEnded) as error:  # noqa: BLE001  raised where it is waited for
        return error
