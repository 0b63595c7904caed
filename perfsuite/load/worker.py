"""A load process: `python -m perfsuite.load.worker FOLDER NAME`, started and led by the coordinator.

The only program of a run that holds Locust. It reads orders on standard input and ends with it.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
import locust  # noqa: E402
import locust.log  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.caught import listen_for_errors  # noqa: E402
from perfsuite.load.dispatcher import placed_dispatcher  # noqa: E402
from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.locust_count import LocustCount, listeners, note_own_listeners  # noqa: E402
from perfsuite.load.messages import EXIT_BROKEN, Ack, Add, Begin, Ended, Placed, Ready, Stop  # noqa: E402
from perfsuite.load.pipe import Pipe, PipeSink  # noqa: E402
from perfsuite.load.schedule import SessionAssignment  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.model import Plan, PreflightReport  # noqa: E402
from perfsuite.model.role import Role  # noqa: E402
from perfsuite.suite_errors import SuiteErrorLog  # noqa: E402

_MANY = 65_536
_LINGER_S = 30.0


class LoadWorker:
    """One load process, from its first order to its last batch."""

    def __init__(self, folder: Path, name: str, pipe: Pipe) -> None:
        self._folder = folder
        self._name = name
        self._pipe = pipe
        self._sink = PipeSink(pipe)
        self._plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
        self._roles: tuple[Role, ...] = importlib.import_module(self._plan.roles_module).ROLES
        self._starts: list[str] = []
        self._hooks = Hooks(
            make_load=self._make_load,
            stopping=lambda _load: None,
            after=lambda _load: None,
            dispatcher=placed_dispatcher(self._starts),
        )
        plug_ins = listeners(locust.events)  # the module of the roles may have brought some
        self._environment: Any = Environment(
            events=locust.events,
            user_classes=user_classes(self._roles),
            host=self._plan.host,
            stop_timeout=self._plan.stop_timeout_s,
            catch_exceptions=True,
        )
        install(self._environment, self._hooks)
        self._runner = self._environment.create_local_runner()
        self._environment.stats = LocustCount()
        note_own_listeners(self._environment, plug_ins)
        self._begin: Begin | None = None
        self._done = gevent.event.Event()

    def run(self) -> int:
        """Obey until the order to stop; hand everything over; 0."""
        listen_for_errors(self._heard)
        self._pipe.writer.link_exception(lambda _writer: os._exit(EXIT_BROKEN))
        gevent.spawn(self._listen)
        self._pipe.send(Ready())
        self._done.wait()
        self._runner.quit()
        self._pipe.send(Ended())
        # The coordinator ends the pipe when it has heard that; there is nothing left to lose.
        gevent.sleep(_LINGER_S)
        return 0

    def stop(self, reason: str) -> None:
        """The load is over."""
        self._hooks.reason = reason
        self._done.set()

    def _listen(self) -> None:
        while (orders := self._received()) is not None:
            for order in orders:
                with self._counting(f"the order to {type(order).__name__.lower()}"):
                    self._obey(order)
        # The coordinator is gone: nobody will read the rest, and load must not go on unwatched.
        os._exit(0 if self._done.is_set() else 1)

    def _received(self) -> list[Begin | Add | Ack | Stop] | None:
        with self._counting("listening to the coordinator"):
            return self._pipe.receive()
        return []  # what cannot be read is lost, and counted as an error

    @property
    def _load(self) -> LoadState | None:
        return getattr(self._environment, "agentmitra_load", None)

    @contextmanager
    def _counting(self, during: str) -> Iterator[None]:
        """An error in the block is counted. Where there is no load yet that could report it, this process ends by it.

        So it does where the operating system fails it: there is no use in trying again.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001  no error of the suite may disappear
            if self._load is None or isinstance(error, OSError):
                self._die_of(error, during)
            self._load.failed(error, during)

    def _heard(self, error: BaseException, during: str) -> None:
        """An error that nobody but Locust or gevent saw."""
        if self._load is None:
            self._die_of(error, during)
        else:
            self._load.errors.add_unless_counted(error, during)

    def _die_of(self, error: BaseException, during: str) -> NoReturn:
        errors = self._load.errors if self._load is not None else SuiteErrorLog(self._folder, _secrets(self._begin))
        errors.add_unless_counted(error, during)
        os._exit(EXIT_BROKEN)

    def _obey(self, order: Begin | Add | Ack | Stop) -> None:
        match order:
            case Begin():
                self._begin = order
                self._starts += [user.role for user in order.users]
                self._runner.start(len(self._starts), spawn_rate=order.spawn_rate)
            case Add():
                load: LoadState = self._environment.agentmitra_load
                load.assignment.change(order.from_s, order.sessions)
                if order.users:
                    load.accounts.add(order.users, order.numbers)
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
        order = LoadOrder(
            self._plan,
            self._folder,
            tuple(begin.users),
            {role.slug: seen.left_out(role.slug) for role in self._roles},
            frozenset(seen.dead_behaviours),
            self._name,
            begin.index,
            begin.start_at,
            begin.headers,
            tuple(begin.numbers),
            begin.key_password,
        )
        load = LoadState(
            order,
            self._sink,
            on_placed=lambda users: self._pipe.send(Placed(users)),
            on_mute=lambda error: self._die_of(error, "handing over what was recorded"),
        )
        working = [role for role in self._roles if role.slug in begin.sessions]
        load.begin_arrivals(working, {role.slug: role.weight for role in working}, SessionAssignment(begin.sessions))
        return load


def _secrets(begin: Begin | None) -> list[str]:
    if begin is None:
        return []
    own = [begin.key_password] if begin.key_password else []
    return [*(user.password for user in begin.users), *(value for _name, value in begin.headers), *own]


def allow_many_connections() -> None:
    """Lift the limit of open files as far as it goes: every virtual user has a connection of its own."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(folder: Path, name: str) -> int:
    """Make load as the coordinator says; 0 when everything was handed over."""
    descriptor_out = os.dup(1)
    os.dup2(2, 1)  # whatever prints by accident must not get between the reports
    worker = LoadWorker(folder, name, Pipe(0, descriptor_out))
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, worker.stop, "interrupted")
    return worker.run()


if __name__ == "__main__":
    locust.log.setup_logging("WARNING")  # type: ignore[no-untyped-call]
    allow_many_connections()
    folder = Path(sys.argv[1])
    try:
        sys.exit(main(folder, sys.argv[2]))
    except Exception as why:  # noqa: BLE001  whatever it is, the run has to name it
        SuiteErrorLog(folder).add(why, f"the load process {sys.argv[2]} ended by it")
        sys.exit(EXIT_BROKEN)
