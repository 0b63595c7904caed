"""Starts everything of a demo, says once that it is ready, and stops everything when told to."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from perfsuite.demo.backend import BackendOrder, running_backend
from perfsuite.demo.house import House, opened_house
from perfsuite.demo.postgres import running_postgres
from perfsuite.demo.programs import FULL_DEMO, find_program, server_identity
from perfsuite.demo.redis import running_redis
from perfsuite.demo.stop import Stop, Stopped

KINDS = ("embedded", "full")
_CHECK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """What to start. URLs given here take the place of the private servers; None = as `kind` says."""

    kind: str = "embedded"
    port: int = 0
    seed_factor: float = 1.0
    faults: tuple[str, ...] = ()
    request_log: Path | None = None
    credentials_out: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """What runs, told once over the pipe to the parent. Holds secrets: never logged, never written to a file."""

    host: str
    credentials: str
    request_log: str
    pid: int
    """Of the backend."""
    supervisor_pid: int
    server_pids: dict[str, int]
    data_dir: str
    postgres_dsn: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)


def supervise(order: DemoOrder, stop: Stop, announce: Callable[[Ready], None]) -> None:
    """Run the demo until `stop`. Raises TargetError when it cannot begin or something in it dies."""
    needs_servers = order.kind == "full"
    if needs_servers:
        for name in FULL_DEMO:
            find_program(name)
    identity = server_identity() if needs_servers else None
    with ExitStack() as stack:
        try:
            house = stack.enter_context(opened_house(identity, stop))
            announce(_open(order, house, stack))
            while not stop.wait(_CHECK_EVERY_S):
                house.check()
        except Stopped:
            return


def _open(order: DemoOrder, house: House, stack: ExitStack) -> Ready:
    """Start what the order asks for; the stack stops it in the opposite order."""
    pids: dict[str, int] = {}
    database_url, redis_url = order.database_url, order.redis_url
    if order.kind == "full" and database_url is None:
        child, database_url = stack.enter_context(running_postgres(house))
        pids["postgres"] = child.pid
    if order.kind == "full" and redis_url is None:
        child, redis_url = stack.enter_context(running_redis(house))
        pids["redis"] = child.pid
    backend_order = BackendOrder(
        request_log=order.request_log or house.folder / "requests.jsonl",
        credentials=order.credentials_out or house.folder / "credentials.csv",
        port=order.port,
        seed_factor=order.seed_factor,
        faults=order.faults,
    )
    backend, host = stack.enter_context(running_backend(house, backend_order, database_url, redis_url))
    return Ready(
        host=host,
        credentials=str(backend_order.credentials),
        request_log=str(backend_order.request_log),
        pid=backend.pid,
        supervisor_pid=os.getpid(),
        server_pids=pids,
        data_dir=str(house.folder),
        postgres_dsn=database_url if "postgres" in pids else None,
        redis_url=redis_url if "redis" in pids else None,
    )
