"""Readings of made-up monitors, one a second from the start of the load on."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.model.monitor import METRICS, PART, Reading
from tests.report.made_load import START


def read(metric: str, values: Sequence[float | None], source: str = "") -> list[Reading]:
    """A reading a second; the first tells of the first second of the load, so it is made at its end."""
    unit = METRICS[metric].unit if metric in METRICS else "count"
    known = source or metric.split(".", maxsplit=1)[0]
    return [Reading(START + second, known, metric, value, unit) for second, value in enumerate(values, 1)]


def part(metric: str, name: str, values: Sequence[float | None]) -> list[Reading]:
    """The same of one part: `name` is "core 3" or "pid 4711"."""
    return read(metric, values, f"{metric.split('.', maxsplit=1)[0]}{PART}{name}")


def all_moving(seconds: int) -> list[Reading]:
    """Every metric of the catalogue, and the four cores of a machine, none of which stands still."""
    wholes = (read(metric, [float(at % 97) for at in range(seconds)]) for metric in METRICS)
    cores = (
        part("machine.core_cpu_percent", f"core {core}", [float(at % (7 + core)) for at in range(seconds)])
        for core in range(4)
    )
    return [reading for readings in (*wholes, *cores) for reading in readings]
