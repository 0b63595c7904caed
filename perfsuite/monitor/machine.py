"""The machine that the suite runs on: cores, memory and TCP."""

from __future__ import annotations

from pathlib import Path

import psutil

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import PART, Reading
from perfsuite.monitor.memory_limit import PROC
from perfsuite.monitor.source import Clock, Rates, readings_of, share_percent

MOST_PARTS = 32
"""More cores than this are not shown one by one."""

_CORES = (
    "machine.cpu_percent",
    "machine.busiest_core_percent",
    "machine.iowait_percent",
    "machine.steal_percent",
    "machine.memory_used_percent",
    "machine.memory_available_bytes",
)
_NETWORK = (
    "machine.tcp_retransmits_per_s",
    "machine.tcp_retransmitted_percent",
    "machine.tcp_listen_overflows_per_s",
)


class MachineSource:
    """CPU, memory and TCP of this machine. `only_network`: the target runs elsewhere, what is here is the load."""

    name, rests = "machine", False

    def __init__(self, clock: Clock, *, only_network: bool = False, proc: Path = PROC) -> None:
        self._clock, self._proc, self._only_network = clock, proc, only_network
        self._rates = Rates()
        self.metrics: tuple[str, ...] = _NETWORK if only_network else _CORES + _NETWORK

    def open(self) -> list[Message]:
        """Read the counters once; a note if the system has none of TCP."""
        notes = []
        if "Tcp.RetransSegs" not in self._tcp():
            self.metrics = tuple(metric for metric in self.metrics if metric not in _NETWORK)
            notes.append(MonitorMessage.NO_TCP())
        self.read()
        return notes

    def read(self) -> list[Reading]:
        """Figures of the machine, and CPU of each core."""
        now_s = self._clock.utc_s()
        figures, cores = self._processors(now_s) if not self._only_network else ({}, [])
        figures |= self._network(now_s)
        readings = readings_of(self.name, now_s, {name: figures.get(name) for name in self.metrics})
        for number, percent in enumerate(cores[:MOST_PARTS]):
            readings += readings_of(f"{self.name}{PART}core {number}", now_s, {"machine.core_cpu_percent": percent})
        return readings

    def close(self) -> None:
        """Nothing to close."""

    def _processors(self, now_s: float) -> tuple[dict[str, float | None], list[float | None]]:
        times = psutil.cpu_times(percpu=True)
        spent = {"busy": 0.0, "idle": 0.0, "iowait": 0.0, "steal": 0.0}
        cores: list[float | None] = []
        for number, core in enumerate(times):
            iowait, steal = getattr(core, "iowait", 0.0), getattr(core, "steal", 0.0)
            idle = core.idle + iowait
            # The time of guests is in user and nice already.
            guests = getattr(core, "guest", 0.0) + getattr(core, "guest_nice", 0.0)
            busy = sum(core) - idle - guests
            cores.append(self._share(f"core {number}", busy, idle, now_s))
            for name, seconds in (("busy", busy), ("idle", idle), ("iowait", iowait), ("steal", steal)):
                spent[name] += seconds
        whole = spent["busy"] + spent["idle"]
        known = [core for core in cores if core is not None]
        memory = psutil.virtual_memory()
        figures: dict[str, float | None] = {
            "machine.cpu_percent": self._share("cpu", spent["busy"], spent["idle"], now_s),
            "machine.busiest_core_percent": max(known) if known else None,
            "machine.iowait_percent": self._share("iowait", spent["iowait"], whole - spent["iowait"], now_s),
            "machine.steal_percent": self._share("steal", spent["steal"], whole - spent["steal"], now_s),
            "machine.memory_used_percent": memory.percent,
            "machine.memory_available_bytes": memory.available,
        }
        return figures, cores

    def _share(self, name: str, part: float, rest: float, now_s: float) -> float | None:
        return share_percent(
            self._rates.per_s((name, "part"), part, now_s), self._rates.per_s((name, "rest"), rest, now_s)
        )

    def _network(self, now_s: float) -> dict[str, float | None]:
        tcp = self._tcp()
        again = self._rates.per_s("again", tcp.get("Tcp.RetransSegs"), now_s)
        # OutSegs leaves out those that are sent again (RFC 1213, tcpOutSegs).
        first = self._rates.per_s("first", tcp.get("Tcp.OutSegs"), now_s)
        return {
            "machine.tcp_retransmits_per_s": again,
            "machine.tcp_retransmitted_percent": share_percent(again, first),
            "machine.tcp_listen_overflows_per_s": self._rates.per_s("full", tcp.get("TcpExt.ListenOverflows"), now_s),
        }

    def _tcp(self) -> dict[str, int]:
        """ "Protocol.Name" → count, from the kernel's two tables of pairs of lines; {} where there are none."""
        counts: dict[str, int] = {}
        for table in ("snmp", "netstat"):
            try:
                lines = (self._proc / "net" / table).read_text(encoding="ascii").splitlines()
            except OSError:
                continue
            for names, values in zip(lines[::2], lines[1::2], strict=False):
                protocol, *columns = names.split()
                if protocol in ("Tcp:", "TcpExt:"):
                    pairs = zip(columns, values.split()[1:], strict=False)
                    counts |= {f"{protocol[:-1]}.{column}": int(value) for column, value in pairs}
        return counts
