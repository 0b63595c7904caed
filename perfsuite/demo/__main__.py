"""`python -m perfsuite.demo KIND [SETTINGS]`: the supervisor, which starts a demo and stops it when its stdin ends.

SETTINGS is a `BackendSettings` as JSON. One JSON line on stdout, a `Demo`, says that the demo is ready.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from perfsuite.demo.backend import BackendSettings, running_backend
from perfsuite.demo.client import Demo, from_json, to_json
from perfsuite.demo.programs import FULL_DEMO, find_program, server_identity
from perfsuite.demo.sandbox import Sandbox, opened_sandbox
from perfsuite.demo.servers import running_postgres, running_redis
from perfsuite.demo.stop import Stopped, StopRequest, stop_on
from perfsuite.errors import SuiteError

_CHECK_EVERY_S = 0.25


def main(arguments: list[str]) -> int:
    """Run a demo until stdin ends or a signal comes. Returns 0, or the exit code of the error."""
    kind, settings = arguments[0], BackendSettings()
    if len(arguments) > 1:
        settings = from_json(arguments[1].encode(), BackendSettings)
    try:
        with stop_on(sys.stdin.fileno()) as stop:
            supervise(kind, settings, stop, _announce)
    except SuiteError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _announce(demo: Demo) -> None:
    sys.stdout.write(to_json(demo).decode() + "\n")
    sys.stdout.flush()


def supervise(kind: str, settings: BackendSettings, stop: StopRequest, announce: Callable[[Demo], None]) -> None:
    """Run the demo until `stop`. Raises TargetError when it cannot start or one of its processes dies."""
    full = kind == "full"
    for name in FULL_DEMO if full else ():
        find_program(name)
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(opened_sandbox(server_identity() if full else None, stop))
            announce(_started(sandbox, settings, stack, full=full))
            while not stop.wait(_CHECK_EVERY_S):
                sandbox.check()
        except Stopped:
            return


def _started(sandbox: Sandbox, settings: BackendSettings, stack: ExitStack, *, full: bool) -> Demo:
    """Start servers and backend; the stack stops them in the opposite order."""
    pids: dict[str, int] = {}
    postgres_dsn = redis_url = None
    if full:
        postgres, postgres_dsn = stack.enter_context(running_postgres(sandbox))
        redis, redis_url = stack.enter_context(running_redis(sandbox))
        pids = {"postgres": postgres.pid, "redis": redis.pid}
    request_log = settings.request_log or sandbox.folder / "requests.jsonl"
    credentials = settings.credentials_out or sandbox.folder / "credentials.csv"
    settings = replace(settings, request_log=request_log, credentials_out=credentials)
    backend, host = stack.enter_context(running_backend(sandbox, settings, postgres_dsn, redis_url))
    return Demo(
        host=host,
        credentials=credentials,
        request_log=request_log,
        pid=backend.pid,
        supervisor_pid=os.getpid(),
        server_pids=pids,
        data_dir=sandbox.folder,
        postgres_dsn=postgres_dsn,
        redis_url=redis_url,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
