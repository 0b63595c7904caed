"""How the target took the connections of the ramp-up: a full listen queue, connections that were slow to open.

A server that is busy accepts late. The kernel then holds connections in the listen queue, and drops those that find it
full; the client tries again after a second (RFC 6298), so that opening takes 1 s, 3 s, 7 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perfsuite.format import plural, quantity, time_of_day
from perfsuite.model import Second, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.monitor import Reading

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
RESOURCE = "ramp-up connections"


@dataclass(frozen=True, slots=True)
class _Slow:
    connections: int
    mean_ms: float
    best_ms: float
    at_s: int


def ramp_up(summary: Summary, readings: Sequence[Reading]) -> list[Finding]:
    """One finding of all that shows in the ramp-up; [] for a target that took its connections in time."""
    early = [each for each in readings if _in_ramp_up(each, summary) and each.value is not None]
    queue, dropped, slow = _queue(early), _dropped(early), _slow(summary, early)
    parts = [*_told(slow), *_waiting(queue), *_lost(dropped)]
    if not parts:
        return []
    moments = [each.at_s for each in (queue, dropped) if each is not None and each.at_s is not None]
    at_s = min([*moments, *([slow.at_s] if slow is not None else [])])
    rows = [row for row in (_row(slow), queue, dropped) if row is not None]
    headline = f"In the ramp-up {' and '.join(parts)}, from {time_of_day(at_s)} on"
    return [Finding(FindingKind.EPISODE, headline, RESOURCE, at_s, evidence=tuple(rows))]


def _in_ramp_up(reading: Reading, summary: Summary) -> bool:
    if not summary.seconds:
        return False
    stop = summary.steady_start if summary.steady_start is not None else summary.seconds[-1].second + 1
    return summary.seconds[0].second < reading.at_s <= stop


def _told(slow: _Slow | None) -> Iterator[str]:
    if slow is not None:
        best = f", {quantity(slow.best_ms, 'ms')} at best" if slow.best_ms < slow.mean_ms else ""
        yield f"{plural(slow.connections, 'connection')} took {quantity(slow.mean_ms, 'ms')} to open on average{best}"


def _waiting(queue: Evidence | None) -> Iterator[str]:
    if queue is not None:
        yield f"up to {quantity(queue.after, 'count')} connections waited to be accepted"


def _lost(dropped: Evidence | None) -> Iterator[str]:
    if dropped is not None:
        yield f"{quantity(dropped.after, 'count')} were dropped since the listen queue was full"


def _row(slow: _Slow | None) -> Evidence | None:
    if slow is None:
        return None
    label = "time to open a connection, mean of the slow seconds"
    return Evidence("network.connect_ms", label, slow.best_ms, slow.mean_ms, "ms", slow.at_s)


def _queue(early: Sequence[Reading]) -> Evidence | None:
    """The longest listen queue, where it was long for some samples on end."""
    samples = [(each.at_s, each.value or 0.0) for each in early if each.metric == "server.listen_queue"]
    lasting = [
        window
        for window in (samples[at : at + QUEUE_FOR_S] for at in range(len(samples) - QUEUE_FOR_S + 1))
        if min(value for _at_s, value in window) >= QUEUE_LONG
    ]
    if not lasting:
        return None
    longest = max(value for _at_s, value in samples)
    label = "connections waiting to be accepted, at most"
    return Evidence("server.listen_queue", label, None, longest, "count", int(lasting[0][0][0]) - 1)


def _dropped(early: Sequence[Reading]) -> Evidence | None:
    """Connections dropped while the target's own queue was long."""
    long_at = [
        each.at_s
        for each in early
        if each.metric == "server.listen_queue" and each.value is not None and each.value >= DROPPED_QUEUE
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
    return Evidence("machine.tcp_listen_overflows_per_s", label, None, float(number), "count", int(drops[0][0]) - 1)


def _slow(summary: Summary, early: Sequence[Reading]) -> _Slow | None:
    """The connections of seconds in which opening one was slow, though the load itself was not."""
    opened = {each.second: time for each in summary.seconds if (time := each.breakdown.connect_avg_ms) is not None}
    if not opened:
        return None
    best_ms = float(np.percentile(list(opened.values()), _BEST_PERCENTILE))
    lag = {int(each.at_s) - 1: each.value or 0.0 for each in early if each.metric == "generator.loop_lag_ms"}
    slow = [each for each in _early_seconds(summary) if _is_slow(each, best_ms, lag.get(each.second, 0.0))]
    connections = sum(each.breakdown.connections for each in slow)
    if connections < FEWEST_SLOW:
        return None
    total_ms = sum(each.breakdown.connections * (each.breakdown.connect_avg_ms or 0.0) for each in slow)
    return _Slow(connections, total_ms / connections, best_ms, slow[0].second)


def _early_seconds(summary: Summary) -> list[Second]:
    start = summary.steady_start
    return [each for each in summary.seconds if start is None or each.second < start]


def _is_slow(second: Second, best_ms: float, lag_ms: float) -> bool:
    time_ms = second.breakdown.connect_avg_ms
    if time_ms is None or lag_ms >= _LAG_SHARE * time_ms:
        return False
    return time_ms >= SLOW_ALWAYS_MS or (time_ms >= SLOW_MS and time_ms >= SLOW_FACTOR * best_ms)
