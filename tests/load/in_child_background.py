"""What goes on in a load process besides its users, and dies: in a process with gevent and Locust's events."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import random  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.cli import plain_locust as plain  # noqa: E402
from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.caught import listen_for_errors  # noqa: E402
from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.schedule import SessionAssignment  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.weighted_round_robin import WeightedRoundRobin  # noqa: E402
from perfsuite.measurements.health import Health  # noqa: E402
from perfsuite.measurements.records import Generator, Record, SuiteErrors  # noqa: E402
from perfsuite.model import Arrival, Plan, Scenario  # noqa: E402
from perfsuite.model.role import Behaviour  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.summary import Circumstances  # noqa: E402
from tests.load.child import report  # noqa: E402

_WITHIN_S = 30.0
_LOOK_S = 0.02


class Sink:
    """Keeps what it is given; raises where it is told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.broken = False

    def write(self, record: Record) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.records.append(record)

    def flush(self) -> None:
        """All is here already."""

    def close(self) -> None:
        """Nothing to close."""

    def errors(self) -> list[SuiteErrors]:
        return [record for record in self.records if isinstance(record, SuiteErrors)]


class FaultyHealth(Health):
    """Counts no lag."""

    def add_lag(self, late_us: int) -> None:
        raise ValueError("no lag")


def state(sink: Sink, rate: float | None = None, **more: Any) -> LoadState:
    arrival = None if rate is None else Arrival(rate)
    scenario = Scenario("basic", 1, 1, 5, arrival=arrival)
    plan = Plan("basic_1", scenario, "http://localhost", {}, (), (), 1, "2026-03-01T09:30:00Z")
    order = LoadOrder(plan, Path(mkdtemp()), (), {}, start_at=utc_s())
    load = LoadState(order, sink, on_placed=lambda _users: None, **more)
    load.begin(1)
    return load


def until(true: Callable[[], object]) -> float:
    """Seconds until it is true."""
    began = time.monotonic()
    while not true() and time.monotonic() - began < _WITHIN_S:
        gevent.sleep(_LOOK_S)
    return time.monotonic() - began


def reported(sink: Sink, began: float) -> dict[str, Any]:
    """The first error that was reported, and how long that took from `began` (monotonic, s)."""
    until(sink.errors)
    (error, *_) = sink.errors()
    return {
        "place": error.place.partition(" ")[2],
        "message": error.message,
        "ends load": error.ends_load,
        "after_s": time.monotonic() - began,
    }


def killed(name: str) -> dict[str, Any]:
    """One of the two greenlets is gone; whether it was begun again shows in what is recorded later."""
    sink = Sink()
    load = state(sink)
    gevent.sleep(0)
    (greenlet,) = [one for loop, one in load._background.items() if loop.__name__ == name]
    began = time.monotonic()
    gevent.kill(greenlet)
    found = reported(sink, began)
    told = len(_lags(sink))
    until(lambda: len(_lags(sink)) >= told + 2)
    load.finish(lambda: 0, "completed")
    return found | {"lags later": [record.loop_lag.counts != {} for record in _lags(sink)[told : told + 2]]}


def _lags(sink: Sink) -> list[Generator]:
    return [record for record in sink.records if isinstance(record, Generator)]


def failing_watch() -> dict[str, Any]:
    """The watch of the event loop raises each time: it is counted, and not more often than it looks."""
    sink, began = Sink(), time.monotonic()
    load = state(sink)
    load.recorder.health = FaultyHealth()
    found = reported(sink, time.monotonic())
    load.finish(lambda: 0, "completed")
    return found | {"count": sum(error.count for error in sink.errors()), "all_s": time.monotonic() - began}


def pacing_ends() -> dict[str, Any]:
    """Nobody's turn: the pacing of arrivals ends by it."""
    sink = Sink()
    load = state(sink, rate=100.0)
    began = time.monotonic()
    load.begin_arrivals(ROLES[:1], {}, SessionAssignment({ROLES[0].slug: [0]}))
    found = reported(sink, began)
    load.stopping()
    load.finish(lambda: 0, "completed")
    return found


class FaultyRoundRobin(WeightedRoundRobin):
    """Deals nothing the first time."""

    dealt = 0

    def next(self) -> Behaviour | None:
        self.dealt += 1
        if self.dealt == 1:
            raise ValueError("no behaviour")
        return super().next()


def an_action_is_lost() -> dict[str, Any]:
    """An action that became due cannot be taken in; the next one is."""
    sink, role = Sink(), ROLES[0]
    load = state(sink, rate=20.0)
    began = time.monotonic()
    load.begin_arrivals([role], {role.slug: 1}, SessionAssignment({role.slug: [0]}))
    assert load.arrivals is not None
    load.arrivals._behaviours = {role.slug: FaultyRoundRobin(role.behaviours, random.Random(1))}
    taken = load.arrivals.take(role.slug)
    found = reported(sink, began)
    load.stopping()
    load.finish(lambda: 0, "completed")
    return found | {"taken": taken is not None, "count": sum(error.count for error in sink.errors())}


def mute() -> list[str]:
    """Nothing can be written any more, not even an error."""
    sink, heard = Sink(), list[str]()
    load = state(sink, on_mute=lambda error: heard.append(str(error)))
    sink.broken = True
    until(lambda: heard)
    sink.broken = False
    load.finish(lambda: 0, "completed")
    return heard[:1]


def plain_end(host: str, journal: bytes) -> dict[str, Any]:
    """The end of a run in plain Locust whose rows cannot be removed."""
    sink = Sink()
    load = state(sink)
    load.finish(lambda: 0, "completed")
    load.order = replace(load.order, plan=replace(load.order.plan, host=host))
    (load.order.folder / "journal-other.jsonl").write_bytes(journal)
    plain._finish(load)
    known = msgspec.json.decode((load.order.folder / "circumstances.json").read_bytes(), type=Circumstances)
    return {"errors": [error.message for error in known.suite_errors], "cleanup": known.cleanup is not None}


def user_error() -> list[list[Any]]:
    """What users of Locust fail with, by its event; one that was counted before is none."""
    sink = Sink()
    load = state(sink)
    environment = Environment()
    install(environment, Hooks(lambda _environment: load, _nothing, _nothing))
    environment.agentmitra_load = load
    known = LookupError("counted already")
    load.failed(known, "an action")
    for error in (known, LookupError("no account")):
        environment.events.user_error.fire(user_instance=None, exception=error, tb=None)
    until(sink.errors)
    load.finish(lambda: 0, "completed")
    return [[error.message, error.count] for error in sink.errors()]


def _nothing(_load: LoadState) -> None:
    """Nothing to do."""


def swallowed() -> list[list[str]]:
    """What Locust and gevent catch: from a plug-in's listener, a greenlet, a callback of the event loop."""
    heard: list[list[str]] = []
    listen_for_errors(lambda error, during: heard.append([type(error).__name__, during]))
    environment = Environment()
    environment.events.request.add_listener(lambda **_event: 1 / 0)
    environment.events.request.fire(request_type="GET", name="x", response_time=1, response_length=0, exception=None)

    def ends() -> None:
        raise KeyError("id")

    gevent.spawn(ends).join()
    gevent.spawn(gevent.sleep, 10).kill()
    gevent.get_hub().handle_error({"PATH_INFO": "/"}, OSError, OSError("the browser is gone"), None)
    callback = gevent.get_hub().loop.async_()
    callback.start(ends)
    callback.send()
    until(lambda: len(heard) >= 3)
    callback.stop()
    return heard


def last_records_fail() -> dict[str, Any]:
    """What the end raises is counted too, and the last record comes all the same."""
    sink = Sink()
    load = state(sink)

    def no_count() -> int:
        raise RuntimeError("no statistics")

    load.sent.sent, load.sent.unrecorded = 7, 2
    load.finish(no_count, "completed")
    *_, last = sink.records
    return {
        "errors": [error.message for error in sink.errors()],
        "sent": getattr(last, "sent", None),
        "unrecorded": getattr(last, "unrecorded", None),
    }


CASES: dict[str, Callable[[], Any]] = {
    "writer": lambda: killed("_write_every_second"),
    "watch": lambda: killed("_watch_event_loop"),
    "failing watch": failing_watch,
    "pacing": pacing_ends,
    "action": an_action_is_lost,
    "mute": mute,
    "end": last_records_fail,
    "plain": lambda: plain_end("http://127.0.0.1:1", b""),
    "plain, damaged": lambda: plain_end("http://127.0.0.1:1", b"garbage\n"),
    "plain, unexpected": lambda: plain_end("http://127.0.0.1:99999", b""),
    "user error": user_error,
}


def main() -> None:
    """All at once, for they mostly wait; then what listens to the whole process."""
    running = {name: gevent.spawn(case) for name, case in CASES.items()}
    gevent.joinall(list(running.values()))
    found = {name: one.get() for name, one in running.items()}
    report(found | {"swallowed": swallowed()})


if __name__ == "__main__":
    main()
