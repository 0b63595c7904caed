"""A login storm: the logins with which users began were more than the target could do at once."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.format import duration, number, percent, plural, quantity
from perfsuite.model import LOGIN, Logins, PreflightReport, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.logins import SERVER_CPU, server_cpu_percent
from perfsuite.model.monitor import Reading

LOGINS = "logins"

_FEWEST = 10
_SLOW_MS, _SLOWER = 500.0, 3.0
"""Half a second is what people notice; a password hash alone may take a quarter."""
_OUTLASTED_S = 5.0
"""What settles in the time that is given to that anyway is no storm."""
_LIMITED_SHARE = 0.1


def login_storm(summary: Summary, readings: Sequence[Reading], preflight: PreflightReport | None) -> list[Finding]:
    """Ramp-up logins that queued for long after the last user was started, or that a limit refused.

    They queued where they took over half a second on average, and three times as long as one alone.
    """
    logins = summary.logins
    if logins is None or logins.ramp_up < _FEWEST:
        return []
    alone_ms = _alone_ms(preflight)
    slow = logins.avg_ms >= _SLOW_MS and (alone_ms is None or logins.avg_ms >= _SLOWER * alone_ms)
    outlasted_s = logins.outlasted_s or 0.0
    if not (slow and outlasted_s > _OUTLASTED_S) and logins.rate_limited < _LIMITED_SHARE * logins.ramp_up:
        return []
    cpu = server_cpu_percent(logins, readings)
    headline = (
        f"Login storm in the ramp-up: {plural(logins.ramp_up, 'login')} took {quantity(logins.avg_ms, 'ms')} on average"
        f" and {quantity(logins.max_ms, 'ms')} at most"
        + ("" if alone_ms is None else f", {quantity(alone_ms, 'ms')} alone")
        + ("" if outlasted_s <= 1 else f", and went on for {duration(outlasted_s)} after the last user was started")
        + ("" if cpu is None else f"; the server used {quantity(cpu, 'percent')} of a core meanwhile")
        + ("" if not logins.rate_limited else f"; {percent(logins.rate_limited / logins.ramp_up)} met its rate limit")
        + f". {_fix(logins)}"
    )
    evidence = [Evidence("avg_ms", "mean time of a login (before: alone, in preflight)", alone_ms, logins.avg_ms, "ms")]
    if cpu is not None:
        evidence.append(Evidence(SERVER_CPU, "CPU of the server meanwhile, mean", None, cpu, "percent"))
    return [Finding(FindingKind.LOGINS, headline, LOGINS, logins.began_at, None, LOGIN, tuple(evidence))]


def _fix(logins: Logins) -> str:
    """At the rate at which they succeeded, they would not have queued."""
    fix, succeeded = "Start users more slowly", logins.ramp_up - logins.failures
    if logins.ended_at is not None and succeeded:
        fix += f" (--spawn-rate {number(succeeded / max(logins.ended_at - logins.began_at, 1.0))})"
    return f"{fix}, and give each user an account of its own"


def _alone_ms(preflight: PreflightReport | None) -> float | None:
    """The quickest login of preflight, with nobody else there."""
    checks = preflight.checks if preflight else ()
    known = (check.elapsed_ms for check in checks if check.operation == LOGIN and check.elapsed_ms is not None)
    return min(known, default=None)
