"""Figures and lists as people read them, with units."""

from __future__ import annotations

import math

from perfsuite.model.slo_presets import apdex_threshold
from perfsuite.model.summary import PERCENTILES

USERS = "concurrent_users"
FAILURE_RATE = "failure_rate"
RPS = "rps"
AVERAGE = "avg_ms"

_NAMES = {
    AVERAGE: "average response time",
    "min_ms": "shortest response time",
    "max_ms": "longest response time",
    FAILURE_RATE: "failure rate",
    RPS: "throughput",
    USERS: "concurrent users",
}
_UNITS = {FAILURE_RATE: "fraction", RPS: "requests/s", USERS: "users"}
_SHOWN_UNITS = {FAILURE_RATE: " %", RPS: " requests/s"}
_MOST_DECIMALS = 9


def name_of(metric: str) -> str:
    """The metric's name in a sentence: "95th percentile"."""
    fraction, threshold_ms = PERCENTILES.get(metric), apdex_threshold(metric)
    if threshold_ms is not None:
        return f"Apdex at {threshold_ms:,g} ms"
    return _NAMES.get(metric, metric) if fraction is None else f"{fraction * 100:g}th percentile"


def unit_of(metric: str) -> str:
    """The unit in which a metric is kept."""
    return "ms" if metric.endswith("_ms") else _UNITS.get(metric, "")


def figure(metric: str, value: float) -> str:
    """A value with its unit and the decimals that matter at its size: "2,310 ms", "1.25 %"."""
    shown = _shown(metric, value)
    return f"{shown:,.{_decimals(metric, shown)}f}{_unit_shown(metric)}"


def plain_figure(value: float, unit: str) -> str:
    """A monitor's value with its unit, with up to four figures: "82.5 %", "1,200 ms", "12 per second"."""
    shown = f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.4g}"
    return f"{shown} {'%' if unit == 'percent' else unit}" if unit not in ("", "count") else shown


def limit_figure(metric: str, limit: float) -> str:
    """A limit as it was set, with its unit: "2,000 ms", "1.5 %"."""
    return f"{_shown(metric, limit):,.10g}{_unit_shown(metric)}"


def interval_figure(metric: str, interval: tuple[float, float]) -> str:
    """An interval with its unit: "1,890–2,110 ms"."""
    low, high = (figure(metric, value).removesuffix(_unit_shown(metric)) for value in interval)
    return f"{low}–{high}{_unit_shown(metric)}"


def figures_apart(metric: str, observed: float, limit: float) -> tuple[str, str]:
    """Both values as text: what was observed with as many decimals as it takes to tell it from its limit and from 0."""
    shown, shown_limit = _shown(metric, observed), _shown(metric, limit)
    alike = {value for value in (shown_limit, 0.0) if value != shown}
    decimals = _decimals(metric, shown)
    while decimals < _MOST_DECIMALS and round(shown, decimals) in alike:
        decimals += 1
    return f"{shown:,.{decimals}f}{_unit_shown(metric)}", limit_figure(metric, limit)


def _shown(metric: str, value: float) -> float:
    # Rounded where only the arithmetic of floats differs: 0.07 · 100 = 7.000000000000001.
    return round(value * 100, 12) if metric == FAILURE_RATE else value


def _unit_shown(metric: str) -> str:
    return " ms" if metric.endswith("_ms") else _SHOWN_UNITS.get(metric, "")


def _decimals(metric: str, shown: float) -> int:
    if not math.isfinite(shown) or float(shown).is_integer():
        return 0
    if metric == FAILURE_RATE:
        return 2
    size = abs(shown)
    return 0 if size >= 100 and metric != RPS else 1 if size >= 10 else 2
