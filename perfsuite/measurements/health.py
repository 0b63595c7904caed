"""The load process's own health: CPU, memory, the lag of its event loop, and whether a CPU limit holds it back."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Times, times_of

_SCHEDULED = Path("/proc/self/schedstat")
"""Of the main thread, in which the event loop runs: ns on a core, ns of waiting for one, times given one."""


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """CPU since the last time (100 = one core), lag of the event loop (µs), resident memory, and pauses of the garbage
    collector (µs), in which nothing else of the process runs. `send_lag`: how late scheduled sends began (µs).

    `waited_percent`: share of that time, `span_s` long, in which the process waited for a core; None where the system
    does not report it. `throttled`: whether a CPU limit held it back.
    """

    cpu_percent: float
    loop_lag: Times
    memory_bytes: int
    gc_pauses: Times
    waited_percent: float | None
    span_s: float
    throttled: Throttled
    send_lag: Times


class Health:
    """Collects lags; reads CPU and memory of this process when asked."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark from which the next one counts
        self._lag = Histogram()
        self._send_lag = Histogram()
        self._gc = Histogram()
        self._gc_began_ns = 0
        self._taken_ns = time.perf_counter_ns()
        self._waited_ns = _waited_ns()
        self._limit = CpuLimit()
        gc.callbacks.append(self._on_gc)

    def close(self) -> None:
        """Stop listening to the garbage collector."""
        gc.callbacks.remove(self._on_gc)

    def _on_gc(self, phase: str, _details: dict[str, Any]) -> None:
        now = time.perf_counter_ns()
        if phase == "start":
            self._gc_began_ns = now
        else:
            self._gc.add((now - self._gc_began_ns) // 1000)

    def add_lag(self, late_us: int) -> None:
        """A timer of the event loop fired late by this much."""
        self._lag.add(late_us)

    def add_send_lag(self, late_us: int) -> None:
        """What was scheduled to be sent began late by this much, for no other reason than this process."""
        self._send_lag.add(max(late_us, 0))

    def add_lags(self, due_at: float, now: float, every_s: float) -> float:
        """All probes that were due every `every_s` from `due_at` to `now` (s) fire now; when the next one is due.

        Each of them counts: if a pause of half a second were one late probe, no percentile would show it, though
        everything due within it had to wait.
        """
        while due_at <= now:
            self.add_lag(round((now - due_at) * 1e6))
            due_at += every_s
        return due_at

    def take(self) -> HealthFigures:
        """The figures since the last call."""
        lag, self._lag = self._lag, Histogram()
        send_lag, self._send_lag = self._send_lag, Histogram()
        gc_pauses, self._gc = self._gc, Histogram()
        taken_ns, since_ns = time.perf_counter_ns(), self._taken_ns
        self._taken_ns = taken_ns
        return HealthFigures(
            self._process.cpu_percent(),
            times_of(lag),
            self._process.memory_info().rss,
            times_of(gc_pauses),
            self._waited_percent(taken_ns - since_ns),
            (taken_ns - since_ns) / 1e9,
            self._limit.take(),
            times_of(send_lag),
        )

    def _waited_percent(self, span_ns: int) -> float | None:
        waited_ns, before_ns = _waited_ns(), self._waited_ns
        self._waited_ns = waited_ns
        if waited_ns is None or before_ns is None or span_ns <= 0:
            return None
        return round(100 * (waited_ns - before_ns) / span_ns, 1)


def _waited_ns() -> int | None:
    try:
        return int(_SCHEDULED.read_text(encoding="ascii").split()[1])
    except OSError:
        return None  # not Linux, or a kernel that does not count it


PROC = Path("/proc")
_CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Throttled:
    """`share` of the limit's periods since the last look in which it stopped a process of the group, 0 to 1.

    `cores`: what the tightest limit allows. None where no limit holds, or the system does not report it.
    """

    share: float | None = None
    cores: float | None = None


class CpuLimit:
    """The CPU limit of this process. `proc` and `root`: folders of the system's files; tests pass others."""

    def __init__(self, proc: Path = PROC, root: Path = Path("/")) -> None:
        self._groups = list(_groups(proc, root))
        self._seen = {group: _periods(group) for group in self._groups}

    def take(self) -> Throttled:
        """Since the last call, or since this was made; the worst of all groups."""
        shares = []
        for group in self._groups:
            before, now = self._seen[group], _periods(group)
            self._seen[group] = now
            if before is not None and now is not None and now[0] > 0:
                periods, stopped = now[0] - before[0], now[1] - before[1]
                shares.append(min(stopped / periods, 1.0) if periods > 0 else 0.0)
        limits = [cores for group in self._groups if (cores := _cores(group)) is not None]
        return Throttled(max(shares, default=None), min(limits, default=None))


def _groups(proc: Path, root: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, its own first, as far up as they are mounted."""
    paths = _paths(proc)
    for version, mounted, place in _mounts(proc):
        path = paths.get(version)
        if path is None:
            continue
        # A container sees its own group mounted as the top, and may still be given the path from the machine's top.
        within = path.relative_to(mounted) if path.is_relative_to(mounted) else PurePosixPath()
        top = root / place.lstrip("/")
        folder = top / within
        while folder.is_relative_to(top):
            if (folder / "cpu.stat").is_file():
                yield folder
            if folder == top:
                break
            folder = folder.parent


def _paths(proc: Path) -> dict[int, PurePosixPath]:
    """Version → the group of this process, by /proc/self/cgroup."""
    found: dict[int, PurePosixPath] = {}
    for line in _lines(proc / "self" / "cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found[2] = PurePosixPath(path)
        elif _CPU in controllers.split(","):
            found[1] = PurePosixPath(path)
    return found


def _mounts(proc: Path) -> Iterator[tuple[int, PurePosixPath, str]]:
    """Version, the group that is mounted, and where, by /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    for line in _lines(proc / "self" / "mountinfo"):
        before, _separator, after = line.partition(" - ")
        mounted, place = before.split()[3:5]
        kind, _source, options = after.split(maxsplit=2)
        if kind == "cgroup2":
            yield 2, PurePosixPath(mounted), place
        elif kind == "cgroup" and _CPU in options.split(","):
            yield 1, PurePosixPath(mounted), place


def _periods(group: Path) -> tuple[int, int] | None:
    """Periods of its limit so far, and those in which it was stopped; None where there is no limit to count them."""
    counts = dict(line.split(maxsplit=1) for line in _lines(group / "cpu.stat"))
    try:
        return int(counts["nr_periods"]), int(counts["nr_throttled"])
    except (KeyError, ValueError):
        return None


def _cores(group: Path) -> float | None:
    """How many cores the limit of a group allows; None where it has none."""
    both = next(iter(_lines(group / "cpu.max")), "").split()
    if not both:
        both = [line for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for line in _lines(group / name)[:1]]
    try:
        quota, period = (int(text) for text in both)
    except ValueError:
        return None  # "max", or not there
    return quota / period if quota > 0 and period > 0 else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


@dataclass(slots=True)
class Traffic:
    """Bytes of HTTP since the last `take`: heads and bodies, without TLS and what lies below it."""

    sent_bytes: int = 0
    received_bytes: int = 0

    def take(self) -> tuple[int, int]:
        """Sent and received since the last call; both begin anew."""
        taken = self.sent_bytes, self.received_bytes
        self.sent_bytes = self.received_bytes = 0
        return taken
