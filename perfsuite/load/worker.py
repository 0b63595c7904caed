"""A load process: `python -m perfsuite.load.worker FOLDER`. It ends with its standard input.

The master of a run starts its own ones, the command `worker` those on other machines. On standard input comes one line
of JSON (`WorkerStart`), so that no secret is in a file or a process list. It says on standard error what becomes of it.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
import gevent.os  # noqa: E402
import locust  # noqa: E402
import locust.log  # noqa: E402
import locust.runners  # noqa: E402
import msgspec  # noqa: E402
from gevent.event import AsyncResult  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.errors import EXIT_INTERRUPTED  # noqa: E402
from perfsuite.load.caught import listen_for_errors  # noqa: E402
from perfsuite.load.channel import Channel  # noqa: E402
from perfsuite.load.job import LoadJob  # noqa: E402
from perfsuite.load.locust_count import LocustCount  # noqa: E402
from perfsuite.load.messages import EXIT_BROKEN, Hello  # noqa: E402
from perfsuite.load.versions import versions  # noqa: E402
from perfsuite.load.worker_runner import SuiteWorker  # noqa: E402
from perfsuite.messages import Message  # noqa: E402
from perfsuite.messages.load import WorkerMessage  # noqa: E402
from perfsuite.model import WorkerStart  # noqa: E402
from perfsuite.suite_errors import SuiteErrorLog  # noqa: E402

_MANY = 65_536
_READ_BYTES = 1 << 16


def environment_of_worker(start: WorkerStart) -> Any:
    """Locust's environment of a worker; what the load is made of follows with the master's first message."""
    environment: Any = Environment(events=locust.events, user_classes=[], catch_exceptions=True)
    # Without any, Locust would read its own variables and files for them.
    environment.parsed_options = argparse.Namespace(web_base_path="", headless=False)
    environment.agentmitra_hello = Hello(versions(), socket.gethostname(), os.getpid(), start.index, start.local)
    return environment


def run(folder: Path, start: WorkerStart) -> int:
    """Work for the master until it ends this worker; the exit code."""
    ended: AsyncResult = AsyncResult()

    def end(exit_code: int, why: Message | None) -> NoReturn:
        ended.set((exit_code, why))
        gevent.sleep(10.0)  # the main greenlet ends the process
        os._exit(exit_code)

    environment = environment_of_worker(start)
    job = environment.agentmitra_worker = LoadJob(environment, folder, start, end, lambda message: note(message))

    def note(message: Message) -> None:
        sys.stderr.write(f"{job.name}: {message}\n")
        sys.stderr.flush()

    listen_for_errors(job.heard)
    gevent.spawn(_end_with_input)
    # Locust makes its sockets by this name, also when it makes them anew.
    locust.runners.rpc = Channel(start.token)  # type: ignore[assignment,attr-defined]
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, _leave, job, ended)
    gevent.spawn(_join, environment, start)
    exit_code, why = ended.get()
    if environment.runner is not None:
        environment.runner.close()
    if why is not None:
        note(why)
    return int(exit_code)


def _join(environment: Any, start: WorkerStart) -> None:
    environment.stats = LocustCount()
    SuiteWorker(environment, start.master_host, start.master_port)


def _leave(job: LoadJob, ended: AsyncResult) -> None:
    job.leave("interrupted")
    ended.set((EXIT_INTERRUPTED, WorkerMessage.INTERRUPTED()))


def _end_with_input() -> None:
    """Whoever started this process is gone: nobody will read the rest, and load must not go on unwatched."""
    gevent.os.make_nonblocking(0)
    while gevent.os.nb_read(0, _READ_BYTES):
        continue
    os._exit(1)


def allow_many_connections() -> None:
    """Lift the limit of open files as far as it goes: every virtual user has a connection of its own."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(folder: Path) -> int:
    """Serve one run."""
    with open(0, "rb", buffering=0, closefd=False) as pipe:
        line = pipe.readline()
    if not line:
        return 1
    start = msgspec.json.decode(line, type=WorkerStart)
    os.dup2(2, 1)  # whatever prints by accident
    return run(folder, start)


if __name__ == "__main__":
    locust.log.setup_logging("WARNING")  # type: ignore[no-untyped-call]
    allow_many_connections()
    folder = Path(sys.argv[1])
    try:
        code = main(folder)
    except Exception as why:  # noqa: BLE001  whatever it is, the run has to name it
        SuiteErrorLog(folder).add(why, "a load process ended by it")
        code = EXIT_BROKEN
    os._exit(code)
