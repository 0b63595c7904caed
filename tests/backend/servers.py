"""Private PostgreSQL and Redis servers for tests: on free ports, in temporary directories, stopped afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Return the path of a program; without it the test is skipped, in CI it fails."""
    known = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), *Path("/opt").glob(f"postgresql*/bin/{name}")]
    found = shutil.which(name) or (str(sorted(known)[-1]) if known else None)
    if found is None:
        message = f"{name} is not installed (packages postgresql, redis-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _unprivileged() -> str | None:
    """Return whom to run PostgreSQL as: it refuses root. None when we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def postgresql(directory: Path) -> Iterator[str]:
    """Run a private PostgreSQL and give its URL."""
    initdb, postgres, user = program("initdb"), program("postgres"), _unprivileged()
    data, port = directory / "pg", free_port()
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
        for parent in (directory, *directory.parents):
            if parent.stat().st_uid == os.getuid() and str(parent).startswith("/tmp/"):  # noqa: S108 - own directories
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [initdb, "-D", str(data), "-U", "mitra", "-A", "trust", "--no-sync"],
        user=user,
        check=True,
        capture_output=True,
        cwd=data,
    )
    options = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
    with subprocess.Popen([postgres, *options], user=user, cwd=data, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"postgresql://mitra@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()


@contextmanager
def redis_server(directory: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a private Redis and give its URL and its process."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    with subprocess.Popen([program("redis-server"), *options], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0", process
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens on port {port}")
