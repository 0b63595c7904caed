"""The backend's own processes, when it runs on this machine: a process and everything that it has started."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import PART, Reading
from perfsuite.monitor.memory_limit import PROC, memory_limit_bytes
from perfsuite.monitor.source import Clock, GroupRates, Rates, SourceError, as_percent, readings_of

_LISTENING = "0A"
_PASS_ON = frozenset({"docker-proxy", "rootlessport", "ssh", "sshd", "kubectl", "socat", "haproxy", "nginx"})
"""Programs at whose port somebody else answers."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One process at one moment. None: may not be read, or the system does not report it.

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


class LocalProcessTree:
    """A process and all that it has started, children that come and go included."""

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
    with suppress(psutil.NoSuchProcess):
        if (process := psutil.Process(pid)).status() != psutil.STATUS_ZOMBIE:
            return process
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
        return process.name() if process.name() in _PASS_ON else ""
    return ""


@dataclass(frozen=True, slots=True)
class ListeningRow:
    """One listening socket. `waiting`: connections that the kernel has accepted and the program has not."""

    address: str
    port: int
    waiting: int
    inode: int


def listening_rows(pid: int) -> list[ListeningRow]:
    """All listening TCP sockets of the network that a process lives in; [] without /proc.

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
    """By thread: times put on a core, seconds ready without one. None, None where the kernel does not count them."""
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


MOST_PARTS = 16
"""More processes than this are not shown one by one; the total counts all."""
_NO_LIMIT = 1 << 40

_ALWAYS = (
    "server.cpu_percent",
    "server.cpu_limit_percent",
    "server.busiest_process_cpu_percent",
    "server.processes",
    "server.threads",
    "server.memory_bytes",
)
_SCHEDULING = ("server.context_switches_per_s", "server.cpu_wait_percent")
_DESCRIPTORS = ("server.descriptors", "server.descriptors_used_percent")
_DISK = ("server.disk_read_bytes_per_s", "server.disk_write_bytes_per_s")
_QUEUE = ("server.listen_queue",)
_MEMORY_LIMIT = "server.memory_limit_bytes"


class ProcessTree(Protocol):
    """What the source needs to know of the processes; `LocalProcessTree` is the real one."""

    def snapshots(self) -> list[Snapshot]:
        """All that are alive, the root first; [] when the root has ended."""

    def listening(self) -> Mapping[int, tuple[str, ...]]:
        """Port → addresses that it listens on."""

    def cores(self) -> int:
        """How many cores it may run on."""


Find = Callable[[frozenset[int]], ProcessTree]
"""Finds the processes, anew after they have ended: given the ports that they listened on. Raises SourceError."""


class ServerSource:
    """CPU, memory, threads, descriptors, switches, disk and listen queue of a tree of processes."""

    name, rests = "server", False

    def __init__(self, find: Find, clock: Clock) -> None:
        self._find, self._clock = find, clock
        self._tree: ProcessTree | None = None
        self._rates = Rates()
        self._groups = {name: GroupRates() for name in ("cpu", "runs", "waited", "read", "written")}
        self._listening: Mapping[int, tuple[str, ...]] = {}
        self.metrics: tuple[str, ...] = (*_ALWAYS, _MEMORY_LIMIT, *_SCHEDULING, *_DESCRIPTORS, *_DISK, *_QUEUE)

    def open(self) -> list[Message]:
        """Find the processes; what of them may not be read, in words."""
        tree, seen = self._found()
        notes = []
        missing: tuple[str, ...] = () if memory_limit_bytes(seen[0].pid) else (_MEMORY_LIMIT,)
        if any(one.descriptors is None or one.read_bytes is None for one in seen):
            missing += _DESCRIPTORS + _DISK
            notes.append(MonitorMessage.OTHER_USER(pid=seen[0].pid))
        elif not self._listening:
            notes.append(MonitorMessage.NO_PORT(pid=seen[0].pid))
        if seen[0].runs is None:
            missing += _SCHEDULING
            notes.append(MonitorMessage.NO_SCHEDULING())
        if not self._listening:
            missing += _QUEUE
        self.metrics = tuple(metric for metric in self.metrics if metric not in missing)
        self._look(tree, seen)  # the first look, so that the first reading has rates
        return notes

    def read(self) -> list[Reading]:
        """Figures of the whole tree and of each process. Raises SourceError when it has ended."""
        tree, seen = self._found()
        return self._look(tree, seen)

    def close(self) -> None:
        """Nothing to close."""

    def _found(self) -> tuple[ProcessTree, list[Snapshot]]:
        """The tree and what it looks like; another one than before when that has ended and come again."""
        known = self._tree
        tree = known or self._find(frozenset(self._listening))
        seen = tree.snapshots()
        self._tree = tree if seen else None
        if not seen:
            raise SourceError(MonitorMessage.PROCESS_ENDED())
        if tree is not known:
            self._listening = tree.listening() or self._listening
            self._rates.forget()
            for group in self._groups.values():
                group.forget()
        return tree, seen

    def _look(self, tree: ProcessTree, seen: list[Snapshot]) -> list[Reading]:
        now_s = self._clock.utc_s()
        busy = self._groups["cpu"].each({(one.pid, one.started_s): one.cpu_s for one in seen}, now_s)
        one_by_one = {one.pid: as_percent(busy[one.pid, one.started_s]) for one in seen}
        known = [value for value in one_by_one.values() if value is not None]
        figures: dict[str, float | None] = {
            # What a child has used moves to its parent when it ends, so the sum misses nothing and only grows.
            "server.cpu_percent": as_percent(
                self._rates.per_s("cpu", sum(one.cpu_s + one.reaped_cpu_s for one in seen), now_s)
            ),
            "server.cpu_limit_percent": 100.0 * tree.cores(),
            "server.busiest_process_cpu_percent": max(known) if known else None,
            "server.processes": len(seen),
            "server.threads": sum(one.threads for one in seen),
            "server.memory_bytes": sum(one.memory_bytes for one in seen),
            _MEMORY_LIMIT: memory_limit_bytes(seen[0].pid) if _MEMORY_LIMIT in self.metrics else None,
        }
        figures |= self._scheduling(seen, now_s) | _descriptors(seen) | self._disk(seen, now_s) | self._queue(seen)
        readings = readings_of(self.name, now_s, {name: figures[name] for name in self.metrics})
        for pid in list(one_by_one)[:MOST_PARTS]:
            part = f"{self.name}{PART}pid {pid}"
            readings += readings_of(part, now_s, {"server.process_cpu_percent": one_by_one[pid]})
        return readings

    def _scheduling(self, seen: list[Snapshot], now_s: float) -> dict[str, float | None]:
        runs: dict[Hashable, float] = {(one.pid, thread): n for one in seen for thread, n in (one.runs or {}).items()}
        waited_s: dict[Hashable, float] = {
            (one.pid, thread): time_s for one in seen for thread, time_s in (one.waited_s or {}).items()
        }
        return {
            "server.context_switches_per_s": self._groups["runs"].total(runs, now_s),
            "server.cpu_wait_percent": as_percent(self._groups["waited"].total(waited_s, now_s)),
        }

    def _disk(self, seen: list[Snapshot], now_s: float) -> dict[str, float | None]:
        read: dict[Hashable, float] = {one.pid: one.read_bytes for one in seen if one.read_bytes is not None}
        written: dict[Hashable, float] = {one.pid: one.written_bytes for one in seen if one.written_bytes is not None}
        return {
            "server.disk_read_bytes_per_s": self._groups["read"].total(read, now_s),
            "server.disk_write_bytes_per_s": self._groups["written"].total(written, now_s),
        }

    def _queue(self, seen: list[Snapshot]) -> dict[str, float | None]:
        places = {(port, address) for port, addresses in self._listening.items() for address in addresses}
        waiting = [row.waiting for row in listening_rows(seen[0].pid) if (row.port, row.address) in places]
        return {"server.listen_queue": float(sum(waiting)) if waiting else None}


def by_pid(pid: int) -> Find:
    """A process by its id; after it has ended, whoever listens on the same ports."""
    known: list[float] = []

    def find(ports: frozenset[int]) -> ProcessTree:
        process = find_process(pid)
        if process is None and not known:
            raise SourceError(MonitorMessage.NO_PROCESS(pid=pid), final=True)
        if process is not None and known and process.create_time() != known[0]:
            process = None  # the id has been given to another one
        for port in sorted(ports):
            process = process or find_listener(port)
        if process is None:
            raise SourceError(MonitorMessage.PROCESS_ENDED())
        known.append(process.create_time())
        return LocalProcessTree(process)

    return find


def by_port(port: int) -> Find:
    """The process that listens on a port of this machine."""

    def find(_ports: frozenset[int]) -> ProcessTree:
        process = find_listener(port)
        if process is None:
            raise SourceError(MonitorMessage.NO_LISTENER(port=port))
        if name := passes_on(process):
            raise SourceError(MonitorMessage.ONLY_PASSES_ON(port=port, name=name), final=True)
        return LocalProcessTree(process)

    return find


def _descriptors(seen: list[Snapshot]) -> dict[str, float | None]:
    counts = [one.descriptors for one in seen if one.descriptors is not None]
    used = [
        100.0 * one.descriptors / one.descriptors_limit
        for one in seen
        if one.descriptors is not None and one.descriptors_limit and 0 < one.descriptors_limit < _NO_LIMIT
    ]
    return {
        "server.descriptors": float(sum(counts)) if len(counts) == len(seen) else None,
        "server.descriptors_used_percent": max(used) if used else None,
    }
