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
from functools import cache

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Actions, Times
from perfsuite.model import ALL, LOGIN, BehaviourRow, Row
from perfsuite.model.periods import PERIODS, STEADY
from perfsuite.model.role import Role
from perfsuite.summary.order import Order
from perfsuite.summary.periods import Timeline
from perfsuite.summary.tally import (
    Due,
    Tally,
    breakdown,
    histogram_of_all,
    percentiles_ms,
    statistics,
    statistics_ok,
    tally_of,
)

Key = tuple[str, str, str]
"""Role, behaviour, operation."""


def period_rows(due: Mapping[int, Sequence[Due]], when: Timeline, order: Order) -> tuple[Row, ...]:
    """The figures of each period, in the order that the head of this file tells."""
    cells: dict[str, dict[Key, list[Due]]] = {period: defaultdict(list) for period in PERIODS}
    for second, records in due.items():
        of_period = cells[when.period(second)]
        for record in records:
            of_period[record.role, record.behaviour, record.operation].append(record)
    rows: list[Row] = []
    for period in PERIODS:
        length_s = when.length_s(period)
        if length_s or period == STEADY:
            tallies = _with_totals({key: tally_of(records) for key, records in cells[period].items()})
            rows += [
                _row((period, *key), tallies[key], length_s)
                for key in sorted(tallies, key=lambda key: _place(key, order))
            ]
    return tuple(rows)


def _with_totals(cells: Mapping[Key, Tally]) -> dict[Key, Tally]:
    """The cells and every total of them; the grand total also when there is no cell."""
    behaviours_with = Counter((role, operation) for role, _, operation in cells)
    operations: dict[Key, Tally] = defaultdict(Tally)
    behaviours: dict[Key, Tally] = defaultdict(Tally)
    for (role, behaviour, operation), tally in cells.items():
        behaviours[role, behaviour, ALL].merge(tally)
        operations[ALL, ALL, operation].merge(tally)
        if behaviours_with[role, operation] > 1:
            operations[role, ALL, operation].merge(tally)
    roles: dict[Key, Tally] = defaultdict(Tally)
    for (role, _, _), tally in behaviours.items():
        roles[role, ALL, ALL].merge(tally)
    grand = Tally()
    for tally in roles.values():
        grand.merge(tally)
    return {(ALL, ALL, ALL): grand, **operations, **roles, **behaviours, **cells}


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
    place = cache(lambda key: (order.role(key[0]), order.operation(key[1])))
    for second in sorted(due):
        cells: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for record in due[second]:
            cells[record.role, record.operation].append(record)
        for role, operation in sorted(cells, key=place):
            tally = tally_of(cells[role, operation])
            yield _row((str(second), role, ALL, operation), tally, 1)


def _row(place: tuple[str, str, str, str], tally: Tally, length_s: float) -> Row:
    return Row(*place, statistics(tally, length_s), breakdown(tally), statistics_ok(tally, length_s))


def behaviour_rows(actions: Iterable[Actions], when: Timeline, roles: Sequence[Role]) -> tuple[BehaviourRow, ...]:
    """Actions that began in the steady state, for each behaviour of `roles`, and others that were recorded."""
    counts: dict[tuple[str, str], list[int]] = {
        (role.slug, behaviour.name): [0, 0] for role in roles for behaviour in role.behaviours
    }
    times: dict[tuple[str, str], list[Times]] = defaultdict(list)
    for record in actions:
        # Pauses before a login that has to wait are recorded like those between actions, and are none of them.
        if when.is_steady(record.second) and record.behaviour != LOGIN:
            key = (record.role, record.behaviour)
            count = counts.setdefault(key, [0, 0])
            count[0] += record.actions
            count[1] += record.succeeded
            times[key].append(record.times)
    order = Order(roles)
    keys = sorted(counts, key=lambda key: (order.role(key[0]), order.behaviour(*key)))
    return tuple(_behaviour_row(key, counts[key], histogram_of_all(times[key])) for key in keys)


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
