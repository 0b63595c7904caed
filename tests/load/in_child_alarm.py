"""In a process with gevent: alarms of both kinds go off once for each time, not before it, and not after their end."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from perfsuite.load.alarm import Alarm, _LoopTimer, alarm  # noqa: E402
from tests.load.child import report  # noqa: E402

WAITS_S = (0.02, 0.0, 0.005)
_WITHIN_S = 30.0

Make = Callable[[Any, Callable[[], None]], Alarm]


def rung(make: Make) -> dict[str, Any]:
    """How early or late each of several alarms went off, and how often in all, a replaced and a closed one among
    them."""
    calls: list[float] = []
    one = make(gevent.get_hub().loop, lambda: calls.append(time.perf_counter()))
    late_s = []
    for number, wait_s in enumerate(WAITS_S):
        due = time.perf_counter() + wait_s
        one.set(wait_s)
        while len(calls) <= number and time.perf_counter() < due + _WITHIN_S:
            gevent.sleep(0.001)
        late_s.append(calls[-1] - due)
    one.set(0.0)
    one.set(_WITHIN_S)  # takes the place of the one before, which has not gone off
    gevent.sleep(0.02)
    one.set(0.01)
    one.close()
    gevent.sleep(0.03)
    return {"late_s": late_s, "calls": len(calls)}


def main() -> None:
    """Both kinds."""
    report({"of the system": rung(alarm), "of the loop": rung(_LoopTimer)})


if __name__ == "__main__":
    main()
