"""The suite's side of a demo: start it, learn where it is, stop it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from perfsuite.errors import TargetError

_ROOT = Path(__file__).resolve().parents[2]
_STOP_WITHIN_S = 45.0


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demo is to be. `request_log` None: in the demo's own folder, which goes when it ends."""

    port: int = 0
    seed_factor: float = 1.0
    faults: tuple[str, ...] = ()
    request_log: Path | None = None
    ready_within_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs. `pid` is that of the backend, which a monitor watches. Secrets stay out of its repr."""

    host: str
    credentials: Path
    request_log: Path
    pid: int
    supervisor_pid: int
    server_pids: dict[str, int]
    data_dir: Path
    postgres_dsn: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)


@contextmanager
def running_demo(kind: str, settings: DemoSettings | None = None) -> Iterator[Demo]:
    """A demo, "embedded" or "full", that is ready; it is gone at the end of the block, and when we die.

    Raises TargetError with a clear line when it does not become ready.
    """
    settings = settings or DemoSettings()
    with tempfile.TemporaryFile() as said:
        supervisor = _start(kind, settings, said)
        try:
            yield _ready(supervisor, settings.ready_within_s, said)
        finally:
            _stop(supervisor)
            with suppress(OSError):  # nobody may be left to read it
                sys.stderr.writelines(f"{line}\n" for line in _text(said).splitlines())


def _start(kind: str, settings: DemoSettings, said: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "perfsuite.demo", kind]
    command += ["--port", str(settings.port), "--seed-factor", str(settings.seed_factor)]
    command += [part for fault in settings.faults for part in ("--fault", fault)]
    if settings.request_log is not None:
        command += ["--request-log", str(settings.request_log.absolute())]
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        start_new_session=True,
    )


def _ready(supervisor: subprocess.Popen[bytes], within_s: float, said: IO[bytes]) -> Demo:
    line = _first_line(supervisor, within_s)
    if line is None:
        raise TargetError(f"the demo was not ready within {within_s:.0f} s: is the machine very busy?")
    if not line.endswith(b"\n"):
        supervisor.wait(_STOP_WITHIN_S)
        message = _text(said) or f"the demo ended with exit code {supervisor.returncode} before it was ready"
        said.truncate(0)
        raise TargetError(message)
    told = json.loads(line)
    return Demo(
        host=told["host"],
        credentials=Path(told["credentials"]),
        request_log=Path(told["request_log"]),
        pid=told["pid"],
        supervisor_pid=told["supervisor_pid"],
        server_pids=told["server_pids"],
        data_dir=Path(told["data_dir"]),
        postgres_dsn=told["postgres_dsn"],
        redis_url=told["redis_url"],
    )


def _first_line(supervisor: subprocess.Popen[bytes], within_s: float) -> bytes | None:
    """The first line, without its end when the other side closed before; None when it took too long."""
    if supervisor.stdout is None:
        return b""
    descriptor = supervisor.stdout.fileno()
    until = time.monotonic() + within_s
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(until - time.monotonic(), 0))
        if not ready:
            return None
        part = os.read(descriptor, 65536)
        if not part:
            break
        line += part
    return line


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    """End its stdin, which ends it; kill it when that does not help (its janitor then cleans up)."""
    for pipe in (supervisor.stdin, supervisor.stdout):
        if pipe is not None:
            pipe.close()
    try:
        supervisor.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _text(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode("utf-8", errors="replace").strip()
