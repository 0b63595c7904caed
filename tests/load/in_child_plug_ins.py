"""A load process whose roles bring a listener ("tests.load.listening_roles"), or do not. Argument: their module."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import locust  # noqa: E402
import msgspec  # noqa: E402
from perfsuite.load.pipe import Pipe  # noqa: E402

from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import EventObserver  # noqa: E402
from perfsuite.load.worker import LoadWorker  # noqa: E402
from perfsuite.model import Plan, Scenario  # noqa: E402
from perfsuite.model.sample import Sample, Series  # noqa: E402
from tests.load.child import report  # noqa: E402


class Nowhere:
    """A sink that keeps nothing."""

    def write(self, _record: object) -> None:
        """Take it."""

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def main(roles_module: str) -> None:
    """Two good requests, and a third with a listener that was added late: who heard of how many."""
    folder, late, name = Path(mkdtemp()), [], "policies.premiums"
    scenario = Scenario("basic", 1, 1, 1)
    plan = Plan(
        "basic_1", scenario, "http://localhost", {}, (), (), 1, "2026-03-01T09:30:00Z", roles_module=roles_module
    )
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    environment: Any = LoadWorker(folder, "local", Pipe(*os.pipe()))._environment
    load = LoadState(LoadOrder(plan, folder, (), {}), Nowhere(), on_placed=lambda _users: None)
    environment.agentmitra_load = load
    observer = EventObserver(environment, load)

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
