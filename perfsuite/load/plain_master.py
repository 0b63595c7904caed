"""Plain Locust's master, `locust --master` and `--processes`: one exact load after the other over the same workers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gevent
from gevent.event import Event
from locust.exception import RPCError
from locust.rpc import Message as RpcMessage
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_SPAWNING, STATE_STOPPED

from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_USAGE, LoadError, SuiteError
from perfsuite.load.channel import Channel, ChannelServer
from perfsuite.load.coordinator import Coordinator, LoadFiles
from perfsuite.load.master import MasterJob, SuiteMaster
from perfsuite.load.state import LoadOrder
from perfsuite.load.users import RoleUser
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage
from perfsuite.model import Account
from perfsuite.suite_errors import SuiteErrorLog

CHECKED_WITHIN_S = 60.0
"""So long a load waits for its workers to say whether they can make it."""
_KEPT_OPTIONS = ("expect_workers", "tags", "exclude_tags")
"""Options of the master that Locust wants its workers to have. Others may be secret: each worker has its own."""

log = logging.getLogger("agentmitra")


@dataclass(frozen=True, slots=True)
class LoadMaking:
    """What a load takes that the engine does not know. The first two raise SuiteError where there can be no load."""

    order: Callable[[Any, int, float, int], LoadOrder]
    """Environment, users, users per second and number of workers → what to make, with the folder of the run."""
    users: Callable[[LoadOrder, int], list[Account]]
    """So many users, each with an account, in the order in which they start."""
    after: Callable[[LoadOrder, SuiteErrorLog], None]
    """Its record is written."""


@dataclass(slots=True, eq=False)
class _PlainLoad:
    """One load. `begun`: its users were placed, or it ended before."""

    users: int
    spawn_rate: float
    order: LoadOrder | None = None
    coordinator: Coordinator | None = None
    errors: SuiteErrorLog = field(default_factory=lambda: SuiteErrorLog(None))
    begun: Event = field(default_factory=Event)
    ends: bool = False
    """Somebody asked for it."""
    over: bool = False
    """Its record is written."""
    exit_code: int | None = None

    def stop(self, reason: str) -> None:
        """End it in order, wherever it is."""
        self.ends = True
        if self.coordinator is not None:
            self.coordinator.stop(reason)


class PlainLoads(MasterJob):
    """The loads of one master."""

    def __init__(self, environment: Any, making: LoadMaking) -> None:
        self._environment = environment
        self._making = making
        self._load: _PlainLoad | None = None
        self._leading: gevent.Greenlet | None = None

    @property
    def _master(self) -> SuiteMaster:
        master: SuiteMaster = self._environment.runner
        return master

    @property
    def _coordinator(self) -> Coordinator | None:
        """Of the load that is being made; None without one."""
        return self._load.coordinator if self._load is not None and not self._load.over else None

    def heard(self, error: BaseException, during: str) -> None:
        """An error that only Locust or gevent saw. Without a load there is only the log."""
        if self._load is not None:
            self._load.errors.add_unless_counted(error, during)

    # ── from Locust ────────────────────────────────────────────────────────────────────────────────

    def start(self, users: int, spawn_rate: float) -> None:
        """Begin a load, or change the number of users of the one that is being made."""
        while (load := self._load) is not None and (load.ends or load.over):
            self._wait()
        if load is not None:
            load.begun.wait()
            self._change(load, users, spawn_rate)
            return
        load = self._load = _PlainLoad(users, spawn_rate)
        # A greenlet of its own: Locust kills the one that calls this.
        self._leading = gevent.spawn(self._lead, load)
        load.begun.wait()

    def _change(self, load: _PlainLoad, users: int, spawn_rate: float) -> None:
        if load.ends or load.order is None or load.coordinator is None:
            return
        try:
            wanted = self._making.users(load.order, users)
        except SuiteError as error:
            log.error("%s", error)
            return
        load.coordinator.retarget(wanted, spawn_rate)

    @property
    def at_work(self) -> bool:
        """A load is being prepared, made or cleaned up after."""
        return self._load is not None

    def stop(self) -> None:
        """End the load that is being made; returns when its record is written and what it made is removed."""
        if self._load is not None:
            self._load.stop("completed")
        self._wait()

    def _wait(self) -> None:
        if self._leading is not None:
            self._leading.join()

    # ── one load ───────────────────────────────────────────────────────────────────────────────────

    def _lead(self, load: _PlainLoad) -> None:
        try:
            self._make(load)
        except SuiteError as error:
            log.error("%s", error)
            load.exit_code = error.exit_code
        except Exception as error:  # as where Locust swallows it: counted, and named in the log
            log.exception("an error of the suite itself ended the load")
            load.errors.add_unless_counted(error, "leading the load")
            load.exit_code = EXIT_INCONCLUSIVE
        load.over = True
        load.begun.set()
        try:
            if load.coordinator is not None:
                load.coordinator.close()
            if load.order is not None:
                self._making.after(load.order, load.errors)
        finally:
            self._load = None
        if not load.ends:
            self._end_by_itself(load)

    def _make(self, load: _PlainLoad) -> None:
        workers = [worker for worker in self._master.workers.values() if worker.connected and not worker.lost]
        if not workers:
            raise LoadError(LoadMessage.NO_WORKERS())
        order = self._making.order(self._environment, load.users, load.spawn_rate, len(workers))
        load.order = order
        secrets = (*(account.password for account in order.accounts), *(value for _name, value in order.headers))
        load.errors = SuiteErrorLog(order.folder, secrets)
        users = self._making.users(order, load.users)
        coordinator = Coordinator(LoadFiles.of(order.folder), order.accounts)
        for worker in self._master.workers.values():
            worker.begin_load()
        coordinator.attach(self._master)
        load.coordinator = coordinator
        try:
            for worker in workers:
                coordinator.offer(worker)
            coordinator.until(
                lambda: load.ends or all(worker.checked or worker.lost for worker in workers), CHECKED_WITHIN_S
            )
            if coordinator.workers and not load.ends:
                coordinator.begin(users)
                load.begun.set()
                coordinator.until(lambda: bool(coordinator.stopping) or not coordinator.workers)
            if not coordinator.workers and not load.ends:
                log.error("%s", LoadMessage.NO_WORKERS())
            coordinator.drain(coordinator.stopping or "completed")
            coordinator.finish()
        except Exception:
            # Nobody would take what they record.
            for worker in coordinator.workers:
                self._master.give_up(worker, LoadMessage.LOAD_FAILED())
            raise

    def _end_by_itself(self, load: _PlainLoad) -> None:
        """Nobody asked Locust to stop: all workers are gone, or something went wrong."""
        self._environment.process_exit_code = EXIT_INCONCLUSIVE if load.exit_code is None else load.exit_code
        master = self._master
        gevent.spawn(master.stop if self._environment.web_ui else master.quit)

    # ── what the master hears ──────────────────────────────────────────────────────────────────────

    def connected(self, worker: WorkerHandle) -> None:
        """It may help with the load that is being made; else with the next one."""
        if self._coordinator is not None:
            self._coordinator.offer(worker)

    def lost(self, worker: WorkerHandle, why: Message) -> None:
        """Its users go elsewhere."""
        log.warning("%s %s", worker.name, why)
        if self._coordinator is not None:
            self._coordinator.lost(worker, why)

    def missed_order(self, worker: WorkerHandle) -> None:
        """It hears its orders again."""
        if self._coordinator is not None:
            self._coordinator.missed_order(worker)

    def failed(self, error: BaseException) -> None:
        """The load ends by it, and names it; without a load there is only the log."""
        if self._coordinator is not None:
            self._coordinator.failed(error)
        else:
            log.error("an error of the suite itself: %r", error)


def foreign_users(environment: Any) -> list[str]:
    """The user classes that stand for no role: where they run, and with which accounts, nobody here knows."""
    return [each.__name__ for each in environment.user_classes if not issubclass(each, RoleUser)]


class PlainMaster(SuiteMaster):
    """Locust's main program and its web page start and stop this one as any other."""

    making: ClassVar[LoadMaking]
    greenlet: Any = None
    """Locust looks for it at the end of an object, although that may have ended in its beginning."""

    def __init__(self, environment: Any, master_bind_host: str, master_bind_port: int) -> None:
        if own := foreign_users(environment):
            sys.stderr.write(f"{LoadMessage.FOREIGN_USERS(names=own)}\n")
            sys.exit(EXIT_USAGE)
        self._loads = environment.agentmitra_master = PlainLoads(environment, self.making)
        self._begins = False
        try:
            super().__init__(environment, master_bind_host, master_bind_port)
        except RPCError as error:
            sys.stderr.write(f"{error.args[0]}\n")
            sys.exit(EXIT_USAGE)

    def start(
        self, user_count: int, spawn_rate: float, wait: bool = False, user_classes: Sequence[Any] | None = None
    ) -> None:
        """Begin a load, or change the number of its users. The names of the parameters are Locust's."""
        if not self._loads.at_work:
            # The page shows it at once, although the users begin a moment later.
            self._begins = True
            self.update_state(STATE_SPAWNING)
        self._loads.start(user_count, spawn_rate)

    def place(self, dispatcher: Any, users: int, spawn_rate: float) -> None:
        """See SuiteMaster.place."""
        if self._begins:
            self._begins = False
            self.update_state(STATE_INIT)  # by which Locust clears its statistics and fires its event
        super().place(dispatcher, users, spawn_rate)

    def stop(self, send_stop_to_client: bool = True) -> None:
        """End the load with nothing lost; the workers are ready for the next one."""
        if self._loads.at_work:
            self.update_state(STATE_INIT if self._begins else STATE_CLEANUP)
        self._begins = False
        self._loads.stop()
        super().stop(send_stop_to_client=False)
        self.update_state(STATE_STOPPED)

    def check_stopped(self) -> None:
        """Locust looks at its workers for this; here `stop` knows."""

    def rebalancing_enabled(self) -> bool:
        """Locust's own way to use a worker that comes late. Here it is a spare one."""
        return False


class PlainChannel(Channel):
    """A channel whose master keeps its options to itself: Locust sends all of them to every worker."""

    def Server(self, host: str, port: int) -> ChannelServer:
        """See Channel.Server."""
        return _DiscreetServer(self._keys, host, port)


class _DiscreetServer(ChannelServer):
    def send_to_client(self, message: RpcMessage) -> bool:
        if message.type == "spawn":
            options = message.data["parsed_options"]
            message.data["parsed_options"] = {name: options[name] for name in _KEPT_OPTIONS if name in options}
        return super().send_to_client(message)
