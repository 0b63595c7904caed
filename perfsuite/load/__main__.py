"""The load process of a run: `python -m perfsuite.load FOLDER`, started by the pipeline.

Reads `plan.json` and `preflight.json` in FOLDER. Standard input carries one line of JSON with the accounts
(so that no password is in a file or a process list), then stays open: the line "stop" ends the load in
order, the end of the file means that the parent is gone and ends this process at once.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import gevent.monkey

gevent.monkey.patch_all()

import gevent  # noqa: E402
import gevent.os  # noqa: E402
import locust.log  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.install import STOP_TIMEOUT_S, install  # noqa: E402
from perfsuite.load.state import Order  # noqa: E402
from perfsuite.load.users import USER_CLASSES  # noqa: E402
from perfsuite.model import Account, Plan, PreflightReport  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402

_READ_BYTES = 1 << 20
_MANY = 65_536


class Parent:
    """The pipe from the parent process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def line(self) -> bytes | None:
        """The next line without its end; None when the parent is gone."""
        while b"\n" not in self._buffer:
            data = gevent.os.tp_read(self._descriptor, _READ_BYTES)
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line


def read_order(folder: Path, accounts: bytes) -> Order:
    """The order out of the run's folder and the accounts from the pipe."""
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
    preflight = msgspec.json.decode((folder / "preflight.json").read_bytes(), type=PreflightReport)
    left_out = {role.slug: preflight.left_out(role.slug) for role in ROLES}
    dead = frozenset(preflight.dead_behaviours)
    return Order(plan, folder, msgspec.json.decode(accounts, type=tuple[Account, ...]), left_out, dead)


def allow_many_connections() -> None:
    """Lift the limit of open files as far as it goes: every virtual user has a connection of its own."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(folder: Path) -> int:
    """Make the load that the folder's plan asks for; the exit code is 0 when its record is whole."""
    parent = Parent(sys.stdin.fileno())
    accounts = parent.line()
    if accounts is None:
        return 1
    order = read_order(folder, accounts)
    environment = Environment(
        user_classes=list(USER_CLASSES), host=order.plan.host, stop_timeout=STOP_TIMEOUT_S, catch_exceptions=True
    )
    installation = install(environment, lambda _environment: order)
    runner = environment.create_local_runner()
    done = gevent.event.Event()

    def stop(reason: str) -> None:
        if not done.is_set():
            installation.reason = reason
            done.set()

    gevent.spawn(_obey, parent, stop)
    gevent.signal_handler(signal.SIGTERM, stop, "interrupted")
    gevent.signal_handler(signal.SIGINT, stop, "interrupted")
    scenario = order.plan.scenario
    runner.start(scenario.users, spawn_rate=scenario.spawn_rate)
    gevent.spawn_later(scenario.duration_s, stop, "completed")
    done.wait()
    runner.quit()
    return 0


def _obey(parent: Parent, stop: Callable[[str], None]) -> None:
    while (line := parent.line()) is not None:
        word, _, reason = line.decode().partition(" ")
        if word == "stop":
            stop(reason or "interrupted")
    # The parent is gone: nobody will read the rest, and load must not go on unwatched.
    os._exit(1)


if __name__ == "__main__":
    locust.log.setup_logging("WARNING")  # type: ignore[no-untyped-call]
    allow_many_connections()
    sys.exit(main(Path(sys.argv[1])))
