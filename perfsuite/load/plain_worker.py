"""Plain Locust's worker, `locust --worker` and each process of `--processes`: one load after the other."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import gevent
from gevent.pool import Group

from perfsuite.errors import EXIT_INTERRUPTED, EXIT_PASS, EXIT_USAGE, SuiteError
from perfsuite.load.job import EXIT_LOST, LoadJob
from perfsuite.load.messages import EXIT_BROKEN, Hello, Load
from perfsuite.load.plain_master import foreign_users
from perfsuite.load.rpc import rpc_message
from perfsuite.load.state import LoadState
from perfsuite.load.versions import versions
from perfsuite.load.worker_runner import SuiteWorker
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage
from perfsuite.model import Plan, WorkerStart
from perfsuite.suite_errors import SuiteErrorLog

_LOOK_EVERY_S = 0.5

log = logging.getLogger("agentmitra")


@dataclass(frozen=True, slots=True)
class Main:
    """The process that Locust was started as; with `--processes` it forks the workers. `is_master`: theirs."""

    pid: int
    is_master: bool


class PlainJob(LoadJob):
    """One worker of plain Locust. Its files are in a temporary folder, a new one for each load."""

    reports_to_locust = True

    def __init__(self, environment: Any, start: WorkerStart, *, beside_master: bool) -> None:
        self._beside_master = beside_master
        super().__init__(environment, Path(), start, self._exit, lambda message: log.info("%s: %s", self.name, message))
        self.hooks.after = self._report

    def listen(self, runner: SuiteWorker) -> None:
        """Register for the master's messages."""
        super().listen(runner)

        def count(client_id: str, data: dict[str, Any]) -> None:
            # Locust begins to count anew with each report.
            self._environment.agentmitra_reported += data["stats_total"]["num_requests"]

        self._environment.events.report_to_master.add_listener(count)

    def _unreachable(self, plan: Plan) -> str:
        # A master on the same machine has just asked.
        return "" if self._beside_master else super()._unreachable(plan)

    def _prepare(self, load: Load, plan: Plan) -> None:
        self._remove_files()
        self._folder = Path(tempfile.mkdtemp(prefix="agentmitra-worker-"))
        super()._prepare(load, plan)

    def _make_load(self, environment: Any) -> LoadState:
        environment.agentmitra_reported = 0
        return super()._make_load(environment)

    def _report(self, _load: LoadState) -> None:
        """The rest of Locust's statistics: the master's page and its last lines show the whole."""
        self._runner._send_stats()

    # ── the end ────────────────────────────────────────────────────────────────────────────────────

    @property
    def _at_work(self) -> bool:
        """It has been offered a load, and has not handed over all of it."""
        return self._offer is not None and self._drained is None

    def quitting(self, **_event: Any) -> None:
        """Locust ends this process: finish in order."""
        if self._at_work:
            self.leave("interrupted")
        while self._at_work:  # its end had begun already
            gevent.sleep(_LOOK_EVERY_S)
        self._runner.client.send(rpc_message("quit", None, self._runner.client_id))
        self._exit(EXIT_INTERRUPTED, None)

    def interrupted(self) -> None:
        """Ctrl-C in the terminal of its own master, which leads the load to its end; the second one ends it at once."""
        if self._at_work and not self._was_interrupted:
            self._was_interrupted = True
        else:
            self._exit(EXIT_PASS, None)

    _was_interrupted = False

    def heard(self, error: BaseException, during: str) -> None:
        """An error that only Locust or gevent saw. Without a load there is only the log."""
        if self.load is not None:
            self.load.errors.add_unless_counted(error, during)

    def _exit(self, exit_code: int, why: Message | None) -> NoReturn:
        if why is not None:
            sys.stderr.write(f"{self.name}: {why}\n")
        self._remove_files()
        for each in list(self._runner.greenlet):
            if each is not gevent.getcurrent():
                each.kill(block=False)  # Locust's would go on for want of a connection
        client: Any = self._runner.client
        client.close()  # delivers what was sent
        _end(exit_code)

    def _die_of(self, error: BaseException, during: str) -> NoReturn:
        errors = self.load.errors if self.load is not None else SuiteErrorLog(None, self._start.secrets.texts)
        errors.add_unless_counted(error, during)
        _end(EXIT_BROKEN)

    def _remove_files(self) -> None:
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)


class RunningUsers(Group):  # type: ignore[misc]  # gevent has no types
    """Greenlets of users, the youngest first, as Locust counts and stops them.

    Those that have to end are left out: Locust would take them for some that run, and start too few others.
    `with_leaving`: not at the end of a load, which waits for all.
    """

    with_leaving = False

    def __init__(self) -> None:
        super().__init__()
        self.greenlets: _InOrder = _InOrder()

    def __iter__(self) -> Iterator[Any]:
        for greenlet in list(reversed(self.greenlets)):
            if self.with_leaving or not (greenlet.args and greenlet.args[0].leaving):
                yield greenlet


class _InOrder(dict[Any, None]):
    """A set that keeps the order in which its members came, with as much of a set as gevent's group uses."""

    def add(self, member: Any) -> None:
        self[member] = None

    def discard(self, member: Any) -> None:
        self.pop(member, None)


class PlainWorker(SuiteWorker):
    """Joins where Locust's main program makes it."""

    begin: ClassVar[Callable[[Any, str, int], WorkerStart]]
    """What it starts with, by environment and the master's host and port."""
    main: ClassVar[Main]

    def __init__(self, environment: Any, master_host: str, master_port: int) -> None:
        was_forked = os.getpid() != self.main.pid
        beside_master = was_forked and self.main.is_master
        if was_forked:
            gevent.spawn(_end_with, self.main)
        if foreign_users(environment):
            if was_forked:
                _end(EXIT_PASS)  # its master says why
            sys.stderr.write(f"{LoadMessage.FOREIGN_USERS(names=foreign_users(environment))}\n")
            _end(EXIT_USAGE)
        try:
            start = type(self).begin(environment, master_host, master_port)
        except SuiteError as error:
            sys.stderr.write(f"{error}\n")
            _end(error.exit_code)
        environment.agentmitra_hello = Hello(versions(), socket.gethostname(), os.getpid(), start.index)
        job = environment.agentmitra_worker = PlainJob(environment, start, beside_master=beside_master)
        try:
            super().__init__(environment, master_host, master_port)
        except KeyboardInterrupt:
            _end(EXIT_INTERRUPTED)
        if beside_master:
            gevent.signal_handler(signal.SIGINT, job.interrupted)

    def connect_to_master(self) -> None:
        """See SuiteWorker.connect_to_master; before the first user."""
        self.user_greenlets: RunningUsers = RunningUsers()
        super().connect_to_master()

    def drain(self) -> None:
        """See SuiteWorker.drain."""
        self.user_greenlets.with_leaving = True
        super().drain()
        self.user_greenlets.with_leaving = False


def _end_with(main: Main) -> None:
    """The process that forked this one is gone: Locust would let it live on."""
    while os.getppid() == main.pid:
        gevent.sleep(_LOOK_EVERY_S)
    _end(EXIT_LOST)


def _end(exit_code: int) -> NoReturn:
    """Without Locust's own end, which is that of a process with a master that knows nothing of loads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
