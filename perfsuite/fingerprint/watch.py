"""One request at a time between two readings, once the database has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from perfsuite.clock import sleep_s
from perfsuite.fingerprint.counters import Delta, Snapshot, between
from perfsuite.fingerprint.database import Statistics, Totals

_STEP_S = 0.004
"""The database is at rest when two looks this far apart are the same and no client is busy."""
_PATIENCE_S = 0.5
_HURRY_AFTER = 4
_HURRIED_S = 0.02
"""So often waited for in vain, and it is hardly waited for any more: others are at work all the time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The seam at which tests pass a time of their own."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = sleep_s


class Watch:
    """Tells what happens at the database while something is done, and while nothing is."""

    def __init__(self, statistics: Statistics, clock: Clock | None = None) -> None:
        self._statistics = statistics
        self._clock = clock or Clock()
        self._restless = 0
        # Who is busy from the beginning, such as a transaction somebody forgot, would never let it rest.
        self._standing = statistics.totals().busy

    def reading(self) -> Snapshot:
        """The counters, once the database is at rest or patience is at its end."""
        until_s = self._clock.now_s() + (_PATIENCE_S if self._restless < _HURRY_AFTER else _HURRIED_S)
        before, settled = self._statistics.totals(), False
        while not settled:
            self._clock.sleep(_STEP_S)
            now = self._statistics.totals()
            settled = self._at_rest(before, now)
            if self._clock.now_s() >= until_s:
                break
            before = now
        self._restless += not settled
        snapshot = self._statistics.snapshot()
        return snapshot if settled else _unsettled(snapshot)

    def _at_rest(self, before: Totals, now: Totals) -> bool:
        return before.calls == now.calls and not now.busy - self._standing

    def quiet(self, duration_s: float, since: Snapshot | None = None) -> Delta:
        """What happens although nothing is asked, `since` the last request where that is given."""
        before = since or self.reading()
        self._clock.sleep(duration_s)
        return between(before, self._statistics.snapshot())


def _unsettled(snapshot: Snapshot) -> Snapshot:
    return Snapshot(
        snapshot.at_s, snapshot.statements, snapshot.reset_at, snapshot.evictions, snapshot.clients, settled=False
    )
