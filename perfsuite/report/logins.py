"""The logins with which users began, in a line."""

from __future__ import annotations

from typing import Any

from perfsuite.format import figure, plural, quantity
from perfsuite.model import RunReport
from perfsuite.model.summary_parts import server_cpu_percent
from perfsuite.report.figures import rounded


def logins_line(report: RunReport) -> str:
    """ "91 ramp-up logins: 9,120 ms on average, 24,300 ms at most, server at 94 % of a core"; "" without one."""
    logins = report.summary.logins
    if logins is None:
        return ""
    failed = f", {plural(logins.failures, 'failure')}" if logins.failures else ""
    cpu = server_cpu_percent(logins, report.readings)
    busy = "" if cpu is None else f", server at {quantity(cpu, 'percent')} of a core meanwhile"
    return (
        f"{plural(logins.ramp_up, 'ramp-up login')}: {figure('avg_ms', logins.avg_ms)} on average,"
        f" {figure('max_ms', logins.max_ms)} at most{failed}{busy}"
    )


def logins_dict(report: RunReport) -> dict[str, Any] | None:
    """The same for `summary.json`; None without a login."""
    logins = report.summary.logins
    if logins is None:
        return None
    return {
        "ramp_up": logins.ramp_up,
        "failures": logins.failures,
        "rate_limited": logins.rate_limited,
        "avg_ms": rounded("avg_ms", logins.avg_ms),
        "max_ms": rounded("max_ms", logins.max_ms),
        "began_at": logins.began_at,
        "ended_at": logins.ended_at,
        "server_cpu_percent": rounded("server_cpu_percent", server_cpu_percent(logins, report.readings)),
        "late": logins.late,
        "steady_share_rate": rounded("steady_share_rate", logins.steady_share_rate),
        "later": logins.later,
        "outlasted_s": rounded("outlasted_s", logins.outlasted_s),
    }
