"""What is told of every run: where the time goes, and who waits most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfsuite.format import figure, number, percent, quantity
from perfsuite.model import ALL, PreflightReport, Row, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.periods import STEADY

_SHOWN = 5
_FEWEST_REQUESTS = 30


def always(summary: Summary, preflight: PreflightReport | None) -> list[Finding]:
    """Slowest operations by total time, the role that waits most, time outside the server; each where it is known."""
    steady = [row for row in summary.rows if row.period == STEADY and row.statistics.avg_ms is not None]
    alone = _alone_ms(preflight)
    found = (_slowest(steady, alone), _role(steady), _outside(steady))
    return [finding for finding in found if finding is not None]


def _total_ms(row: Row) -> float:
    return row.statistics.requests * (row.statistics.avg_ms or 0.0)


def _alone_ms(preflight: PreflightReport | None) -> Mapping[str, float]:
    """Operation → the shortest time that preflight saw, with nobody else there."""
    times: dict[str, float] = {}
    for check in preflight.checks if preflight else ():
        if check.elapsed_ms is not None:
            times[check.operation] = min(check.elapsed_ms, times.get(check.operation, check.elapsed_ms))
    return times


def _slowest(steady: Sequence[Row], alone: Mapping[str, float]) -> Finding | None:
    rows = [row for row in steady if row.role == row.behaviour == ALL and row.operation != ALL]
    whole = sum(map(_total_ms, rows))
    if not whole:
        return None
    rows.sort(key=_total_ms, reverse=True)
    first = rows[0]
    share = percent(_total_ms(first) / whole)
    headline = (
        f"Most response time goes to {first.operation}: {share} of it, {quantity(first.statistics.avg_ms, 'ms')} "
        f"on average over {number(first.statistics.requests)} requests"
    )
    evidence = tuple(
        Evidence(
            "avg_ms",
            f"{row.operation}: mean time ({percent(_total_ms(row) / whole)} of all; before: alone, in preflight)"
            if row.operation in alone
            else f"{row.operation}: mean time ({percent(_total_ms(row) / whole)} of all)",
            alone.get(row.operation),
            row.statistics.avg_ms,
            "ms",
        )
        for row in rows[:_SHOWN]
    )
    return Finding(FindingKind.SLOWEST, headline, operation=first.operation, evidence=evidence)


def _role(steady: Sequence[Row]) -> Finding | None:
    """The role whose share of the time is largest against its share of the requests."""
    rows = [row for row in steady if row.role != ALL and row.behaviour == row.operation == ALL]
    time_ms, requests = sum(map(_total_ms, rows)), sum(row.statistics.requests for row in rows)
    counted = [row for row in rows if row.statistics.requests >= _FEWEST_REQUESTS]
    if len(counted) < 2 or not time_ms:
        return None
    worst = max(counted, key=lambda row: row.statistics.avg_ms or 0.0)
    of_time, of_requests = _total_ms(worst) / time_ms, worst.statistics.requests / requests
    headline = (
        f"{worst.role} waits most: {percent(of_requests)} of the requests and {percent(of_time)} of the response time, "
        f"{figure('avg_ms', worst.statistics.avg_ms)} on average, {figure('avg_ms', time_ms / requests)} over all roles"
    )
    evidence = (
        Evidence("requests_share", "its share of the requests", None, of_requests, "fraction"),
        Evidence("time_share", "its share of the response time", None, of_time, "fraction"),
    )
    return Finding(FindingKind.ROLE, headline, role=worst.role, evidence=evidence)


def _outside(steady: Sequence[Row]) -> Finding | None:
    """Time in the application against time outside it: network, proxies, and queues before the application."""
    total = next((row for row in steady if row.role == row.behaviour == row.operation == ALL), None)
    if total is None or total.breakdown.server_avg_ms is None or total.breakdown.outside_avg_ms is None:
        return None
    inside, outside = total.breakdown.server_avg_ms, total.breakdown.outside_avg_ms
    where = "outside the application" if outside > inside else "inside the application"
    headline = (
        f"Most of the time is spent {where}: {figure('avg_ms', inside)} in it on average, "
        f"{figure('avg_ms', outside)} outside (network, proxies, queues before it)"
    )
    evidence = (
        Evidence("server_avg_ms", "time in the application, mean", None, inside, "ms"),
        Evidence("outside_avg_ms", "time outside it, mean", None, outside, "ms"),
    )
    return Finding(FindingKind.OUTSIDE, headline, evidence=evidence)
