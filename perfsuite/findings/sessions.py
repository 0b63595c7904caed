"""How the application uses sessions of its database, whatever the load felt of it.

A session that stays idle in a transaction keeps its locks, and keeps PostgreSQL from removing dead rows. A connection
of its own for each request costs a process of PostgreSQL and a login each time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from perfsuite.format import duration, number, time_of_day
from perfsuite.model import Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.monitor import Reading
from perfsuite.timeseries import Track

IDLE_IN_TRANSACTION_S = 10.0
"""No request of the API takes so long between two statements."""
OPENED_PER_REQUEST, OPENED_PER_S = 0.4, 1.0
"""About as many sessions as requests, many of which a cache answers; and more than monitors and jobs open."""
FEWEST_SAMPLES = 10
_IDLE = "postgres.longest_idle_in_transaction_s"
_OPENED = "postgres.sessions_opened_per_s"


def sessions(tracks: Mapping[str, Track], readings: Sequence[Reading], summary: Summary) -> list[Finding]:
    """Idle in a transaction at any time that was watched; a connection for each request over the steady state."""
    found = (_idle_in_transaction(readings, summary), _connection_per_request(tracks, summary))
    return [finding for finding in found if finding is not None]


def _idle_in_transaction(readings: Sequence[Reading], summary: Summary) -> Finding | None:
    known = [(each.value, each.at_s) for each in readings if each.metric == _IDLE and each.value is not None]
    longest_s, seen_s = max(known, default=(0.0, 0.0))
    if longest_s <= IDLE_IN_TRANSACTION_S:
        return None
    since_s = math.floor(seen_s - longest_s)
    within = bool(summary.seconds) and since_s >= summary.seconds[0].second
    since = f"from {time_of_day(since_s)} on" if within else "since before the load"
    headline = (
        f"A session of PostgreSQL was idle in a transaction for {duration(longest_s)}, {since}: it keeps its locks, "
        "and keeps dead rows from being removed"
    )
    at_s = since_s if within else None
    row = Evidence(_IDLE, "longest time idle in a transaction", None, longest_s, "s", at_s)
    return Finding(FindingKind.EPISODE, headline, "transactions", at_s, evidence=(row,))


def _connection_per_request(tracks: Mapping[str, Track], summary: Summary) -> Finding | None:
    absent, opened = tracks.get("pool.absent"), tracks.get(_OPENED)
    none_kept = absent is not None and bool((absent.known >= 1).any())
    per_s, requests_per_s = _rates(opened, summary)
    many = per_s >= max(OPENED_PER_REQUEST * requests_per_s, OPENED_PER_S)
    if not (none_kept or many):
        return None
    rates = f"{number(per_s)} sessions of PostgreSQL were opened a second, for {number(requests_per_s)} requests"
    rows = []
    if opened is not None and opened.known.size >= FEWEST_SAMPLES:
        rows.append(Evidence(_OPENED, "sessions opened to the database", None, per_s, opened.unit))
    if none_kept:
        headline = "The application keeps no pool (NullPool) and opens a database connection per request"
        headline += f": {rates}" if per_s >= OPENED_PER_S else ""
        rows.append(Evidence("pool.absent", "no pool of connections (1: none, 0: one)", None, 1.0, "count"))
    else:
        headline = f"The application opens a database connection per request: {rates}{_beside_pool(tracks)}"
    return Finding(FindingKind.CONFIGURATION, headline, "connection per request", evidence=tuple(rows))


def _rates(opened: Track | None, summary: Summary) -> tuple[float, float]:
    """Sessions and requests a second, over the seconds in which sessions were counted; 0.0 with too few of them."""
    if opened is None or opened.known.size < FEWEST_SAMPLES:
        return 0.0, 0.0
    seconds = {int(second) for second in opened.seconds}
    requests = sum(each.statistics.requests for each in summary.seconds if each.second in seconds)
    return float(opened.known.mean()), requests / len(seconds)


def _beside_pool(tracks: Mapping[str, Track]) -> str:
    size = tracks.get("pool.size")
    if size is None or not size.known.size:
        return ""
    return f", beside a pool of {number(float(size.known[-1]))}: those beyond it are closed after use"
