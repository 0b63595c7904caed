"""Makes checks of correctness beside the users of one load process, within their share of its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gevent
from gevent.pool import Group

from perfsuite.correctness.catalogue import ENDED, OVER_BUDGET, SUITE_ERROR, WEIGHTS, Possible, all_checks
from perfsuite.correctness.check import Check, NotChecked, Outcome, Reply, Violated
from perfsuite.correctness.client import CheckClient
from perfsuite.correctness.drive import RecordingCarrier, carry_out
from perfsuite.correctness.evidence import exchanged
from perfsuite.correctness.schedule import Rule, Schedule
from perfsuite.load.lease import Permission
from perfsuite.load.sent import CountingTransport, SentCount
from perfsuite.measurements.recorder import Recorder
from perfsuite.model import Account
from perfsuite.model.correctness import CheckResult, CheckStep
from perfsuite.model.role import Role
from perfsuite.target.exchange import Transport
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What to check in one process.

    `share`: requests of checks per request of this process. `roles` and `accounts` by role slug.
    """

    share: float
    seed: int
    roles: Mapping[str, Role]
    accounts: Mapping[str, Sequence[Account]]
    possible: Possible


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
        self.sent = SentCount()
        self.sessions: dict[str, Session] = {}
        """Phone number → the session of a user of the load, whose login checks of the same account share."""
        self._client = CheckClient(
            run,
            order.roles,
            order.accounts,
            lambda: CountingTransport(make_transport(), self.sent, permission),
            GeventTurns(),
            lambda account: self.sessions.get(account.phone_number),
        )
        reasons = {check: order.possible.why_not(check) for check in all_checks()}
        self._schedule = Schedule(
            (check for check, why in reasons.items() if not why), order.share, order.seed, WEIGHTS
        )
        self._impossible = {check: why for check, why in reasons.items() if why}
        self._running: dict[Rule, int] = {}
        self._recorded = 0
        """Requests of checks that are in a record."""
        self._greenlets = Group()

    def loop(self, load: SentCount, failed: Callable[[BaseException, str], None]) -> None:
        """Begin a check whenever the load has earned one. `failed`: takes an error of the suite itself."""
        for check, why in self._impossible.items():
            self._record(check, NotChecked(why))
        self._impossible = {}
        while True:
            self._schedule.account(load.sent, self.sent.sent)
            due = self._schedule.next(self._running)
            if due is None:
                gevent.sleep(LOOK_EVERY_S)
            else:
                self._running[due.invariant, due.rule] = due.requests
                self._greenlets.spawn(self._check, due, failed)
                gevent.sleep(0)

    def _check(self, check: Check, failed: Callable[[BaseException, str], None]) -> None:
        outcome: Outcome = NotChecked(ENDED)
        carrier = RecordingCarrier(self._client)
        try:
            outcome = carry_out(check, self._client, carrier)
        except Exception as error:  # noqa: BLE001  counted as an error of the suite
            outcome = NotChecked(SUITE_ERROR)
            failed(error, f"the check {check.rule} of {check.operation}")
        finally:
            del self._running[check.invariant, check.rule]
            self._record(check, outcome, carrier.steps)

    def _record(self, check: Check, outcome: Outcome, steps: Sequence[CheckStep] = ()) -> None:
        sent, self._recorded = self.sent.sent - self._recorded, self.sent.sent
        if isinstance(outcome, Violated):
            evidence = tuple(exchanged(reply) for reply in outcome.replies)
            self._recorder.check_ended(
                check.key,
                CheckResult.VIOLATED,
                requests=sent,
                expected=outcome.expected,
                seen=outcome.seen,
                evidence=evidence,
                steps=tuple(steps),
            )
        elif isinstance(outcome, NotChecked):
            self._recorder.check_ended(check.key, CheckResult.NOT_CHECKED, requests=sent, why=outcome.why)
        else:
            self._recorder.check_ended(check.key, CheckResult.HELD, requests=sent)

    def finish(self) -> None:
        """The load is over: end what is under way, and say what was never reached."""
        self._greenlets.kill()
        for check, times in self._schedule.times.items():
            if not times:
                self._record(check, NotChecked(OVER_BUDGET))
        self._client.close()


class GeventTurns:
    """See Turns."""

    def wait(self, seconds: float) -> None:
        """See Turns."""
        gevent.sleep(seconds)

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        """See Turns: in one turn of the event loop."""
        greenlets = [gevent.spawn(call) for call in calls]
        gevent.joinall(greenlets, raise_error=True)
        return [greenlet.value for greenlet in greenlets]
