"""Names and units as Prometheus wants them: seconds, bytes and ratios, written out at the end of the name."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model.monitor import Metric


@dataclass(frozen=True, slots=True)
class Unit:
    """A base unit, how many of ours make one of it, and what ends our names in ours and theirs in it."""

    name: str
    divisor: float = 1.0
    suffix: str = ""
    base_suffix: str = ""


_UNITS = {
    "ms": Unit("seconds", 1000.0, "_ms", "_seconds"),
    "s": Unit("seconds", 1.0, "_s", "_seconds"),
    "percent": Unit("ratio", 100.0, "_percent", "_ratio"),
    "bytes": Unit("bytes", 1.0, "_bytes", "_bytes"),
    "per second": Unit("per_second", 1.0, "_per_s", "_per_second"),
    "bytes per second": Unit("bytes_per_second", 1.0, "_per_s", "_per_second"),
    "ms per second": Unit("seconds_per_second", 1000.0, "_ms_per_s", "_seconds_per_second"),
    "count": Unit(""),
    # of targets
    "fraction": Unit("ratio"),
    "requests/s": Unit("requests_per_second"),
    "users": Unit("users"),
}


def base_unit(unit: str) -> Unit:
    """What a unit of the suite becomes. Raises KeyError for one that the suite does not have."""
    return _UNITS[unit]


def reading_name(metric: Metric) -> str:
    """The name under which a reading is told: "server.cpu_percent" → "mitra_reading_server_cpu_ratio"."""
    unit = base_unit(metric.unit)
    return f"mitra_reading_{metric.name.removesuffix(unit.suffix).replace('.', '_')}{unit.base_suffix}"
