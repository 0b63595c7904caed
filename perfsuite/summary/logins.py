"""The logins of a run: those with which its users begin, which are load like any other, and those after them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Requests
from perfsuite.model import ALL, LOGIN, FailureKind, Logins, Row
from perfsuite.model.periods import STEADY
from perfsuite.summary.periods import PhaseTimes, Timeline
from perfsuite.summary.tally import add_times, values_in


def login_figures(
    requests: Mapping[int, Sequence[Requests]],
    rows: Sequence[Row],
    when: Timeline,
    logging_in: Mapping[int, int],
    phases: PhaseTimes,
) -> Logins | None:
    """None where no login was sent. Of the ramp-up are those that were sent until all users were logged in."""
    until = math.inf if phases.logged_in is None else phases.logged_in
    records = [record for of_second in requests.values() for record in of_second if record.operation == LOGIN]
    first = [record for record in records if record.second < until]
    times, failures = Histogram(), 0
    for record in first:
        add_times(times, record.ok)
        failures += add_times(times, record.failed)
    mean_us = times.mean_us()
    if mean_us is None:
        return None
    # By their ends: logins that last into the steady state were sent before it.
    ended = {row.operation: row.statistics.rps for row in rows if _is_of_all(row)}
    sent = sum(values_in(record.ok) + values_in(record.failed) for record in records)
    return Logins(
        ramp_up=times.count,
        failures=failures,
        rate_limited=sum(
            error.count for record in first for error in record.errors if error.kind == FailureKind.RATE_LIMIT
        ),
        avg_ms=mean_us / 1000,
        max_ms=times.max_us / 1000,
        began_at=min(record.second for record in first),
        ended_at=until if until < math.inf else None,
        late=0 if when.steady_start is None or until <= when.steady_start else logging_in.get(when.steady_start - 1, 0),
        steady_share_rate=ended.get(LOGIN, 0.0) / ended[ALL] if ended.get(ALL) else None,
        later=sent - times.count,
        outlasted_s=None if phases.plateau is None else max(min(until, when.load_stop) - phases.plateau, 0.0),
    )


def _is_of_all(row: Row) -> bool:
    return row.period == STEADY and row.role == row.behaviour == ALL
