"""What was monitored at the target: a source that was asked and never gave a reading is not."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model import RunReport, Summary
from perfsuite.model.monitor import METRICS, Reading

_NAMES = {
    "server": "server",
    "machine": "machine",
    "application": "application",
    "pool": "connection pool",
    "postgres": "PostgreSQL",
    "redis": "Redis",
}
_OF_THIS_SIDE = "machine.tcp_"
"""Of the machine of the load as well, wherever the target runs."""


@dataclass(frozen=True, slots=True)
class Monitored:
    """Parts of the target by name. `silent`: a source was asked for them and gave no reading during the load."""

    parts: tuple[str, ...]
    silent: tuple[str, ...]


def monitored(report: RunReport) -> Monitored:
    """Over the steady state, or all of the run without one. That a part answers (`….up`) says nothing of it."""
    told: set[str] = set()
    asked: set[str] = set()
    for reading in report.readings:
        part = METRICS[reading.metric].component if reading.metric in METRICS else reading.metric.partition(".")[0]
        if reading.metric.endswith(".up") or reading.metric.startswith(_OF_THIS_SIDE) or part not in _NAMES:
            continue
        asked.add(part)
        if reading.value is not None and _during(reading, report.summary):
            told.add(part)
    return Monitored(_named(told), _named(asked - told))


def _during(reading: Reading, summary: Summary) -> bool:
    if summary.steady_start is None or summary.steady_end is None:
        return True
    return summary.steady_start < reading.at_s <= summary.steady_end


def _named(parts: set[str]) -> tuple[str, ...]:
    return tuple(name for part, name in _NAMES.items() if part in parts)
