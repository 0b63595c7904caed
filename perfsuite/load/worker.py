"""A load process: `python -m perfsuite.load.worker FOLDER NAME`, started and led by the conductor.

The only program of a run that holds Locust. It reads orders on standard input and ends with it.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
import locust.log  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.dispatcher import placed_dispatcher  # noqa: E402
from perfsuite.load.install import STOP_TIMEOUT_S, Hooks, install  # noqa: E402
from perfsuite.load.locust_count import LocustCount  # noqa: E402
from perfsuite.load.messages import Ack, Add, Begin, Ended, Placed, Ready, Stop  # noqa: E402
from perfsuite.load.pipe import Pipe, PipeSink  # noqa: E402
from perfsuite.load.schedule import Owners  # noqa: E402
from perfsuite.load.state import LoadState, Order  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.model import Plan, PreflightReport  # noqa: E402
from perfsuite.roles.role import Role  # noqa: E402

_MANY = 65_536


class Worker:
    """One load process, from its first order to its last batch."""

    def __init__(self, folder: Path, name: str, pipe: Pipe) -> None:
        self._folder = folder
        self._name = name
        self._pipe = pipe
        self._sink = PipeSink(pipe)
        self._plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
        self._roles: tuple[Role, ...] = importlib.import_module(self._plan.roles_module).ROLES
        self._starts: list[str] = []
        self._locust = LocustCount()
        self._hooks = Hooks(
            make_load=self._make_load,
            stopping=lambda _load: None,
            after=lambda _load: None,
            dispatcher=placed_dispatcher(self._starts),
            count=self._locust.total,
        )
        self._environment: Any = Environment(
            user_classes=user_classes(self._roles),
            host=self._plan.host,
            stop_timeout=STOP_TIMEOUT_S,
            catch_exceptions=True,
        )
        install(self._environment, self._hooks)
        self._runner = self._environment.create_local_runner()
        self._begin: Begin | None = None
        self._done = gevent.event.Event()

    def run(self) -> int:
        """Obey until told to stop; hand everything over; 0."""
        gevent.spawn(self._listen)
        gevent.spawn(self._keep_statistics_small)
        self._pipe.send(Ready())
        self._done.wait()
        self._runner.quit()
        self._pipe.send(Ended())
        # The conductor ends the pipe when it has heard that; there is nothing left to lose.
        gevent.sleep(STOP_TIMEOUT_S)
        return 0

    def stop(self, reason: str) -> None:
        """The load is over."""
        self._hooks.reason = reason
        self._done.set()

    def _listen(self) -> None:
        while (orders := self._pipe.receive()) is not None:
            for order in orders:
                self._obey(order)
        # The conductor is gone: nobody will read the rest, and load must not go on unwatched.
        os._exit(0 if self._done.is_set() else 1)

    def _keep_statistics_small(self) -> None:
        while True:
            gevent.sleep(1.0)
            self._locust.take_over(self._environment)

    def _obey(self, order: Begin | Add | Ack | Stop) -> None:
        match order:
            case Begin():
                self._begin = order
                self._starts += [user.role for user in order.users]
                self._runner.start(len(self._starts), spawn_rate=order.spawn_rate)
            case Add():
                load: LoadState = self._environment.agentmitra_load
                load.owners.change(order.from_s, order.sessions)
                if order.users:
                    load.accounts.add(order.users)
                    self._starts += [user.role for user in order.users]
                    load.retarget(len(self._starts))
                    self._runner.start(len(self._starts), spawn_rate=order.spawn_rate)
            case Ack():
                self._sink.on_ack(order)
            case Stop(reason):
                self.stop(reason)

    def _make_load(self, _environment: Any) -> LoadState:
        begin = self._begin
        if begin is None:
            raise AssertionError("load begins with an order")
        seen = msgspec.json.decode((self._folder / "preflight.json").read_bytes(), type=PreflightReport)
        order = Order(
            self._plan,
            self._folder,
            tuple(begin.users),
            {role.slug: seen.left_out(role.slug) for role in self._roles},
            frozenset(seen.dead_behaviours),
            self._name,
            begin.index,
            begin.start_at,
            begin.headers,
        )
        load = LoadState(order, self._sink, on_placed=lambda users: self._pipe.send(Placed(users)))
        working = [role for role in self._roles if role.slug in begin.sessions]
        load.begin_arrivals(working, {role.slug: role.weight for role in working}, Owners(begin.sessions))
        return load


def allow_many_connections() -> None:
    """Lift the limit of open files as far as it goes: every virtual user has a connection of its own."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(folder: Path, name: str) -> int:
    """Make load as the conductor says; 0 when everything was handed over."""
    descriptor_out = os.dup(1)
    os.dup2(2, 1)  # whatever prints by accident must not get between the reports
    worker = Worker(folder, name, Pipe(0, descriptor_out))
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, worker.stop, "interrupted")
    return worker.run()


if __name__ == "__main__":
    locust.log.setup_logging("WARNING")  # type: ignore[no-untyped-call]
    allow_many_connections()
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
