"""What every run shows: where the time goes, and who waits most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfsuite.format import percent
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import ALL, PreflightReport, Row, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.periods import STEADY

_SHOWN = 5
_FEWEST_REQUESTS = 30


def overview(summary: Summary, preflight: PreflightReport | None) -> list[Finding]:
    """Slowest operations by total time, the role that waits most, time outside the server; each where it is known."""
    steady = [row for row in summary.rows if row.period == STEADY and row.statistics.avg_ms is not None]
    found = (_slowest(steady, alone_ms(preflight)), _role(steady), _outside(steady))
    return [finding for finding in found if finding is not None]


def alone_ms(preflight: PreflightReport | None) -> Mapping[str, float]:
    """Operation → the shortest time that preflight saw, with nobody else there."""
    times: dict[str, float] = {}
    for check in preflight.checks if preflight else ():
        if check.elapsed_ms is not None:
            times[check.operation] = min(check.elapsed_ms, times.get(check.operation, check.elapsed_ms))
    return times


def _total_ms(row: Row) -> float:
    return row.statistics.requests * (row.statistics.avg_ms or 0.0)


def _slowest(steady: Sequence[Row], alone: Mapping[str, float]) -> Finding | None:
    rows = [row for row in steady if row.role == row.behaviour == ALL and row.operation != ALL]
    every_ms = sum(map(_total_ms, rows))
    if not every_ms:
        return None
    rows.sort(key=_total_ms, reverse=True)
    evidence = []
    for row in rows[:_SHOWN]:
        before = alone.get(row.operation)
        hint = "; before: alone, in preflight" if before is not None else ""
        label = f"{row.operation}: mean time ({percent(_total_ms(row) / every_ms)} of all{hint})"
        evidence.append(Evidence("avg_ms", label, before, row.statistics.avg_ms, "ms"))
    first = rows[0]
    headline = FindingMessage.MOST_TIME(
        operation=first.operation,
        share=_total_ms(first) / every_ms,
        mean=first.statistics.avg_ms,
        requests=first.statistics.requests,
    )
    return Finding(FindingKind.SLOWEST, headline, operation=first.operation, evidence=tuple(evidence))


def _role(steady: Sequence[Row]) -> Finding | None:
    """The role whose requests take longest on average, with its share of the time and of the requests."""
    rows = [row for row in steady if row.role != ALL and row.behaviour == row.operation == ALL]
    time_ms, requests = sum(map(_total_ms, rows)), sum(row.statistics.requests for row in rows)
    counted = [row for row in rows if row.statistics.requests >= _FEWEST_REQUESTS]
    if len(counted) < 2 or not time_ms:
        return None
    worst = max(counted, key=lambda row: row.statistics.avg_ms or 0.0)
    of_time, of_requests = _total_ms(worst) / time_ms, worst.statistics.requests / requests
    headline = FindingMessage.WAITS_MOST(
        role=worst.role,
        requests=of_requests,
        time=of_time,
        mean=worst.statistics.avg_ms,
        all_roles=time_ms / requests,
    )
    evidence = (
        Evidence("requests_share", "its share of the requests", None, of_requests, "fraction"),
        Evidence("time_share", "its share of the response time", None, of_time, "fraction"),
    )
    return Finding(FindingKind.ROLE, headline, role=worst.role, evidence=evidence)


def _outside(steady: Sequence[Row]) -> Finding | None:
    """Time in the application beside time outside it: network, proxies, and queues before the application."""
    total = next((row for row in steady if row.role == row.behaviour == row.operation == ALL), None)
    if total is None or total.breakdown.server_avg_ms is None or total.breakdown.outside_avg_ms is None:
        return None
    inside, outside = total.breakdown.server_avg_ms, total.breakdown.outside_avg_ms
    code = FindingMessage.OUTSIDE if outside > inside else FindingMessage.INSIDE
    evidence = (
        Evidence("server_avg_ms", "time in the application, mean", None, inside, "ms"),
        Evidence("outside_avg_ms", "time outside it, mean", None, outside, "ms"),
    )
    headline = code(inside=inside, outside=outside)
    return Finding(FindingKind.OUTSIDE, headline, evidence=evidence)
