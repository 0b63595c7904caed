"""The load of a run, started and followed to its end: progress, interruptions, a target that is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from perfsuite.clock import utc_s
from perfsuite.errors import SuiteError
from perfsuite.judge import live_targets
from perfsuite.measurements import records as measurements
from perfsuite.model import INTERRUPTED, LOAD_DIED, SUITE_FAILED, TARGET_LOST, Account, LiveSnapshot, Plan, Secrets
from perfsuite.monitor import LoadSide, Sampler
from perfsuite.roles import ROLES
from perfsuite.run.context import Desk, Listener, Screen
from perfsuite.run.load_process import LoadProcess
from perfsuite.run.monitoring import watching
from perfsuite.summary.live import Live

TARGET_LOST_S = 10
"""A target that gives no answer at all for this long is lost: the load stops."""
_LOOK_EVERY_S = 0.2
_REMEMBERED_S = 30
_END_WITHIN_S = 60.0
"""How long a load that is ended for an error of the suite may take; it drains within 45 s."""
_GRACE_S = 120.0
"""How long the load process may take beyond its plan before it is ended: 60 s for a slow start, 45 s to drain."""


def make_load(
    plan: Plan,
    accounts: tuple[Account, ...],
    folder: Path,
    desk: Desk,
    start: Callable[[Path, Secrets], LoadProcess] = LoadProcess,
) -> str:
    """Make the load; how it ended. Interruptions are to be held meanwhile: it looks for them.

    An error of the suite that nobody expected ends the load in order, so that what was measured can be reported.
    """
    needed = tuple(account for account in accounts if plan.users_by_role.get(account.role))
    with watching(plan, folder, desk) as sampler:
        followed = _Followed(plan, folder, sampler, desk)
        process = start(folder, Secrets(needed, desk.headers))
        ended = SUITE_FAILED
        try:
            ended = _follow(process, followed, desk)
            followed.read()  # what was recorded after the last look
            desk.screen.progress(followed.moment())
        except SuiteError:
            raise
        except Exception as error:  # noqa: BLE001  what was measured so far is worth a report
            desk.screen.warn(desk.errors.note(error, "the load was followed"))
            _let_end(process, desk)
        finally:
            process.close()
            desk.screen.load_over()
        return ended


def _let_end(process: LoadProcess, desk: Desk) -> None:
    """Requests in flight may finish, unless somebody asks twice for the end."""
    process.stop(SUITE_FAILED)
    deadline = time.monotonic() + _END_WITHIN_S
    while process.running and time.monotonic() < deadline and desk.interrupts.count < 2:
        time.sleep(_LOOK_EVERY_S)


class _Followed:
    """A run under way, as its records and the monitors tell it."""

    def __init__(self, plan: Plan, folder: Path, sampler: Sampler | None, desk: Desk) -> None:
        self.plan = plan
        self._folder = folder
        self._tail, self._live = measurements.Tail(folder / measurements.FILE_NAME), Live(plan)
        self._side = LoadSide(keep_s=_REMEMBERED_S)
        self._sampler, self._listener, self._desk = sampler, desk.listener, desk
        self._said: set[tuple[str, str]] = set()
        self.broke = False
        """A part of a load process died without which the load says nothing; who leads it ends it."""
        self._listen(lambda listener: listener.load_begins(plan))

    def read(self) -> None:
        """Take in what was recorded since the last call."""
        records = self._tail.read()
        for record in records:
            if isinstance(record, measurements.SuiteErrors):
                self._hear_of(record)
        self._live.feed(records)
        self._side.feed(records)
        self._listen(lambda listener: listener.recorded(records))

    def _listen(self, hear: Callable[[Listener], None]) -> None:
        """Let the listener have it; one that fails is no part of the run, and hears nothing more of it."""
        if self._listener is None:
            return
        try:
            hear(self._listener)
        except Exception as error:  # noqa: BLE001  it must not end the run
            self._listener = None
            note = self._desk.errors.note(error, "live metrics", decides=False)
            self._desk.screen.warn(f"Live metrics stand still. {note}")

    def _hear_of(self, error: measurements.SuiteErrors) -> None:
        """An error of a load process itself: a line for each place, when one comes first."""
        self.broke = self.broke or error.ends_load
        if (error.place, error.message) not in self._said:
            self._said.add((error.place, error.message))
            log = f"; its traceback is in {self._folder / error.log}" if error.log else ""
            self._desk.screen.warn(f"Error of the suite (load): {error.place}: {error.message}{log}")

    def moment(self) -> LiveSnapshot:
        """The run as it stands now."""
        plan, state = self.plan, self._live.state(utc_s())
        targets = tuple(live_targets(plan, state, ROLES))
        watched = self._sampler.latest() if self._sampler is not None else {}
        readings = watched | self._side.latest()
        return LiveSnapshot(plan.run_id, plan.scenario.name, plan.host, state, targets, readings)


def _follow(process: LoadProcess, followed: _Followed, desk: Desk) -> str:
    deadline = time.monotonic() + followed.plan.scenario.duration_s + _GRACE_S
    reason, told, shown_at = "completed", 0, 0.0
    while process.running:
        time.sleep(_LOOK_EVERY_S)
        followed.read()
        for line in desk.errors.heard():
            desk.screen.warn(line)
        if time.monotonic() - shown_at >= 1.0:
            shown_at = time.monotonic()
            moment = followed.moment()
            desk.screen.progress(moment)
            if moment.live.unanswered_s >= TARGET_LOST_S and reason == "completed":
                reason = TARGET_LOST
                desk.screen.say(f"The target has not answered for {moment.live.unanswered_s} s: the load is stopped")
                process.stop(reason)
        if desk.interrupts.count > told:
            told = desk.interrupts.count
            reason = INTERRUPTED
            _interrupt(process, told, desk.screen)
        if time.monotonic() > deadline:
            process.kill()
    if desk.interrupts.count > told:  # while the load was ending by itself
        return INTERRUPTED
    if process.failed and not told:
        desk.screen.say(f"The load process died: {process.last_words() or 'it left no message'}")
        return LOAD_DIED
    followed.read()
    if reason == "completed" and followed.broke:
        return SUITE_FAILED
    if reason == "completed" and time.monotonic() < deadline - _GRACE_S:
        desk.screen.say("The load process ended before its time: something outside told it to")
        return INTERRUPTED
    return reason


def _interrupt(process: LoadProcess, count: int, screen: Screen) -> None:
    if count == 1:
        screen.say("Interrupted: requests in flight may finish (30 s at most); once more to end at once")
        process.stop(INTERRUPTED)
    else:
        screen.say("Interrupted again: the load is cut off")
        process.kill()
