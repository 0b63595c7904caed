"""Where the time of a request goes: processor time of the load process, from the bare client to a whole run.

    python bench/hot_path.py [--seconds 3] [--users 50] [--rounds 3]

Each line adds one layer to the line before, against canned answers of another process (nginx), for users without think
times: once with one small operation, once with the seven roles' mix of reads. The least of several rounds counts:
whatever else runs can only add. Server and load are pinned to a core each.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import argparse  # noqa: E402
import gc  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from contextlib import suppress  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import gevent  # noqa: E402
from locust.dispatch import UsersDispatcher  # noqa: E402
from locust.env import Environment  # noqa: E402

from bench.canned_server import canned_answers, canned_server  # noqa: E402
from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.locust_count import LocustCount, note_own_listeners  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import EventObserver, user_classes  # noqa: E402
from perfsuite.measurements.records import Record  # noqa: E402
from perfsuite.model import Plan, Scenario  # noqa: E402
from perfsuite.model.role import Behaviour, Role, Step  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.target.catalogue import CATALOGUE  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import USER_AGENT, LastRequest, Observer, Request, Sample  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from perfsuite.target.run_state import RunState  # noqa: E402
from perfsuite.target.session import Session, SessionEnded  # noqa: E402
from tests.target.fake_target import ACCOUNTS  # noqa: E402

ONE_READ = (Behaviour("profile access", 1, (Step("users.me"),)),)
WRITES = frozenset(operation.name for operation in CATALOGUE.values() if operation.writes)


class Nowhere:
    """A sink that takes everything and keeps nothing."""

    def write(self, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Nothing is waiting."""

    def close(self) -> None:
        """Nothing is open."""


class OnlyRecorded(EventObserver):
    """Records requests without Locust's event."""

    def request(self, sample: Sample) -> None:
        """See Observer."""
        self.record(sample)


def roles_of(mix: str) -> tuple[Role, ...]:
    """Without think times, and only what the server has an answer for: its one account is a policyholder's."""
    if mix == "one read":
        chosen = [replace(role, behaviours=ONE_READ) for role in ROLES if role.slug == "policyholder"]
    else:
        chosen = [role for role in ROLES if role.slug == "policyholder"]
    return tuple(replace(role, think_min_s=0.0, think_max_s=0.0) for role in chosen)


class Lab:
    """One mix of roles against one server."""

    def __init__(self, host: str, roles: tuple[Role, ...], users: int, seconds: float) -> None:
        self.host, self.roles, self.users, self.seconds = host, roles, users, seconds
        self.settings = ConnectionSettings(host)

    def load(self) -> LoadState:
        """The state of a load that writes its records nowhere."""
        slug = self.roles[0].slug
        scenario = Scenario("bench", self.users, self.users, 3600)
        plan = Plan("bench_1", scenario, self.host, {slug: self.users}, (), (), 1, "2026-03-01T09:30:00Z")
        accounts = (ACCOUNTS[slug],)
        order = LoadOrder(plan, Path(tempfile.mkdtemp()), accounts * self.users, {slug: WRITES}, watched=accounts)
        return LoadState(order, Nowhere(), on_placed=lambda _users: None)

    def client_only(self) -> float:
        """The client with the bytes of one request."""
        path = CATALOGUE["users.me"].path
        lines = f"User-Agent: {USER_AGENT}\r\nAccept: application/json\r\nX-Run-ID: bench\r\n".encode()
        request = Request("GET", path, lines)
        counts = [0] * self.users

        def user(number: int) -> None:
            client = HttpClient(self.settings, GeventNetwork())
            while client.exchange(request).status == 200:
                counts[number] += 1

        return self._cost(user, lambda: sum(counts))

    def sessions(self, observer_of: Callable[[LoadState, Environment], Observer]) -> float:
        """Sessions that perform the behaviours of their role in turn."""
        load = self.load()
        environment = Environment(user_classes=user_classes(self.roles))
        environment.create_local_runner()
        environment.stats = LocustCount()
        note_own_listeners(environment)
        role, state = self.roles[0], RunState("bench_1", {self.roles[0].slug: WRITES})
        counts = [0] * self.users

        def user(number: int) -> None:
            observer = observer_of(load, environment)
            client = HttpClient(self.settings, GeventNetwork())
            session = Session(role, ACCOUNTS[role.slug], client, state, observer)
            with suppress(SessionEnded):
                while True:
                    for behaviour in role.behaviours:
                        counts[number] += session.perform(behaviour).requests

        return self._cost(user, lambda: sum(counts))

    def whole(self) -> float:
        """Locust's users, as a load process has them."""
        load = self.load()
        environment = Environment(user_classes=user_classes(self.roles), host=self.host, stop_timeout=5)
        hooks = Hooks(lambda _env: load, lambda _load: None, lambda _load: None, UsersDispatcher)
        install(environment, hooks)
        runner = environment.create_local_runner()
        environment.stats = LocustCount()
        note_own_listeners(environment)
        runner.start(self.users, spawn_rate=self.users)
        gevent.sleep(2.0)
        cost = self._during(lambda: load.recorder.cells.recorded)
        runner.quit()
        return cost

    def _cost(self, user: Callable[[int], None], count: Callable[[], int]) -> float:
        greenlets = [gevent.spawn(user, number) for number in range(self.users)]
        gevent.sleep(0.5)
        cost = self._during(count)
        gevent.killall(greenlets)
        return cost

    def _during(self, count: Callable[[], int]) -> float:
        gc.collect()
        before, began = count(), time.process_time()
        gevent.sleep(self.seconds)
        spent, done = time.process_time() - began, count() - before
        if not done:
            raise RuntimeError("no request was answered")
        return spent / done * 1e6


def ladder(lab: Lab) -> dict[str, Callable[[], float]]:
    """Layer → its measurement, each with all layers before it."""
    return {
        "client": lab.client_only,
        "+ session, checks": lambda: lab.sessions(lambda _load, _env: LastRequest()),
        "+ recording": lambda: lab.sessions(lambda load, env: OnlyRecorded(env, load)),
        "+ Locust's event": lambda: lab.sessions(lambda load, env: EventObserver(env, load)),
        "whole user": lab.whole,
    }


def show(name: str, costs: Mapping[str, float]) -> None:
    """One ladder as a table."""
    print(f"{name}\n  layer               CPU µs   added")
    before = 0.0
    for layer, cost in costs.items():
        print(f"  {layer:<18} {cost:7.1f} {cost - before:+7.1f}")
        before = cost


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Where the time of a request goes.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="layer, such as 'whole user'")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Locust warns of full cores and high spawn rates
    began = utc_s()
    cores = sorted(os.sched_getaffinity(0))
    with canned_server(canned_answers("policyholder"), core=cores[-1]) as host:
        os.sched_setaffinity(0, {cores[0]})
        for mix in ("one read", "reads of the policyholder"):
            lab = Lab(host, roles_of(mix), options.users, options.seconds)
            layers = {name: do for name, do in ladder(lab).items() if options.only in ("", name)}
            show(mix, {name: min(do() for _ in range(options.rounds)) for name, do in layers.items()})
    print(f"{utc_s() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
