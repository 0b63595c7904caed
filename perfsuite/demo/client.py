"""The suite's side of a demo: start it, learn its addresses, stop it."""

from __future__ import annotations

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
from typing import IO, Any, TypeVar

import msgspec

from perfsuite.demo.backend import BackendSettings
from perfsuite.errors import TargetError
from perfsuite.messages.demo import DemoMessage

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 90.0
_STOP_WITHIN_S = 45.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `pid` is the backend's, for the monitor. Secrets stay out of its repr, logs and files."""

    host: str
    credentials: Path
    request_log: Path
    pid: int
    supervisor_pid: int
    server_pids: dict[str, int]
    data_dir: Path
    postgres_dsn: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)


def to_json(value: object) -> bytes:
    """A record between suite and supervisor, in one line; paths as text."""
    return msgspec.json.encode(value, enc_hook=str)


def from_json(line: bytes, kind: type[T]) -> T:
    """The record of such a line."""

    def path(type_: type[Any], text: str) -> Any:
        return type_(text)

    return msgspec.json.decode(line, type=kind, dec_hook=path)


@contextmanager
def running_demo(
    kind: str, settings: BackendSettings | None = None, *, ready_within_s: float = _READY_WITHIN_S
) -> Iterator[Demo]:
    """A demo, "embedded" or "full", that is ready; it ends with the block, or with this process.

    Raises TargetError when it does not become ready.
    """
    command = [sys.executable, "-m", "perfsuite.demo", kind, to_json(settings or BackendSettings()).decode()]
    with tempfile.TemporaryFile() as errors:
        supervisor = subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            yield _ready(supervisor, ready_within_s, errors)
        finally:
            _stop(supervisor)
            with suppress(OSError):  # nobody may be left to read it
                sys.stderr.writelines(f"{line}\n" for line in _text(errors).splitlines())


def _ready(supervisor: subprocess.Popen[bytes], within_s: float, errors: IO[bytes]) -> Demo:
    line = _first_line(supervisor, within_s)
    if line is None:
        raise TargetError(DemoMessage.TOO_SLOW(within_s=within_s))
    if not line.endswith(b"\n"):
        supervisor.wait(_STOP_WITHIN_S)
        message = _text(errors) or DemoMessage.ENDED(exit_code=supervisor.returncode)
        errors.truncate(0)
        raise TargetError(message)
    return from_json(line, Demo)


def _first_line(supervisor: subprocess.Popen[bytes], within_s: float) -> bytes | None:
    """The first line, without its end where the supervisor ended before it; None when the time is over."""
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
    """End its stdin, which ends it; kill it when that does not help."""
    for pipe in (supervisor.stdin, supervisor.stdout):
        if pipe is not None:
            pipe.close()
    try:
        supervisor.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _text(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode("utf-8", errors="replace").strip()
