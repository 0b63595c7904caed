"""The reference backend on its own, for the `backend` command."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from perfsuite.demo.backend import DATABASE_VARIABLE, REDIS_VARIABLE, backend_command

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """How it is to be started. URLs may hold a password and stay out of the repr and the process list."""

    port: int
    seed_factor: float
    faults: tuple[str, ...] = ()
    request_log: Path | None = None
    credentials_out: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)


def start_backend(settings: BackendSettings) -> subprocess.Popen[bytes]:
    """The backend as a child that shares our terminal; it prints its address when it is ready."""
    command = backend_command(["--demo", "--exit-with-stdin"])
    command += ["--port", str(settings.port), "--seed-factor", str(settings.seed_factor)]
    command += [part for fault in settings.faults for part in ("--fault", fault)]
    for option, path in (("--request-log", settings.request_log), ("--credentials-out", settings.credentials_out)):
        if path is not None:
            command += [option, str(path.absolute())]
    urls = {DATABASE_VARIABLE: settings.database_url, REDIS_VARIABLE: settings.redis_url}
    # Named in the command or not at all: a database that the environment happens to name is not filled.
    environment = {name: value for name, value in os.environ.items() if name not in urls}
    environment |= {name: url for name, url in urls.items() if url}
    # The pipe ends when we do, however that comes about, and the backend with it.
    return subprocess.Popen(command, cwd=_ROOT / "backend", env=environment, stdin=subprocess.PIPE)  # noqa: S603
