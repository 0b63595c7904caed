"""A rate that changes, in two queues as of two processes, which hear of the change at different moments before it."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import random  # noqa: E402

import gevent  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.arrivals import ArrivalQueue  # noqa: E402
from perfsuite.load.schedule import SessionAssignment, dues  # noqa: E402
from perfsuite.load.weighted_round_robin import WeightedRoundRobin  # noqa: E402
from perfsuite.measurements.recorder import Recorder  # noqa: E402
from perfsuite.model import Arrival  # noqa: E402
from perfsuite.model.plan import ChangingRate  # noqa: E402
from perfsuite.model.role import Behaviour, Step  # noqa: E402
from tests.load.child import report  # noqa: E402
from tests.load.in_child_arrivals import Nowhere, _raise  # noqa: E402

SLOW, FAST = (0.0, 2.0), (0.6, 100.0)
HEARD_S, UNTIL_S = (0.1, 0.5), 1.1
SEED, WEIGHTS = 7, {"slow": 1}
_TRIES = 10


def begun(arrival: Arrival, index: int, heard_s: float, start_at: float) -> list[float] | None:
    """When the actions of one process were due, in seconds after the start; None where it heard of the change too
    late."""
    rate = ChangingRate(arrival)
    rate.change([SLOW])
    look = [Behaviour("look", 1, (Step("health.root"),))]
    turns = {"slow": WeightedRoundRobin(look, random.Random(1))}
    queue = ArrivalQueue(turns, Recorder("worker", Nowhere()), on_error=_raise, on_death=_raise)
    queue.begin(dues(rate, SEED, WEIGHTS), SessionAssignment({"slow": [0, 1]}), index, start_at)
    gevent.sleep(max(start_at + heard_s - utc_s(), 0.0))
    rate.change([SLOW, FAST])
    queue.retime(rate.time_of)
    in_time = utc_s() < start_at + FAST[0]
    gevent.sleep(max(start_at + UNTIL_S - utc_s(), 0.0))
    found = []
    waiting = len(list(queue.waiting()))
    for _action in range(waiting):
        taken = queue.take("slow")
        assert taken is not None
        found.append(taken.due_at - start_at)
    queue.close()
    return [at_s for at_s in found if at_s < UNTIL_S] if in_time else None


def of_both(arrival: Arrival) -> list[float]:
    """When the actions of both processes were due. On a busy machine another try may be needed."""
    for _try in range(_TRIES):
        start_at = utc_s()
        both = [gevent.spawn(begun, arrival, index, heard_s, start_at) for index, heard_s in enumerate(HEARD_S)]
        gevent.joinall(both, raise_error=True)
        found = [one.value for one in both]
        if None not in found:
            return sorted(at_s for one in found for at_s in one)
    raise AssertionError("heard too late each time")


def main() -> None:
    """Both, and what all together should have been."""
    result = {}
    for poisson in (False, True):
        arrival = Arrival(1.0, poisson=poisson)
        both = of_both(arrival)
        whole = ChangingRate(arrival)
        whole.change([SLOW, FAST])
        expected = []
        for due in dues(whole, SEED, WEIGHTS):
            if due.at_s >= UNTIL_S:
                break
            expected.append(due.at_s)
        result["poisson" if poisson else "equal"] = {
            "begun": both,
            "expected": expected,
        }
    report(result)


if __name__ == "__main__":
    main()
