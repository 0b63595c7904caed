"""The rows of figures: per period and per second, and what users came for.

Order of `rows`, for each period (ramp-up, steady, ramp-down):
    1. the grand total (ALL, ALL, ALL)
    2. each operation over all roles (ALL, ALL, operation)
    3. each role: its total (role, ALL, ALL); the total of each operation that takes part in several of its
       behaviours (role, ALL, operation); then each behaviour: its total (role, behaviour, ALL) and its
       operations (role, behaviour, operation)
Only rows with requests that were due or ended are there, save the grand total: that of the steady state always
is, the others where their period has a second.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from perfsuite.histogram import Histogram
from perfsuite.measurements import Actions
from perfsuite.model import ALL, BehaviourRow, Row
from perfsuite.roles.role import Role
from perfsuite.summary.order import Order
from perfsuite.summary.periods import PERIODS, STEADY, Timeline
from perfsuite.summary.tally import Due, Tally, add_times, breakdown, percentiles_ms, statistics

Key = tuple[str, str, str]
"""Role, behaviour, operation."""


def period_rows(due: Mapping[int, Sequence[Due]], when: Timeline, order: Order) -> tuple[Row, ...]:
    """The figures of each period, in the order that the head of this file tells."""
    cells: dict[str, dict[Key, Tally]] = {period: {} for period in PERIODS}
    for second, records in due.items():
        of_period = cells[when.period(second)]
        for record in records:
            key = (record.role, record.behaviour, record.operation)
            if key not in of_period:
                of_period[key] = Tally()
            of_period[key].add(record)
    rows: list[Row] = []
    for period in PERIODS:
        length_s = when.length_s(period)
        if length_s or period == STEADY:
            tallies = _with_totals(cells[period])
            rows += [
                Row(period, *key, statistics(tallies[key], length_s), breakdown(tallies[key]))
                for key in sorted(tallies, key=lambda key: _place(key, order))
            ]
    return tuple(rows)


def _with_totals(cells: Mapping[Key, Tally]) -> dict[Key, Tally]:
    """The cells and every total of them; the grand total also when there is no cell."""
    totals: dict[Key, Tally] = defaultdict(Tally)
    totals[ALL, ALL, ALL] = Tally()
    behaviours_with = Counter((role, operation) for role, _, operation in cells)
    for (role, behaviour, operation), tally in cells.items():
        keys = [(ALL, ALL, ALL), (ALL, ALL, operation), (role, ALL, ALL), (role, behaviour, ALL)]
        if behaviours_with[role, operation] > 1:
            keys.append((role, ALL, operation))
        for key in keys:
            totals[key].merge(tally)
    return {**totals, **cells}


def _place(key: Key, order: Order) -> tuple[object, ...]:
    role, behaviour, operation = key
    return (
        role != ALL,
        order.role(role),
        behaviour != ALL,
        order.behaviour(role, behaviour),
        operation != ALL,
        order.operation(operation),
    )


def second_rows(due: Mapping[int, Sequence[Due]], order: Order) -> Iterator[Row]:
    """One row per second, role and operation of which requests were due or ended, in that order."""
    for second in sorted(due):
        cells: dict[tuple[str, str], Tally] = {}
        for record in due[second]:
            key = (record.role, record.operation)
            if key not in cells:
                cells[key] = Tally()
            cells[key].add(record)
        for role, operation in sorted(cells, key=lambda key: (order.role(key[0]), order.operation(key[1]))):
            tally = cells[role, operation]
            yield Row(str(second), role, ALL, operation, statistics(tally, 1), breakdown(tally))


def behaviour_rows(actions: Iterable[Actions], when: Timeline, roles: Sequence[Role]) -> tuple[BehaviourRow, ...]:
    """Actions that began in the steady state, for each behaviour of `roles`, and others that were recorded."""
    counts: dict[tuple[str, str], list[int]] = {
        (role.slug, behaviour.name): [0, 0] for role in roles for behaviour in role.behaviours
    }
    times: dict[tuple[str, str], Histogram] = defaultdict(Histogram)
    for record in actions:
        if when.is_steady(record.second):
            key = (record.role, record.behaviour)
            count = counts.setdefault(key, [0, 0])
            count[0] += record.actions
            count[1] += record.succeeded
            add_times(times[key], record.times)
    order = Order(roles)
    keys = sorted(counts, key=lambda key: (order.role(key[0]), order.behaviour(*key)))
    return tuple(_behaviour_row(key, counts[key], times[key]) for key in keys)


def _behaviour_row(key: tuple[str, str], count: Sequence[int], times: Histogram) -> BehaviourRow:
    actions, succeeded = count
    mean_us = times.mean_us()
    return BehaviourRow(
        role=key[0],
        behaviour=key[1],
        actions=actions,
        succeeded=succeeded,
        success_rate=succeeded / actions if actions else None,
        avg_ms=None if mean_us is None else mean_us / 1000,
        p95_ms=percentiles_ms(times)["p95_ms"],
    )
