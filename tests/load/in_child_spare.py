"""A worker that takes over sessions of the open model when the load has been going on for a while."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgspec  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.job import LoadJob  # noqa: E402
from perfsuite.load.locust_count import LocustCount  # noqa: E402
from perfsuite.load.messages import Load, Seats, UserSeat  # noqa: E402
from perfsuite.load.worker import environment_of_worker  # noqa: E402
from perfsuite.model import Account, Arrival, Plan, PreflightReport, Scenario, Secrets, WorkerStart  # noqa: E402
from tests.load.child import report  # noqa: E402
from tests.load.in_child_plug_ins import HOST, Alone, never  # noqa: E402

ACCOUNT = Account("1", "secret", "policyholder")
RATE, PAST_S, FROM_S = 20.0, 30.0, 30.5
_WITHIN_S = 30.0


def main() -> None:
    """Actions that were due before the takeover belong to others; from then on they are this worker's."""
    scenario = Scenario("open", 1, 1, 60, arrival=Arrival(RATE))
    plan = Plan("open_1", scenario, HOST, {"policyholder": 1}, (), (), 1, "2026-03-01T09:30:00Z")
    start = WorkerStart("127.0.0.1", 1, "token", Secrets((ACCOUNT,)))
    environment: Any = environment_of_worker(start)
    job = environment.agentmitra_worker = LoadJob(environment, Path(mkdtemp()), start, never)
    environment.stats = LocustCount()
    runner = Alone(environment)
    preflight = msgspec.json.encode(PreflightReport(HOST, "", "", (), ()))
    runner.hear(Load(msgspec.json.encode(plan), preflight, "accounts", "roles", 3))
    sessions = {"policyholder": [3]}
    start_at = utc_s() - PAST_S
    runner.hear(Seats([UserSeat(7, "policyholder", "1")], start_at, FROM_S, sessions))
    queue = job._make_load(environment).arrivals._queues["policyholder"]
    with gevent.Timeout(_WITHIN_S):
        while len(queue) < 2:
            gevent.sleep(0.01)
    report([arrived.due_at - start_at for arrived in queue])


if __name__ == "__main__":
    main()
