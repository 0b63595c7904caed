"""The virtual users of a run, second by second: how many there were, and how they logged in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S, Aggregate
from perfsuite.measurements.totals import histogram_of_all, requests_in, values_in
from perfsuite.model import ALL, LOGIN, FailureKind, Logins, Row, Scenario, UserCounts
from perfsuite.model.periods import STEADY
from perfsuite.summary.periods import PhaseTimes, RunTimeline


def users_by_second(aggregate: Aggregate, seconds: Iterable[int], roles: Iterable[str]) -> dict[int, dict[str, int]]:
    """Second → role → users alive at its end: the sum of each process's latest report up to that second.

    Roles without users are there with 0.
    """
    slugs = list(roles)
    by_second: dict[int, dict[str, int]] = {}
    for second, reports in aggregate.users_at(seconds):
        alive: Counter[str] = Counter(dict.fromkeys(slugs, 0))
        for users in reports:
            alive.update(users.by_role)
        by_second[second] = dict(alive)
    return by_second


def logging_in_by_second(aggregate: Aggregate, seconds: Iterable[int]) -> dict[int, int]:
    """Second → users that had not ended the login that they begin with, at its end.

    For so long before its first report as a silent process counts as alive, a process counts with the number in that
    report.
    """
    first = [reports[min(reports)] for reports in aggregate.users.values() if reports]
    return {
        second: sum(users.logging_in for users in reports)
        + sum(users.logging_in for users in first if second < users.second <= second + FORGOTTEN_AFTER_S)
        for second, reports in aggregate.users_at(seconds)
    }


def all_logged_in_at(logging_in: Mapping[int, int], plateau: float) -> float:
    """When all users had ended the login that they begin with, UTC epoch s; infinite where they never had.

    Not before the plateau, when the last user started. That users of a lost process log in again does not count.
    """
    ends = (second + 1 for second in sorted(logging_in) if not logging_in[second])
    return next((float(end) for end in ends if end >= plateau), math.inf)


def user_counts(scenario: Scenario, by_second: Mapping[int, Mapping[str, int]], aggregate: Aggregate) -> UserCounts:
    """The most users that were alive at once, of which roles they were in the first such second, and who is done."""
    peak = max(by_second, key=lambda second: (sum(by_second[second].values()), -second), default=None)
    by_role = dict(by_second[peak]) if peak is not None else {}
    done = None if scenario.iterations is None else sum(end.done for end in aggregate.ends.values())
    return UserCounts(scenario.users, sum(by_role.values()), by_role, done)


def login_figures(
    aggregate: Aggregate,
    rows: Sequence[Row],
    when: RunTimeline,
    logging_in: Mapping[int, int],
    phases: PhaseTimes,
) -> Logins | None:
    """None where no login was sent. Of the ramp-up are those that were sent until all users were logged in."""
    until = math.inf if phases.logged_in is None else phases.logged_in
    records = [record for _number, part in aggregate.parts() for record in part.requests if record.operation == LOGIN]
    first = [record for record in records if record.second < until]
    times = histogram_of_all([part for record in first for part in (record.ok, record.failed)])
    mean_us = times.mean_us()
    if mean_us is None:
        return None
    # By their ends: logins that last into the steady state were sent before it.
    ended = {
        row.operation: row.statistics.rps for row in rows if row.period == STEADY and row.role == row.behaviour == ALL
    }
    return Logins(
        ramp_up=times.count,
        failures=sum(values_in(record.failed) for record in first),
        rate_limited=sum(
            error.count for record in first for error in record.errors if error.kind == FailureKind.RATE_LIMIT
        ),
        avg_ms=mean_us / 1000,
        max_ms=times.max_us / 1000,
        began_at=min(record.second for record in first),
        ended_at=until if until < math.inf else None,
        late=0 if when.steady_start is None or until <= when.steady_start else logging_in.get(when.steady_start - 1, 0),
        steady_share_rate=ended.get(LOGIN, 0.0) / ended[ALL] if ended.get(ALL) else None,
        later=sum(map(requests_in, records)) - times.count,
        outlasted_s=None if phases.plateau is None else max(min(until, when.load_stop) - phases.plateau, 0.0),
    )
