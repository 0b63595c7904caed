"""The reference backend as a child of the supervisor."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfsuite.demo.child import Child, Program
from perfsuite.demo.house import ROOT, House

READY_WITHIN_S = 80.0
DATABASE_VARIABLE = "MITRA_DATABASE_URL"
REDIS_VARIABLE = "MITRA_REDIS_URL"
_READY = re.compile(r"^listening on (http://\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BackendOrder:
    """How the backend is to be started. `request_log` and `credentials` are files that it writes."""

    request_log: Path
    credentials: Path
    port: int = 0
    seed_factor: float = 1.0
    faults: tuple[str, ...] = ()


@contextmanager
def running_backend(
    house: House, order: BackendOrder, database_url: str | None, redis_url: str | None
) -> Iterator[tuple[Child, str]]:
    """The backend, seeded and listening, and its URL, until the end of the block."""
    room = house.room("backend", for_server=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend"), "TMPDIR": str(room), "PYTHONUNBUFFERED": "1"}
    for name, value in ((DATABASE_VARIABLE, database_url), (REDIS_VARIABLE, redis_url)):
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    program = Program("backend", backend_command(_arguments(order)), room, environment)
    with house.running(program) as child:
        child.wait_until(lambda: _READY.search(child.output()) is not None, house.stop, READY_WITHIN_S)
        found = _READY.search(child.output())
        yield child, found.group(1) if found else ""


def backend_command(arguments: Sequence[str]) -> list[str]:
    """The command of a backend. Its database and Redis it takes from the environment: their URLs hold passwords."""
    return [sys.executable, "-m", "mitra_backend", *arguments]


def _arguments(order: BackendOrder) -> list[str]:
    return [
        *("--host", "127.0.0.1"),
        *("--port", str(order.port)),
        *("--seed", "1"),
        *("--seed-factor", str(order.seed_factor)),
        "--demo",
        *("--request-log", str(order.request_log)),
        *("--credentials-out", str(order.credentials)),
        *(part for fault in order.faults for part in ("--fault", fault)),
        "--exit-with-stdin",
    ]
