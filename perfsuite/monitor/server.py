"""The backend's own processes, when it runs on this machine."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Protocol

from perfsuite.model.monitor import PART, Reading
from perfsuite.monitor.processes import Family, Snapshot, find_listener, find_process, listening_rows, passes_on
from perfsuite.monitor.source import Clock, GroupRates, Rates, SourceError, readings_of

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


class ProcessTree(Protocol):
    """What the source needs to know of the processes; `Family` is the real one."""

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
        self.metrics: tuple[str, ...] = _ALWAYS + _SCHEDULING + _DESCRIPTORS + _DISK + _QUEUE

    def open(self) -> list[str]:
        """Find the processes; what of them may not be read, in words."""
        tree, seen = self._found()
        notes = []
        missing: tuple[str, ...] = ()
        if any(one.descriptors is None or one.read_bytes is None for one in seen):
            missing += _DESCRIPTORS + _DISK
            notes.append(
                f"process {seen[0].pid} belongs to another user, so descriptors, disk and listen queue cannot be "
                "read: run the suite as that user or as root"
            )
        elif not self._listening:
            notes.append(f"process {seen[0].pid} listens on no TCP port, so there is no listen queue to read")
        if seen[0].runs is None:
            missing += _SCHEDULING
            notes.append("this system does not tell context switches and waiting for a core by thread")
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
        """Nothing is held."""

    def _found(self) -> tuple[ProcessTree, list[Snapshot]]:
        """The tree and what it looks like; another one than before when that has ended and come again."""
        seen = self._tree.snapshots() if self._tree is not None else []
        if self._tree is not None and not seen:
            self._tree = None
            raise SourceError("the process has ended")
        if self._tree is None:
            self._tree = self._find(frozenset(self._listening))
            seen = self._tree.snapshots()
            if not seen:
                self._tree = None
                raise SourceError("the process has ended")
            self._listening = self._tree.listening() or self._listening
            self._rates.forget()
            for group in self._groups.values():
                group.forget()
        return self._tree, seen

    def _look(self, tree: ProcessTree, seen: list[Snapshot]) -> list[Reading]:
        now_s = self._clock.utc_s()
        busy = self._groups["cpu"].each({(one.pid, one.started_s): one.cpu_s for one in seen}, now_s)
        one_by_one = {one.pid: _percent(busy[one.pid, one.started_s]) for one in seen}
        known = [value for value in one_by_one.values() if value is not None]
        figures: dict[str, float | None] = {
            # What a child has used moves to its parent when it ends, so the sum misses nothing and only grows.
            "server.cpu_percent": _percent(
                self._rates.per_s("cpu", sum(one.cpu_s + one.reaped_cpu_s for one in seen), now_s)
            ),
            "server.cpu_limit_percent": 100.0 * tree.cores(),
            "server.busiest_process_cpu_percent": max(known) if known else None,
            "server.processes": len(seen),
            "server.threads": sum(one.threads for one in seen),
            "server.memory_bytes": sum(one.memory_bytes for one in seen),
        }
        figures |= self._scheduling(seen, now_s) | _descriptors(seen) | self._disk(seen, now_s) | self._queue(seen)
        readings = readings_of(self.name, now_s, {name: figures[name] for name in self.metrics})
        for pid in list(one_by_one)[:MOST_PARTS]:
            part = f"{self.name}{PART}pid {pid}"
            readings += readings_of(part, now_s, {"server.process_cpu_percent": one_by_one[pid]})
        return readings

    def _scheduling(self, seen: list[Snapshot], now_s: float) -> dict[str, float | None]:
        runs: dict[Hashable, float] = {}
        waited_s: dict[Hashable, float] = {}
        for one in seen:
            runs |= {(one.pid, thread): count for thread, count in (one.runs or {}).items()}
            waited_s |= {(one.pid, thread): time_s for thread, time_s in (one.waited_s or {}).items()}
        return {
            "server.context_switches_per_s": self._groups["runs"].total(runs, now_s),
            "server.cpu_wait_percent": _percent(self._groups["waited"].total(waited_s, now_s)),
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
            raise SourceError(f"there is no process {pid}", final=True)
        if process is not None and known and process.create_time() != known[0]:
            process = None  # the id has been given to another one
        for port in sorted(ports):
            process = process or find_listener(port)
        if process is None:
            raise SourceError("the process has ended")
        known.append(process.create_time())
        return Family(process)

    return find


def by_port(port: int) -> Find:
    """The process that listens on a port of this machine."""

    def find(_ports: frozenset[int]) -> ProcessTree:
        process = find_listener(port)
        if process is None:
            raise SourceError(
                f"the process that listens on port {port} cannot be found: it does not run here, or belongs to "
                "another user; give its process id"
            )
        if name := passes_on(process):
            raise SourceError(
                f"port {port} belongs to {name}, which only passes connections on; give the backend's process id",
                final=True,
            )
        return Family(process)

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


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
