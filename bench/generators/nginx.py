"""The server of parts a to d: an nginx of our own with canned answers, on one core, that counts its requests."""

from __future__ import annotations

import http.client
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.generators.canned import configuration, repeater_configuration
from bench.generators.process_tree import Command, ProcessTree, running

_START_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What nginx has counted up to a moment; the connection that asks is left out."""

    at_s: float
    requests: int
    connections: int


class Nginx:
    """A running nginx. `process` is its tree of processes."""

    def __init__(self, process: ProcessTree, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._asked = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def counted(self) -> Counted:
        """Its counters now."""
        self._connection.request("GET", "/nginx_status")
        lines = self._connection.getresponse().read().decode().splitlines()
        self._asked += 1
        return Counted(time.perf_counter(), int(lines[2].split()[2]) - self._asked, int(lines[0].split()[-1]) - 1)

    def close(self) -> None:
        """Close the connection that asks."""
        self._connection.close()


@contextmanager
def nginx(folder: Path, core: int, most_files: int, processes: int = 1) -> Iterator[Nginx]:
    """An nginx that has surely ended afterwards. Raises OSError where it is not installed or does not start."""
    port = _free_port()
    with (
        _started(folder / "second", repeater_configuration(folder), core),
        _started(folder / "main", configuration(folder, port, most_files, processes), core) as tree,
    ):
        server = Nginx(tree, port)
        try:
            _wait_until_it_listens(server, port)
            yield server
        finally:
            server.close()


def installed() -> str | None:
    """Where nginx is; None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def _started(folder: Path, settings: str, core: int) -> Iterator[ProcessTree]:
    program = installed()
    if program is None:
        raise OSError("nginx is not installed (Debian: apt-get install nginx-light)")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(settings)
    words = (program, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log"))
    with running(Command(words, folder, {}), core) as tree:
        yield tree


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(server: Nginx, port: int) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while server.process.running and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise OSError(f"nginx did not start: {server.process.errors.strip()[-300:]}")
