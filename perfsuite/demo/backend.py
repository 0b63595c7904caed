"""The reference backend as a process: in a sandbox, on its own for the command `backend`, or asked about its faults."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfsuite.demo.child import Child, Program
from perfsuite.demo.sandbox import ROOT, Sandbox
from perfsuite.errors import TargetError, UsageError
from perfsuite.messages.demo import DemoMessage

READY_WITHIN_S = 80.0
AS_DEPLOYED = "as_deployed"
DATABASE_VARIABLE, REDIS_VARIABLE = "MITRA_DATABASE_URL", "MITRA_REDIS_URL"
_READY = re.compile(r"^listening on (http://\S+)$", re.MULTILINE)
_TIMES = re.compile(r"\s+(from|to|of)\s.*")
_USAGE_ERROR = 2
_FAULTS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """How to start the backend. It writes `request_log` and `credentials_out`; port 0 takes a free one."""

    port: int = 0
    seed_factor: float = 1.0
    faults: tuple[str, ...] = ()
    request_log: Path | None = None
    credentials_out: Path | None = None

    def command(self) -> list[str]:
        """The command line. URLs of database and Redis hold passwords and go through the environment."""
        files = (("--request-log", self.request_log), ("--credentials-out", self.credentials_out))
        return [
            *(sys.executable, "-m", "mitra_backend", "--demo", "--exit-with-stdin"),
            *("--port", str(self.port), "--seed-factor", str(self.seed_factor)),
            *(part for fault in self.faults for part in ("--fault", fault)),
            *(part for option, path in files if path is not None for part in (option, str(path.absolute()))),
        ]


def _environment(database_url: str | None, redis_url: str | None) -> dict[str, str]:
    """The environment, without a database or Redis that it happens to name: those must not get demo data."""
    urls = {DATABASE_VARIABLE: database_url, REDIS_VARIABLE: redis_url}
    inherited = {name: value for name, value in os.environ.items() if name not in urls}
    return inherited | {name: url for name, url in urls.items() if url}


@contextmanager
def running_backend(
    sandbox: Sandbox, settings: BackendSettings, database_url: str | None, redis_url: str | None
) -> Iterator[tuple[Child, str]]:
    """The backend, seeded and listening, and its URL, until the end of the block."""
    folder = sandbox.subfolder("backend", for_server=False)
    environment = _environment(database_url, redis_url)
    environment |= {"PYTHONPATH": str(ROOT / "backend"), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with sandbox.running(Program("backend", settings.command(), folder, environment)) as child:
        child.wait_until(lambda: _READY.search(child.output()) is not None, sandbox.stop, READY_WITHIN_S)
        found = _READY.search(child.output())
        yield child, found.group(1) if found else ""


def start_backend(
    settings: BackendSettings, database_url: str | None = None, redis_url: str | None = None
) -> subprocess.Popen[bytes]:
    """The backend as a child that shares our terminal; it prints its address when it is ready."""
    # The pipe ends when this process ends, however that happens, and the backend with it.
    return subprocess.Popen(  # noqa: S603
        settings.command(),
        cwd=ROOT / "backend",
        env=_environment(database_url, redis_url),
        stdin=subprocess.PIPE,
    )


def faults_of(specs: Sequence[str] | None, *, as_deployed: bool) -> tuple[str, ...]:
    """All faults of a backend. Named faults override those of deployed versions."""
    return (*([AS_DEPLOYED] if as_deployed else []), *(specs or ()))


def from_the_start(faults: Sequence[str]) -> tuple[str, ...]:
    """The same faults without their times, "from 12s", "to 20s" and "of the load"."""
    return tuple(_TIMES.sub("", fault) for fault in faults)


def check_faults(specs: Sequence[str]) -> None:
    """Let the backend check the faults before anything starts: it alone knows its faults and its routes.

    Raises UsageError with the mistake and the nearest valid word, TargetError when the backend is missing.
    """
    if not specs:
        return
    try:
        checked = subprocess.run(  # noqa: S603  our own module
            [sys.executable, "-m", "mitra_backend.faults", *specs],
            cwd=ROOT / "backend",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_FAULTS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(DemoMessage.FAULTS_NOT_CHECKED(why=error)) from None
    if checked.returncode == _USAGE_ERROR:
        raise UsageError(checked.stderr.strip())
    if checked.returncode:
        last = (checked.stderr.strip().splitlines() or [f"exit code {checked.returncode}"])[-1]
        raise TargetError(DemoMessage.FAULTS_NOT_CHECKED(why=last))
