"""The machine: its two cores, its limits, and how it is described in the results."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path

from perfsuite.format import number


def cores() -> tuple[int, int]:
    """The core of the servers and the core of the generators. Raises OSError on a machine with a single one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise OSError("two cores are needed: one for the server, one for the generator")
    return allowed[0], allowed[1]


def raise_open_files() -> int:
    """The limit of open files per process, raised as far as it may be."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def description() -> str:
    """Processor, cores, memory and kernel in one line."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parts = (
        _processor(),
        f"{os.cpu_count()} cores",
        f"{number(memory_gb)} GB",
        f"Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
    )
    return ", ".join(parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


class OtherWork:
    """How much of the machine's time others used: what was busy beside the processes of the benchmark."""

    def __init__(self) -> None:
        self._busy_s, self._total_s = 0.0, 0.0
        self._stolen_s = 0.0
        self._last: tuple[float, float, float] | None = None

    def begin(self) -> None:
        """A window begins."""
        self._last = _cpu_times()

    def end(self, ours_s: float) -> None:
        """A window ends in which the processes of the benchmark used so much CPU time."""
        if self._last is None:
            return
        busy, total, stolen = (now - before for now, before in zip(_cpu_times(), self._last, strict=True))
        self._busy_s += max(busy - ours_s, 0.0)
        self._total_s += total
        self._stolen_s += stolen

    @property
    def share(self) -> float | None:
        """Part of all cores' time that went to other processes (or was taken by the hypervisor); None without any
        window."""
        return (self._busy_s + self._stolen_s) / self._total_s if self._total_s else None


def _cpu_times() -> tuple[float, float, float]:
    """Busy, all and stolen seconds of all cores since the machine started.

    Interrupts are left out of the busy ones: over loopback they carry the packets of the benchmark itself.
    """
    tick = os.sysconf("SC_CLK_TCK")
    fields = [int(word) / tick for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields[:3]), sum(fields), fields[7]
