"""A process and everything that it has started, as the operating system tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
_LISTENING = "0A"
_PASS_ON = frozenset({"docker-proxy", "rootlessport", "ssh", "sshd", "kubectl", "socat", "haproxy", "nginx"})
"""Programs at whose port somebody else answers."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One process at one moment. None: may not be read, or this system does not tell.

    `reaped_cpu_s` is the CPU of its children that have ended, theirs included. `runs` and `waited_s` are by
    thread: how often it was put on a core, and how long it was ready and had none.
    """

    pid: int
    started_s: float
    cpu_s: float
    reaped_cpu_s: float
    memory_bytes: int
    threads: int
    runs: dict[int, int] | None
    waited_s: dict[int, float] | None
    descriptors: int | None
    descriptors_limit: int | None
    read_bytes: int | None
    written_bytes: int | None


class Family:
    """The tree of processes below one, children that come and go included."""

    def __init__(self, root: psutil.Process) -> None:
        self.root = root

    def snapshots(self) -> list[Snapshot]:
        """All that are alive now, the root first; [] when the root has ended."""
        with suppress(psutil.NoSuchProcess):
            if self.root.is_running() and self.root.status() != psutil.STATUS_ZOMBIE:
                return self._all()
        return []

    def _all(self) -> list[Snapshot]:
        found = []
        for process in self._members():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                found.append(_snapshot(process))
        return found if found and found[0].pid == self.root.pid else []

    def listening(self) -> dict[int, tuple[str, ...]]:
        """Port → addresses as the kernel writes them, of all sockets that the family listens on."""
        inodes = {inode for process in self._members() for inode in _socket_inodes(process.pid)}
        found: dict[int, set[str]] = {}
        for row in listening_rows(self.root.pid):
            if row.inode in inodes:
                found.setdefault(row.port, set()).add(row.address)
        return {port: tuple(sorted(addresses)) for port, addresses in found.items()}

    def cores(self) -> int:
        """How many cores the root may run on."""
        with suppress(psutil.Error, AttributeError):
            return len(self.root.cpu_affinity() or ()) or 1
        return psutil.cpu_count() or 1

    def _members(self) -> list[psutil.Process]:
        try:
            return [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def find_process(pid: int) -> psutil.Process | None:
    """The process with this id; None when there is none."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def find_listener(port: int) -> psutil.Process | None:
    """The process that listens on a TCP port of this machine, the topmost of those that share the socket.

    None when nobody does, or when it belongs to another user and this one may not look.
    """
    inodes = {row.inode for row in listening_rows(os.getpid()) if row.port == port}
    if not inodes:
        return None
    holders = {pid for pid in psutil.pids() if inodes & set(_socket_inodes(pid))}
    for pid in sorted(holders):
        process = find_process(pid)
        with suppress(psutil.Error):
            if process is not None and process.ppid() not in holders:
                return process
    return None


def passes_on(process: psutil.Process) -> str:
    """The name of a program that only passes connections on to another; "" for any other program."""
    with suppress(psutil.Error):
        name = process.name()
        return name if name in _PASS_ON else ""
    return ""


@dataclass(frozen=True, slots=True)
class ListeningRow:
    """One listening socket. `waiting`: connections that the kernel has accepted and the program has not."""

    address: str
    port: int
    waiting: int
    inode: int


def listening_rows(pid: int) -> list[ListeningRow]:
    """All listening TCP sockets of the network that a process lives in; [] where /proc does not tell.

    The kernel lists these first, so that what is read does not grow with the number of open connections.
    """
    return [row for table in ("tcp", "tcp6") for row in _rows(PROC / str(pid) / "net" / table)]


def _rows(path: Path) -> Iterator[ListeningRow]:
    try:
        with path.open(encoding="ascii") as file:
            next(file, "")
            for line in file:
                _slot, local, _remote, state, queues, *more = line.split()
                if state != _LISTENING:
                    return
                address, port = local.rsplit(":", 1)
                yield ListeningRow(address, int(port, 16), int(queues.split(":")[1], 16), int(more[4]))
    except OSError:
        return


def _socket_inodes(pid: int) -> Iterator[int]:
    folder = PROC / str(pid) / "fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - by the hundred, every time a server is looked for
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            target = os.readlink(folder / name)  # noqa: PTH115 - as above
            if target.startswith("socket:["):
                yield int(target[8:-1])


def _snapshot(process: psutil.Process) -> Snapshot:
    with process.oneshot():
        times = process.cpu_times()
        runs, waited_s = _scheduling(process.pid)
        descriptors = limit = read_bytes = written_bytes = None
        if process.status() == psutil.STATUS_ZOMBIE:
            descriptors = 0  # it has ended; its CPU stays with it until its parent takes note
        else:
            with suppress(psutil.AccessDenied, AttributeError):
                descriptors = process.num_fds()
                limit = process.rlimit(psutil.RLIMIT_NOFILE)[0]
            with suppress(psutil.AccessDenied, AttributeError):
                counters = process.io_counters()
                read_bytes, written_bytes = counters.read_bytes, counters.write_bytes
        return Snapshot(
            process.pid,
            process.create_time(),
            times.user + times.system,
            getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
            process.memory_info().rss,
            process.num_threads(),
            runs,
            waited_s,
            descriptors,
            limit,
            read_bytes,
            written_bytes,
        )


def _scheduling(pid: int) -> tuple[dict[int, int] | None, dict[int, float] | None]:
    """By thread: times put on a core, seconds ready without one. None, None where the kernel does not tell."""
    runs: dict[int, int] = {}
    waited_s: dict[int, float] = {}
    folder = f"{PROC}/{pid}/task"
    try:
        threads = os.listdir(folder)  # noqa: PTH208 - every second
    except OSError:
        return None, None
    for thread in threads:
        with suppress(OSError), open(f"{folder}/{thread}/schedstat", encoding="ascii") as file:  # noqa: PTH123
            _ran_ns, waited_ns, times = file.read().split()
            runs[int(thread)], waited_s[int(thread)] = int(times), int(waited_ns) / 1e9
    return (runs, waited_s) if runs else (None, None)
