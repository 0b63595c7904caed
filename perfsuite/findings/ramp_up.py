"""The ramp-up: how the target took the connections of new users, and whether their logins were a storm.

A server that is busy accepts late. The kernel then holds connections in the listen queue, and drops those that find it
full; the client tries again after a second (RFC 6298), so that opening takes 1 s, 3 s, 7 s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfsuite.findings.overview import alone_ms
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import LOGIN, Logins, PreflightReport, Second, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.monitor import Reading
from perfsuite.model.readings import within
from perfsuite.model.summary_parts import SERVER_CPU, server_cpu_percent

CONNECTIONS, LOGINS = "ramp-up connections", "logins"

QUEUE_LONG, QUEUE_FOR_S = 20.0, 2
"""So many connections wait in so many samples on end."""
DROPPED_QUEUE, DROPPED_NEAR_S = 5.0, 2
"""Drops are counted for all servers of the machine: they are the target's where its own queue was long so near."""
SLOW_MS, SLOW_FACTOR, SLOW_ALWAYS_MS = 200.0, 8.0, 900.0
"""So slow, and by so much slower than in the best quarter of the run; or as slow as one that was dropped once."""
_BEST_PERCENTILE = 25.0
FEWEST_SLOW = 3
_LAG_SHARE = 0.5
"""Where the load's own event loop was late by this share of the time, the load may have been slow itself."""

_FEWEST_LOGINS = 10
_SLOW_LOGIN_MS, _SLOWER = 500.0, 3.0
"""Half a second is what people notice; a password hash alone may take a quarter."""
_OUTLASTED_S = 5.0
"""What settles in the settling time anyway is no storm."""
_LIMITED_SHARE = 0.1

_Sign = tuple[Message, Evidence]


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────


def slow_connections(summary: Summary, readings: Sequence[Reading]) -> list[Finding]:
    """One finding of all that shows in the ramp-up; [] for a target that took its connections in time."""
    early = [each for each in _in_ramp_up(readings, summary) if each.value is not None]
    signs = [sign for sign in (_slow(summary, early), _queue(early), _dropped(early)) if sign is not None]
    if not signs:
        return []
    at_s = min(row.at_s for _message, row in signs if row.at_s is not None)
    headline = FindingMessage.RAMP_UP(parts=[message for message, _row in signs], at=at_s)
    return [Finding(FindingKind.INCIDENT, headline, CONNECTIONS, at_s, evidence=tuple(row for _message, row in signs))]


def _in_ramp_up(readings: Sequence[Reading], summary: Summary) -> Sequence[Reading]:
    if not summary.seconds:
        return ()
    stop = summary.steady_start if summary.steady_start is not None else summary.seconds[-1].second + 1
    return within(readings, summary.seconds[0].second, stop)


def _queue(early: Sequence[Reading]) -> _Sign | None:
    """The longest listen queue, where it was long for some samples on end."""
    samples = [(each.at_s, each.value or 0.0) for each in early if each.metric == "server.listen_queue"]
    windows = (samples[at : at + QUEUE_FOR_S] for at in range(len(samples) - QUEUE_FOR_S + 1))
    long = next((window for window in windows if min(value for _at_s, value in window) >= QUEUE_LONG), None)
    if long is None:
        return None
    longest = max(value for _at_s, value in samples)
    label = "connections waiting to be accepted, at most"
    row = Evidence("server.listen_queue", label, None, longest, "count", int(long[0][0]) - 1)
    return FindingMessage.WAITED_IN_QUEUE(connections=round(longest)), row


def _dropped(early: Sequence[Reading]) -> _Sign | None:
    """Connections dropped while the target's own queue was long."""
    long_at = [
        each.at_s for each in early if each.metric == "server.listen_queue" and (each.value or 0) >= DROPPED_QUEUE
    ]
    drops = [
        (each.at_s, each.value)
        for each in early
        if each.metric == "machine.tcp_listen_overflows_per_s"
        and each.value
        and any(abs(each.at_s - at_s) <= DROPPED_NEAR_S for at_s in long_at)
    ]
    number = round(sum(value for _at_s, value in drops))
    if not number:
        return None
    label = "connections dropped, listen queue full"
    at_s = int(drops[0][0]) - 1
    row = Evidence("machine.tcp_listen_overflows_per_s", label, None, float(number), "count", at_s)
    return FindingMessage.DROPPED(connections=number), row


def _slow(summary: Summary, early: Sequence[Reading]) -> _Sign | None:
    """The connections of seconds in which opening one was slow, though the load itself was not."""
    opened = {each.second: time for each in summary.seconds if (time := each.breakdown.connect_avg_ms) is not None}
    if not opened:
        return None
    best_ms = float(np.percentile(list(opened.values()), _BEST_PERCENTILE))
    lag = {int(each.at_s) - 1: each.value or 0.0 for each in early if each.metric == "generator.loop_lag_ms"}
    start = summary.steady_start
    ramp_up = (each for each in summary.seconds if start is None or each.second < start)
    slow = [each for each in ramp_up if _is_slow(each, best_ms, lag.get(each.second, 0.0))]
    connections = sum(each.breakdown.connections for each in slow)
    if connections < FEWEST_SLOW:
        return None
    total_ms = sum(each.breakdown.connections * (each.breakdown.connect_avg_ms or 0.0) for each in slow)
    mean_ms = total_ms / connections
    message = FindingMessage.SLOW_TO_OPEN(connections=connections, mean=mean_ms)
    if best_ms < mean_ms:
        message = FindingMessage.SLOW_TO_OPEN_AT_BEST(connections=connections, mean=mean_ms, best=best_ms)
    label = "time to open a connection, mean of the slow seconds"
    return message, Evidence("network.connect_ms", label, best_ms, mean_ms, "ms", slow[0].second)


def _is_slow(second: Second, best_ms: float, lag_ms: float) -> bool:
    time_ms = second.breakdown.connect_avg_ms
    if time_ms is None or lag_ms >= _LAG_SHARE * time_ms:
        return False
    return time_ms >= SLOW_ALWAYS_MS or (time_ms >= SLOW_MS and time_ms >= SLOW_FACTOR * best_ms)


# ── logins ──────────────────────────────────────────────────────────────────────────────────────────────────


def login_storm(summary: Summary, readings: Sequence[Reading], preflight: PreflightReport | None) -> list[Finding]:
    """Ramp-up logins that queued for long after the last user was started, or that a rate limit refused.

    They queued where they took over half a second on average, and three times as long as one alone.
    """
    logins = summary.logins
    if logins is None or logins.ramp_up < _FEWEST_LOGINS:
        return []
    single_ms = alone_ms(preflight).get(LOGIN)
    slow = logins.avg_ms >= _SLOW_LOGIN_MS and (single_ms is None or logins.avg_ms >= _SLOWER * single_ms)
    outlasted_s = logins.outlasted_s or 0.0
    if not (slow and outlasted_s > _OUTLASTED_S) and logins.rate_limited < _LIMITED_SHARE * logins.ramp_up:
        return []
    cpu = server_cpu_percent(logins, readings)
    evidence = [
        Evidence("avg_ms", "mean time of a login (before: alone, in preflight)", single_ms, logins.avg_ms, "ms")
    ]
    if cpu is not None:
        evidence.append(Evidence(SERVER_CPU, "CPU of the server meanwhile, mean", None, cpu, "percent"))
    headline = _storm(logins, single_ms, cpu)
    return [Finding(FindingKind.LOGINS, headline, LOGINS, logins.began_at, None, LOGIN, tuple(evidence))]


def _storm(logins: Logins, single_ms: float | None, cpu_percent: float | None) -> Message:
    outlasted_s, limited = logins.outlasted_s or 0.0, logins.rate_limited / logins.ramp_up
    headline = FindingMessage.LOGIN_STORM(logins=logins.ramp_up, mean=logins.avg_ms, most=logins.max_ms)
    headline = headline.also(
        None if single_ms is None else FindingMessage.ALONE(mean=single_ms),
        None if outlasted_s <= 1 else FindingMessage.OUTLASTED(for_s=outlasted_s),
        separator=", ",
    )
    return headline.also(
        None if cpu_percent is None else FindingMessage.SERVER_CPU(cpu=cpu_percent / 100),
        FindingMessage.RATE_LIMITED(share=limited) if limited else None,
        _advice(logins),
    )


def _advice(logins: Logins) -> Message:
    """At the rate at which they succeeded, they would not have queued."""
    succeeded = logins.ramp_up - logins.failures
    if logins.ended_at is None or not succeeded:
        return FindingMessage.START_SLOWLY()
    return FindingMessage.START_AT_RATE(rate=succeeded / max(logins.ended_at - logins.began_at, 1.0))
