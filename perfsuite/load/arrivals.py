"""The open model in one load process: actions become due at their times and wait for a free session."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import gevent
from gevent.lock import Semaphore

from perfsuite.clock import utc_s
from perfsuite.load.alarm import Alarm, alarm
from perfsuite.load.schedule import Due, SessionAssignment
from perfsuite.load.weighted_round_robin import WeightedRoundRobin
from perfsuite.measurements.recorder import Recorder
from perfsuite.model.role import Behaviour

MAX_WAITING = 10_000
"""Actions that may wait in one process; what becomes due beyond, for a role that has some waiting, is given up at
once."""
MAX_LEAD_S = 0.0005
"""At most so much before its time an action is announced, to make up for how long waking takes."""
_LEAD_STEP_S = 2e-6
_WAITED_S = 0.002


@dataclass(frozen=True, slots=True)
class Arrived:
    """An action that is due. `due_at`: UTC epoch seconds."""

    due_at: float
    behaviour: Behaviour


class ArrivalQueue:
    """Lets actions become due, and hands them to the sessions of their role, oldest first."""

    def __init__(
        self,
        behaviours: Mapping[str, WeightedRoundRobin],
        recorder: Recorder,
        *,
        on_error: Callable[[Exception], None],
        on_death: Callable[[BaseException], None],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """`on_error`: an action that became due was lost by it. `on_death`: no more actions become due after it."""
        self._behaviours = behaviours
        self._on_error = on_error
        self._on_death = on_death
        self._cells = recorder.cells
        self._health = recorder.health
        self._max_waiting = max_waiting
        self._queues: dict[str, deque[Arrived]] = {role: deque() for role in behaviours}
        self._due: dict[str, Semaphore] = {role: Semaphore(0) for role in behaviours}
        """One permit for each action in the queue: an action wakes one of the sessions that wait, and not all."""
        self._closed = False
        self._dues: Iterator[Due] = iter(())
        self._next: Due | None = None
        self._assignment, self._index, self._start_at = SessionAssignment({}), 0, 0.0
        self._alarm: Alarm | None = None
        self._lead_s = 0.0

    def begin(self, dues: Iterable[Due], assignment: SessionAssignment, index: int, start_at: float) -> None:
        """Let those of `dues` that `assignment` gives to process `index` become due, from `start_at` (UTC epoch s)
        on."""
        self._dues = iter(dues)
        self._assignment, self._index, self._start_at = assignment, index, start_at
        self._alarm = alarm(gevent.get_hub().loop, self._take_in)
        self._alarm.set(0.0)

    def retime(self, time_of: Callable[[float], float]) -> None:
        """The rate has changed: number of an action → seconds after the start."""
        if self._next is not None:
            self._next = replace(self._next, at_s=time_of(self._next.number))
        if self._alarm is not None:
            self._alarm.set(0.0)

    def _take_in(self) -> None:
        """In the event loop: whatever has become due since, then the alarm for what comes next."""
        while not self._closed:
            try:
                due = self._next = self._next or next(self._dues, None)
                if due is None:
                    return
                due_at = self._start_at + due.at_s
                wait_s = due_at - self._lead_s - utc_s()
                if wait_s > 0 and self._alarm is not None:
                    self._alarm.set(wait_s)
                    return
            except Exception as error:  # noqa: BLE001  whatever it is, no more actions come after it
                self._dues, self._next = iter(()), None
                self._on_death(error)
                return
            self._next = None
            self._take(due, due_at)

    def _take(self, due: Due, due_at: float) -> None:
        try:
            # Asked only now: the assignment may have changed while it was waited for.
            if self._assignment.of(due) != self._index:
                return
            # No session and no target has had a part in it so far: what is late here is this process.
            self._health.add_send_lag(round((utc_s() - due_at) * 1e6))
            self._arrive(due, due_at)
        except Exception as error:  # noqa: BLE001  counted as an error of the suite; the others are still due
            self._on_error(error)

    def _arrive(self, due: Due, due_at: float) -> None:
        role = due.role
        # By its number: the actions that other processes begin are taken from the same turns.
        behaviour = self._behaviours[role].at(due.turn)
        if behaviour is None:
            return  # the target offers nothing that this role does
        self._cells.arrival(int(due_at))
        arrived, queue = Arrived(due_at, behaviour), self._queues[role]
        # A role that nobody waits for has sessions to spare: what waits for others is not to cost it an action.
        if queue and self._cells.waiting >= self._max_waiting:
            # It would begin after all of these, and the oldest has waited for so long. Counted with no time at all
            # it would make the answers look the faster, the more is given up.
            self._give_up(role, arrived, queue[0].due_at)
            return
        queue.append(arrived)
        self._cells.waiting += 1
        self._due[role].release()

    def take(self, role: str) -> Arrived | None:
        """The action of `role` that has been due longest; waits for one. None when the load is over."""
        queue, due = self._queues[role], self._due[role]
        due.acquire()
        if not queue:
            due.release()  # the load is over for the next session, too
            return None
        arrived = queue.popleft()
        self._cells.waiting -= 1
        now = utc_s()
        self._cells.begun(int(arrived.due_at), max(round((now - arrived.due_at) * 1e6), 0), second=int(now))
        return arrived

    def waiting(self) -> Iterator[tuple[int, str, str]]:
        """Of each action that is due and has not begun: the second in which it was due, role, first operation."""
        for role, queue in self._queues.items():
            for arrived in queue:
                yield int(arrived.due_at), role, arrived.behaviour.steps[0].operation

    def sent(self, late_s: float) -> None:
        """The first request of an action was sent so late. From these times follows how early to announce the next.

        Timer, event loop and session take some time to come round, which would be in every response time.
        The lead follows the median, in single steps of equal size: a pause of the machine moves it no more than
        anything else. What is much later waited for a session, and shows nothing of that.
        """
        if late_s > _WAITED_S:
            return
        step_s = _LEAD_STEP_S if late_s > 0 else -_LEAD_STEP_S
        self._lead_s = min(max(self._lead_s + step_s, 0.0), MAX_LEAD_S)

    def close(self) -> None:
        """The load is over: what still waits is given up, and every session that waits for work is let go."""
        self._take_in()
        self._closed = True
        if self._alarm is not None:
            self._alarm.close()
        for role, queue in self._queues.items():
            while queue:
                arrived = queue.popleft()
                self._give_up(role, arrived, arrived.due_at)
                self._cells.waiting -= 1
            self._due[role].release()

    def _give_up(self, role: str, arrived: Arrived, since: float) -> None:
        """Count it as not started, with the time since `since` (UTC epoch s): it would have waited so long at least."""
        key = (int(arrived.due_at), role, arrived.behaviour.name, arrived.behaviour.steps[0].operation)
        self._cells.not_started(key, max(round((utc_s() - since) * 1e6), 0))
