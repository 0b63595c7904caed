"""Little's law per role: do the recorded actions and pauses account for the users' time?

Little 1961 (doi 10.1287/opre.9.3.383): the mean number within a stage is its rate times the mean time in it.
A user of the closed model is either acting, or pausing, or logging in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import middle_of
from perfsuite.measurements.records import Actions, Requests
from perfsuite.measurements.totals import requests_in
from perfsuite.model import LOGIN, FailureKind, Occupancy, Plan, Second
from perfsuite.summary.periods import RunTimeline


@dataclass(slots=True)
class _Spent:
    """Actions and pauses of a role that began in the steady state, and its logins.

    `within_us`: what lies in the steady state of the time of its actions, whenever they began.
    """

    actions: int = 0
    actions_us: int = 0
    within_us: float = 0.0
    pauses: int = 0
    pauses_us: int = 0
    steady_logins_us: int = 0

    def action_s(self) -> float:
        """Mean time of an action."""
        return self.actions_us / self.actions / 1e6

    def pause_s(self) -> float:
        """Mean pause."""
        return self.pauses_us / self.pauses / 1e6

    def accounted(self, steady_s: int) -> float:
        """The mean number of users that acted or paused.

        At least as many pauses as actions: a pause cut off by the end of the run is not recorded, and an action of
        which nothing was possible has a pause, too.
        """
        pauses = max(self.actions, self.pauses)
        return (self.within_us / 1e6 + pauses * self.pause_s()) / steady_s


def occupancies(
    plan: Plan, aggregate: Aggregate, when: RunTimeline, seconds: Sequence[Second]
) -> tuple[Occupancy, ...]:
    """One for each role that acted and paused in the steady state, as the plan lists them.

    None in the open model, where sessions wait for work, and for files without pauses.
    """
    if plan.scenario.arrival is not None or not when.steady_s:
        return ()
    logins, cut = _logins(aggregate), _cut(aggregate)
    spent = _spent(aggregate, when)
    for role, records in logins.items():
        spent[role].steady_logins_us = sum(_time_us(record) for record in records if when.is_steady(record.second))
    return tuple(
        Occupancy(
            role=role,
            users=_mean_users(seconds, when, role),
            actions=of_role.actions,
            accounted=of_role.accounted(when.steady_s),
            in_login=of_role.steady_logins_us / 1e6 / when.steady_s,
            cycle_s=max(of_role.action_s() + of_role.pause_s(), _mean_login_s(logins.get(role, ()))),
            cut=cut[role],
        )
        for role in plan.users_by_role
        if (of_role := spent[role]).actions and of_role.pauses
    )


def _spent(aggregate: Aggregate, when: RunTimeline) -> dict[str, _Spent]:
    spent: dict[str, _Spent] = defaultdict(_Spent)
    for number, second in aggregate.parts():
        steady = when.is_steady(number)
        for record in second.actions:
            of_role = spent[record.role]
            of_role.within_us += _within_us(record, when)
            if not steady:
                continue
            of_role.actions += record.actions
            of_role.actions_us += record.times.sum_us
            of_role.pauses += record.pauses
            of_role.pauses_us += record.pause_us
    return spent


def _within_us(record: Actions, when: RunTimeline) -> float:
    """How much of the time of a second's actions lies in the steady state, each begun in the middle of that second.

    If the target stalls at an end of the steady state, actions reach far beyond it.
    """
    return sum(_within_span_us(record, span) for span in when.spans)


def _within_span_us(record: Actions, span: tuple[int, int]) -> float:
    began_us = 1e6 / 2
    start_us, end_us = ((edge - record.second) * 1e6 for edge in span)
    if start_us <= began_us and began_us + record.times.max_us <= end_us:
        return record.times.sum_us
    return sum(
        count * max(min(began_us + middle_of(bucket), end_us) - max(began_us, start_us), 0.0)
        for bucket, count in record.times.counts.items()
    )


def _cut(aggregate: Aggregate) -> Counter[str]:
    """Role → requests that the end of the run cut off, and with each of them an action that is not recorded."""
    found: Counter[str] = Counter()
    for (role, _operation, kind, _message), failures in aggregate.failures.items():
        if kind == FailureKind.UNFINISHED:
            found[role] += failures.count
    return found


def _logins(aggregate: Aggregate) -> Mapping[str, list[Requests]]:
    """Role → the records of its logins, over the whole run."""
    found: dict[str, list[Requests]] = defaultdict(list)
    for _number, second in aggregate.parts():
        for record in second.requests:
            if LOGIN in (record.behaviour, record.operation):
                found[record.role].append(record)
    return found


def _time_us(record: Requests) -> int:
    return record.ok.sum_us + record.failed.sum_us


def _mean_login_s(records: Iterable[Requests]) -> float:
    logins = list(records)
    return sum(map(_time_us, logins)) / (sum(map(requests_in, logins)) or 1) / 1e6


def _mean_users(seconds: Iterable[Second], when: RunTimeline, role: str) -> float:
    alive = [second.users.get(role, 0) for second in seconds if when.is_steady(second.second)]
    return sum(alive) / len(alive) if alive else 0.0
