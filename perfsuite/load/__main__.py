"""The load of a run: `python -m perfsuite.load FOLDER`, started by the pipeline. It makes no load itself.

Standard input carries one line of JSON with accounts and headers (so that no secret is in a file or a process list),
then stays open: a line "stop REASON" ends the load in order, "level ORDER" changes the load of a search for the
capacity (`LevelOrder` as JSON), the end of the file means that the parent is gone and ends everything at once.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
import gevent.os  # noqa: E402
import locust  # noqa: E402
import locust.log  # noqa: E402
import locust.runners  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.exception import RPCError  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.errors import EXIT_INCONCLUSIVE, LoadError, SuiteError, UsageError  # noqa: E402
from perfsuite.load.caught import listen_for_errors  # noqa: E402
from perfsuite.load.channel import Channel  # noqa: E402
from perfsuite.load.coordinator import Coordinator, LoadFiles  # noqa: E402
from perfsuite.load.master import MasterJob, SuiteMaster  # noqa: E402
from perfsuite.load.messages import EXIT_BROKEN, Hello  # noqa: E402
from perfsuite.load.placement import users_of  # noqa: E402
from perfsuite.load.stages import StageLeader  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.load.worker_handle import LocalProcess, WorkerHandle  # noqa: E402
from perfsuite.messages import Message  # noqa: E402
from perfsuite.messages.load import LoadMessage, WorkerMessage  # noqa: E402
from perfsuite.model import Account, LevelOrder, Plan, Secrets, WorkerStart  # noqa: E402
from perfsuite.roles.mix import start_order, users_by_role  # noqa: E402
from perfsuite.roles.work import roles_of  # noqa: E402
from perfsuite.suite_errors import LOG_FILE, SuiteErrorLog, message_of  # noqa: E402

READY_WITHIN_S = 60.0
_COLLECT_AFTER = 50_000, 20, 20
"""See `gc.set_threshold`. Batches leave hardly any cycles behind: with Python's own 700 objects, looking for some took
a sixth of the time of a master with many workers."""
_READ_BYTES = 1 << 16
_SETTLES_S = 0.2
"""After a process has died: so long its last messages may take to be read."""


class LoadMaster(MasterJob):
    """The master of one run, with its own workers on this machine."""

    def __init__(self, files: LoadFiles, secrets: Secrets) -> None:
        self._plan, self._secrets, self._files = files.plan, secrets, files
        self._coordinator = Coordinator(files, secrets.accounts)
        self._processes: list[LocalProcess] = []
        self._died_at: dict[int, float] = {}
        """By process id: when that was seen, monotonic s."""
        self._reported: set[int] = set()
        """Process ids of those that have been taken note of."""
        self._has_reported_strangers = False
        self._level: LevelOrder | None = None
        """In a search for the capacity: the one asked for last."""
        self._may_begin = False
        roles = self._roles = roles_of(self._plan.scenario, importlib.import_module(self._plan.roles_module).ROLES)
        environment: Any = Environment(events=locust.events, user_classes=user_classes(roles))
        environment.host, environment.stop_timeout = self._plan.host, self._plan.stop_timeout_s
        environment.agentmitra_master = self
        self.users = _users(self._plan, secrets.accounts, roles)
        locust.runners.rpc = Channel(secrets.token)  # type: ignore[assignment,attr-defined]
        host, port = _address(self._plan.bind)
        try:
            self._master = SuiteMaster(environment, host, port)
        except RPCError as error:
            raise UsageError(error.args[0]) from error
        environment.runner = self._master
        self._coordinator.attach(self._master)

    def run(self) -> int:
        """Lead the run to its end; 0 when its record is whole."""
        listen_for_errors(lambda error, _during: self.failed(error))
        gevent.spawn(self._obey)
        why = None
        try:
            self._start_workers()
            self._wait_for_workers()
            if not self._coordinator.workers or self._coordinator.stopping:
                self._coordinator.write()
                return 1
            self._begin()
            self._coordinator.until(lambda: self._is_over or not self._coordinator.workers)
            self._coordinator.drain(self._coordinator.stopping or "completed")
            self._coordinator.finish()
            whole = any(worker.drained is not None and not worker.lost for worker in self._master.workers.values())
            return 0 if whole else 1
        except SuiteError as error:
            why = WorkerMessage.RUN_ENDED(why=error)
            raise
        finally:
            self._end_workers(why)
            self._coordinator.close()

    def stop(self, reason: str) -> None:
        """End the load in order; the first reason counts."""
        self._coordinator.stop(reason)

    def _begin(self) -> None:
        scenario = self._plan.scenario
        if self._plan.capacity is not None:
            self._may_begin = True
            self._enter_level()
            self._coordinator.until(lambda: bool(self._coordinator.start_at or self._coordinator.stopping))
        elif scenario.stages:
            StageLeader(self._coordinator, scenario, self._users_of).begin()
        else:
            self._coordinator.begin(self.users)

    def _enter_level(self) -> None:
        if self._may_begin and self._level is not None:
            level = self._level
            self._coordinator.enter_level(level, users_of(self._secrets.accounts, start_order(level.users)))

    def _users_of(self, count: int) -> list[Account]:
        """An account for each of so many users, in the order in which they start."""
        if count == self._plan.scenario.users:
            return self.users
        working = [role for role in self._roles if self._plan.users_by_role.get(role.slug)]
        return users_of(self._secrets.accounts, start_order(users_by_role(count, working)))

    @property
    def _is_over(self) -> bool:
        led = self._coordinator
        return bool(led.stopping) or led.users_are_done or utc_s() >= led.end_at

    # ── workers ────────────────────────────────────────────────────────────────────────────────────

    def _start_workers(self) -> None:
        start = WorkerStart("127.0.0.1", self._master.port, self._secrets.token, self._secrets)
        self._processes = [LocalProcess(self._files.folder, start) for _number in range(self._plan.processes)]

    def _wait_for_workers(self) -> None:
        """Until all expected have joined. Raises LoadError where too few from other machines did in time."""
        expected, wait_s = self._plan.expect_workers, self._plan.expect_workers_max_wait_s
        began = time.monotonic()
        self._coordinator.until(lambda: self._has_ended or self._here(local=False) >= expected, wait_s)
        if self._here(local=False) >= expected:
            processes = self._plan.processes
            within_s = max(READY_WITHIN_S - (time.monotonic() - began), 0.0)
            self._coordinator.until(
                lambda: self._has_ended or self._here(local=True) >= processes - len(self._reported), within_s
            )
        joined = self._here(local=False)
        if joined < expected and not self._coordinator.stopping:
            raise LoadError(LoadMessage.TOO_FEW_WORKERS(joined=joined, expected=expected, waited_s=wait_s))

    def _here(self, *, local: bool) -> int:
        return sum(worker.hello.local is local for worker in self._coordinator.workers)

    @property
    def _has_ended(self) -> bool:
        """There is nobody to wait for: the user wants no load, or all processes have died."""
        died = not self._plan.expect_workers and len(self._reported) == len(self._processes)
        return died or bool(self._coordinator.stopping)

    def refused(self, hello: Hello | None, why: Message) -> None:
        """Somebody may not join."""
        self._coordinator.refused(hello, str(why))

    def watch(self) -> None:
        """Look for processes of this machine that died, and for strangers."""
        if self._master.strangers and not self._has_reported_strangers:
            self._has_reported_strangers = True
            self.refused(None, WorkerMessage.OTHER_TOKEN())
        workers = {worker.hello.pid: worker for worker in self._master.workers.values() if worker.hello.local}
        now = time.monotonic()
        for process in self._processes:
            if process.exit_code is None or process.pid in self._reported:
                continue
            if now - self._died_at.setdefault(process.pid, now) < _SETTLES_S:
                continue
            self._reported.add(process.pid)
            worker, why = workers.get(process.pid), _death(process.exit_code or 0)
            if worker is None:
                self._coordinator.never_joined(process.pid, why)
            elif worker.drained is None:
                self._master.give_up(worker, why)

    def _end_workers(self, why: Message | None) -> None:
        for worker in self._master.workers.values():
            self._master.dismiss(worker, why)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and any(process.exit_code is None for process in self._processes):
            gevent.sleep(0.02)
        for process in self._processes:
            process.close()
        self._master.close()

    # ── what the master hears ──────────────────────────────────────────────────────────────────────

    def connected(self, worker: WorkerHandle) -> None:
        """It has joined: offer it the load."""
        if worker.hello.local:
            worker.process = next((each for each in self._processes if each.pid == worker.hello.pid), None)
        self._coordinator.offer(worker)

    def lost(self, worker: WorkerHandle, why: Message) -> None:
        """Its users go elsewhere."""
        self._coordinator.lost(worker, why)

    def missed_offer(self, worker: WorkerHandle) -> None:
        """It hears of the load again."""
        self._coordinator.offer(worker)

    def missed_order(self, worker: WorkerHandle) -> None:
        """It hears its orders again."""
        self._coordinator.missed_order(worker)

    def failed(self, error: BaseException) -> None:
        """The run ends by it, and names it."""
        self._coordinator.failed(error)

    # ── what the parent says ───────────────────────────────────────────────────────────────────────

    def _obey(self) -> None:
        gevent.os.make_nonblocking(0)
        rest = b""
        while data := gevent.os.nb_read(0, _READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                command, _, reason = line.decode().partition(" ")
                if command == "stop":
                    self.stop(reason or "interrupted")
                elif command == "level":
                    self._level = msgspec.json.decode(reason, type=LevelOrder)
                    self._enter_level()
        # The parent is gone: nobody will read the rest, and load must not go on unwatched.
        for process in self._processes:
            process.kill()
        os._exit(1)


def _users(plan: Plan, accounts: Sequence[Account], roles: Sequence[Any]) -> list[Account]:
    in_order = {role.slug: plan.users_by_role[role.slug] for role in roles if plan.users_by_role.get(role.slug)}
    return users_of(accounts, start_order(in_order))


def _address(bind: str) -> tuple[str, int]:
    """Host and port to listen at; port 0 is any that is free."""
    if not bind:
        return "127.0.0.1", 0
    host, _, port = bind.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _death(code: int) -> Message:
    if code < 0:
        # The kernel kills a process that takes the memory others need; nobody else usually does.
        cause = LoadMessage.OUT_OF_MEMORY if code == -signal.SIGKILL else LoadMessage.KILLED
        return cause(signal=signal.Signals(-code).name)
    if code == EXIT_BROKEN:
        return LoadMessage.SUITE_ERROR(log=LOG_FILE)
    return LoadMessage.EXITED(code=code)


def main(folder: Path) -> int:
    """Make the load that the folder's plan asks for; the exit code is 0 when its record is whole."""
    # Unbuffered: the rest is read by the descriptor.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
        line = pipe.readline()
    if not line:
        return 1
    gc.set_threshold(*_COLLECT_AFTER)
    master = LoadMaster(LoadFiles.of(folder), msgspec.json.decode(line, type=Secrets))
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, master.stop, "interrupted")
    return master.run()


def _report_end(error: str) -> None:
    """Why the load ended, to the parent over the pipe: a full disk, which is a usual reason, takes no log."""
    with suppress(BrokenPipeError):
        print(error, flush=True)  # noqa: T201


def exit_code_of(folder: Path) -> int:
    """Make the load; where it failed, say why."""
    try:
        return main(folder)
    except SuiteError as why:
        _report_end(str(why))
        return EXIT_INCONCLUSIVE
    except Exception as why:  # noqa: BLE001  whatever it is, the run has to name it
        place = SuiteErrorLog(folder).add(why, "leading the load")
        _report_end(f"{place}: {message_of(why)} (traceback in {LOG_FILE})")
        return 1


if __name__ == "__main__":
    locust.log.setup_logging("WARNING")  # type: ignore[no-untyped-call]
    os._exit(exit_code_of(Path(sys.argv[1])))
