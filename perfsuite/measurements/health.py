"""How the load process itself is: its CPU, memory, and how late its event loop comes."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from perfsuite.measurements.cgroup import CpuLimit, Throttled
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Times, times_of

_SCHEDULED = Path("/proc/self/schedstat")
"""Of the main thread, in which the event loop runs: ns on a core, ns of waiting for one, times given one."""


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """CPU since the last time (100 = one core), lag of the event loop (µs), resident memory, pauses of the
    garbage collector (µs), in which nothing else of the process runs, the share of the time in which it
    waited for a core (None where the system does not tell), how long that time was, and whether a CPU limit held it
    back in it."""

    cpu_percent: float
    loop_lag: Times
    memory_bytes: int
    gc_pauses: Times
    waited_percent: float | None
    span_s: float
    throttled: Throttled


class Health:
    """Collects lags; reads CPU and memory of this process when asked."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark from which the next one counts
        self._lag = Histogram()
        self._gc = Histogram()
        self._gc_began_ns = 0
        self._taken_ns = time.perf_counter_ns()
        self._waited_ns = _waited_ns()
        self._limit = CpuLimit()
        gc.callbacks.append(self._on_gc)

    def close(self) -> None:
        """Listen to the garbage collector no longer."""
        gc.callbacks.remove(self._on_gc)

    def _on_gc(self, phase: str, _details: dict[str, Any]) -> None:
        now = time.perf_counter_ns()
        if phase == "start":
            self._gc_began_ns = now
        else:
            self._gc.add((now - self._gc_began_ns) // 1000)

    def add_lag(self, late_us: int) -> None:
        """A timer of the event loop fired this much too late."""
        self._lag.add(late_us)

    def add_lags(self, due_at: float, now: float, every_s: float) -> float:
        """All probes that were due every `every_s` from `due_at` to `now` (s) fire now; when the next one is due.

        Each of them counts: a pause of half a second that were one late probe would hide from every percentile,
        though whatever was due within it had to wait.
        """
        while due_at <= now:
            self.add_lag(round((now - due_at) * 1e6))
            due_at += every_s
        return due_at

    def take(self) -> HealthFigures:
        """The figures since the last call."""
        lag, self._lag = self._lag, Histogram()
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
