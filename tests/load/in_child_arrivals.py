"""The queue of the open model, in a process with gevent: what waits, what is given up, and with what time."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import random  # noqa: E402
import time  # noqa: E402
from itertools import count  # noqa: E402

import gevent  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.arrivals import ArrivalQueue  # noqa: E402
from perfsuite.load.schedule import Due, SessionAssignment  # noqa: E402
from perfsuite.load.weighted_round_robin import WeightedRoundRobin  # noqa: E402
from perfsuite.measurements.recorder import Recorder  # noqa: E402
from perfsuite.measurements.records import Arrivals, NotStarted, Record  # noqa: E402
from perfsuite.model.role import Behaviour, Step  # noqa: E402
from tests.load.child import report  # noqa: E402

AGO_S = 10.0
"""Everything became due long ago, so that nothing has to be waited for."""
_WITHIN_S = 30.0


class Nowhere:
    """A sink that is never written to: the cells are asked themselves."""

    def write(self, record: Record) -> None:
        """Not called."""

    def flush(self) -> None:
        """Not called."""

    def close(self) -> None:
        """Not called."""


def _raise(error: BaseException) -> None:
    raise error


def main() -> None:
    """Five actions of a role that is waited for, with room for three, and one of a role that is not."""
    recorder = Recorder("worker-1", Nowhere())
    look = [Behaviour("look", 1, (Step("health.root"),))]
    behaviours = {role: WeightedRoundRobin(look, random.Random(1)) for role in ("slow", "free")}
    queue = ArrivalQueue(behaviours, recorder, max_waiting=3, on_error=_raise, on_death=_raise)
    dues = [Due(float(second), "slow", second) for second in range(5)] + [Due(5.0, "free", 0)]
    start_at = utc_s() - AGO_S
    queue.begin(dues, SessionAssignment({"slow": [0], "free": [0]}), 0, start_at)
    deadline = time.monotonic() + _WITHIN_S
    due: list[Arrivals] = []
    given_up: list[NotStarted] = []

    def look() -> None:
        for record in recorder.cells.take("worker-1", count(1)):
            if isinstance(record, Arrivals):
                due.append(record)
            elif isinstance(record, NotStarted):
                given_up.append(record)

    while sum(record.due for record in due) < len(dues) and time.monotonic() < deadline:
        gevent.sleep(0.01)
        look()
    at_once = [record.waited.max_us / 1e6 for record in given_up]
    begun = [taken.due_at - start_at for role in ("free", "slow") if (taken := queue.take(role))]
    queue.close()
    look()
    report(
        {
            "given up at once, s": at_once,
            "begun, due at": begun,
            "given up at the end, s": sorted(record.waited.max_us / 1e6 for record in given_up[len(at_once) :]),
            "due": sum(record.due for record in due),
            "begun": sum(record.begun for record in due),
            "after the end": queue.take("slow") is not None,
            "took_s": utc_s() - start_at - AGO_S,
        }
    )


if __name__ == "__main__":
    main()
