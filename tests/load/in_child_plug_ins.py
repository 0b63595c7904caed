"""A worker whose roles bring a listener ("tests.load.listening_roles"), or do not. Argument: their module."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any, NoReturn  # noqa: E402

import locust  # noqa: E402
import msgspec  # noqa: E402
from locust.runners import Runner  # noqa: E402

from perfsuite.load.job import LoadJob  # noqa: E402
from perfsuite.load.lease import NoLease  # noqa: E402
from perfsuite.load.locust_count import LocustCount  # noqa: E402
from perfsuite.load.messages import Load, Seats, UserSeat  # noqa: E402
from perfsuite.load.users import EventObserver  # noqa: E402
from perfsuite.load.worker import environment_of_worker  # noqa: E402
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets, WorkerStart  # noqa: E402
from perfsuite.model.sample import Sample, Series  # noqa: E402
from tests.load.child import report  # noqa: E402

HOST, CALLER = "http://localhost", Account("1", "secret", "caller")


class Alone(Runner):
    """A worker's runner whose master says what the test says."""

    def __init__(self, environment: Any) -> None:
        environment.runner = self
        self.lease = NoLease()
        self.handlers: dict[type[Any], Callable[[Any], None]] = {}
        super().__init__(environment)
        environment.agentmitra_worker.listen(self)

    def listen(self, kind: type[Any], handle: Callable[[Any], None], *, concurrent: bool = False) -> None:
        """As SuiteWorker has it."""
        self.handlers[kind] = handle

    def hear(self, message: Any) -> None:
        """What the master says."""
        self.handlers[type(message)](message)

    def say(self, _message: object) -> None:
        """Nobody hears it."""

    def clock_ms(self) -> tuple[None, None]:
        """One clock."""
        return None, None


def never(exit_code: int, why: object) -> NoReturn:
    """A worker in the test does not end."""
    raise AssertionError(exit_code, why)


def main(roles_module: str) -> None:
    """Two good requests, and a third with a listener that was added late: who heard of how many."""
    late, name = [], "policies.premiums"
    users = {"caller": 1}
    plan = Plan(
        "basic_1", Scenario("basic", 1, 1, 1), HOST, users, (), (), 1, "2026-03-01T09:30:00Z", roles_module=roles_module
    )
    start = WorkerStart("127.0.0.1", 1, "token", Secrets((CALLER,)))
    environment: Any = environment_of_worker(start)
    job = environment.agentmitra_worker = LoadJob(environment, Path(mkdtemp()), start, never)
    environment.stats = LocustCount()
    runner = Alone(environment)
    preflight = msgspec.json.encode(PreflightReport(HOST, "", "", (), ()))
    runner.hear(Load(msgspec.json.encode(plan), preflight, "accounts", "roles", 0))
    runner.hear(Seats([UserSeat(0, "caller", "1")], 0.0, 0.0, {"caller": [0]}))
    environment.agentmitra_load = job._make_load(environment)
    observer = EventObserver(environment, environment.agentmitra_load)

    def send() -> None:
        observer.request(Sample(Series("caller", "look", name), "id-1", 1_772_357_400.5, 12_345, 200, 7, None))

    send()
    send()
    heard = list(getattr(sys.modules[roles_module], "HEARD", ()))
    locust.events.request.add_listener(lambda **event: late.append(event["name"]))
    send()
    report({"heard": heard, "late": late, "counts": [environment.stats.total.num_requests, observer.recorded]})


if __name__ == "__main__":
    main(sys.argv[1])
