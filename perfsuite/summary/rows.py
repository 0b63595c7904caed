"""The rows of figures: per period and per second, what users came for, and how many requests took how long.

RowOrder of `rows`, for each period (ramp-up, steady, ramp-down):
    1. the grand total (ALL, ALL, ALL)
    2. each operation over all roles (ALL, ALL, operation)
    3. each role: its total (role, ALL, ALL); the total of each operation that takes part in several of its
       behaviours (role, ALL, operation); then each behaviour: its total (role, behaviour, ALL) and its
       operations (role, behaviour, operation)
Only rows with requests that were due or ended are there, save the grand total: that of the steady state always
is, the others where their period has a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import Histogram, middle_of
from perfsuite.measurements.records import Times
from perfsuite.measurements.totals import Due, RequestTotals, histogram_of_all, totals_of
from perfsuite.model import ALL, LOGIN, BehaviourRow, Row, TimeBin
from perfsuite.model.periods import MINUTE_S, STEADY
from perfsuite.model.role import Role
from perfsuite.summary.figures import as_ms, breakdown, percentiles_ms, statistics, statistics_ok
from perfsuite.summary.periods import RunTimeline
from perfsuite.target.catalogue import CATALOGUE

Rank = tuple[int, str]


class RowOrder:
    """Sort keys for roles, behaviours and operations, the same in everything that is listed.

    Roles as the suite lists them, behaviours as their role lists them after the login, operations as in the
    catalogue. What none of these knows comes last, by name.
    """

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = _numbered(role.slug for role in roles)
        self._behaviours = {role.slug: _numbered([LOGIN, *(b.name for b in role.behaviours)]) for role in roles}
        self._operations = _numbered(CATALOGUE)

    def role(self, slug: str) -> Rank:
        """Where a role stands."""
        return _rank(self._roles, slug)

    def behaviour(self, role: str, name: str) -> Rank:
        """Where a behaviour stands within its role."""
        return _rank(self._behaviours.get(role, {}), name)

    def operation(self, name: str) -> Rank:
        """Where an operation stands."""
        return _rank(self._operations, name)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _rank(numbers: Mapping[str, int], name: str) -> Rank:
    return numbers.get(name, len(numbers)), name


RowKey = tuple[str, str, str]
"""Role, behaviour, operation."""


def period_rows(due: Mapping[int, Sequence[Due]], when: RunTimeline, order: RowOrder) -> tuple[Row, ...]:
    """The figures of each period, in the order described at the top of this file."""
    cells: dict[str, dict[RowKey, list[Due]]] = {period: defaultdict(list) for period in when.periods}
    for second, records in due.items():
        of_period = cells[when.period(second)]
        for record in records:
            of_period[record.role, record.behaviour, record.operation].append(record)
    rows: list[Row] = []
    for period in when.periods:
        length_s = when.length_s(period)
        if length_s or period == STEADY:
            rows += _ordered(period, cells[period], length_s, order)
    return tuple(rows)


def rows_of(period: str, due: Iterable[Due], length_s: int, order: RowOrder) -> list[Row]:
    """The rows of any requests, as of one period."""
    cells: dict[RowKey, list[Due]] = defaultdict(list)
    for record in due:
        cells[record.role, record.behaviour, record.operation].append(record)
    return _ordered(period, cells, length_s, order)


def _ordered(period: str, cells: Mapping[RowKey, list[Due]], length_s: int, order: RowOrder) -> list[Row]:
    totals = _with_totals({key: totals_of(records) for key, records in cells.items()})
    keys = sorted(totals, key=lambda key: _place(key, order))
    return [_row((period, *key), totals[key], length_s) for key in keys]


def _with_totals(cells: Mapping[RowKey, RequestTotals]) -> dict[RowKey, RequestTotals]:
    """The cells and every total of them; the grand total also when there is no cell."""
    behaviours_with = Counter((role, operation) for role, _, operation in cells)
    operations: dict[RowKey, RequestTotals] = defaultdict(RequestTotals)
    behaviours: dict[RowKey, RequestTotals] = defaultdict(RequestTotals)
    for (role, behaviour, operation), totals in cells.items():
        behaviours[role, behaviour, ALL].merge(totals)
        operations[ALL, ALL, operation].merge(totals)
        if behaviours_with[role, operation] > 1:
            operations[role, ALL, operation].merge(totals)
    roles: dict[RowKey, RequestTotals] = defaultdict(RequestTotals)
    for (role, _, _), totals in behaviours.items():
        roles[role, ALL, ALL].merge(totals)
    grand = RequestTotals()
    for totals in roles.values():
        grand.merge(totals)
    return {(ALL, ALL, ALL): grand, **operations, **roles, **behaviours, **cells}


def _place(key: RowKey, order: RowOrder) -> tuple[object, ...]:
    role, behaviour, operation = key
    return (
        role != ALL,
        order.role(role),
        behaviour != ALL,
        order.behaviour(role, behaviour),
        operation != ALL,
        order.operation(operation),
    )


def second_rows(due: Mapping[int, Sequence[Due]], when: RunTimeline, order: RowOrder) -> Iterator[Row]:
    """One row per second (or minute that was rolled up), role and operation of which requests were due or ended."""
    place = cache(lambda key: (order.role(key[0]), order.operation(key[1])))
    for second in sorted(due):
        cells: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for record in due[second]:
            cells[record.role, record.operation].append(record)
        for role, operation in sorted(cells, key=place):
            length_s = MINUTE_S if second in when.minutes else 1
            yield _row((str(second), role, ALL, operation), totals_of(cells[role, operation]), length_s)


def _row(place: tuple[str, str, str, str], totals: RequestTotals, length_s: float) -> Row:
    return Row(*place, statistics(totals, length_s), breakdown(totals), statistics_ok(totals, length_s))


def behaviour_rows(aggregate: Aggregate, when: RunTimeline, roles: Sequence[Role]) -> tuple[BehaviourRow, ...]:
    """Actions that began in the steady state, for each behaviour of `roles`, and others that were recorded."""
    counts: dict[tuple[str, str], list[int]] = {
        (role.slug, behaviour.name): [0, 0] for role in roles for behaviour in role.behaviours
    }
    times: dict[tuple[str, str], list[Times]] = defaultdict(list)
    steady = (second.actions for number, second in aggregate.parts() if when.is_steady(number))
    for record in chain.from_iterable(steady):
        # Pauses before a login that has to wait are recorded like those between actions, and are none of them.
        if record.behaviour != LOGIN:
            key = (record.role, record.behaviour)
            count = counts.setdefault(key, [0, 0])
            count[0] += record.actions
            count[1] += record.succeeded
            times[key].append(record.times)
    order = RowOrder(roles)
    keys = sorted(counts, key=lambda key: (order.role(key[0]), order.behaviour(*key)))
    return tuple(_behaviour_row(key, counts[key], histogram_of_all(times[key])) for key in keys)


def _behaviour_row(key: tuple[str, str], count: Sequence[int], times: Histogram) -> BehaviourRow:
    actions, succeeded = count
    return BehaviourRow(
        role=key[0],
        behaviour=key[1],
        actions=actions,
        succeeded=succeeded,
        success_rate=succeeded / actions if actions else None,
        avg_ms=as_ms(times.mean_us()),
        p95_ms=percentiles_ms(times)["p95_ms"],
    )


_PREFERRED = (1.0, 1.12, 1.25, 1.4, 1.6, 1.8, 2.0, 2.24, 2.5, 2.8, 3.15, 3.55, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1, 8.0, 9.0)
"""The series R20 of ISO 3: twenty steps to ten, each 12 % on, with 1, 2 and 5 among them, so that shares within round
times are exact."""
_EDGES_MS = tuple(round(each * 10.0**power, 6) for power in range(-3, 7) for each in _PREFERRED)


def bins_of(ok: Histogram, failed: Histogram) -> tuple[TimeBin, ...]:
    """Response times in bins from the shortest to the longest time, empty ones between included."""
    counts = _binned(ok), _binned(failed)
    filled = counts[0].keys() | counts[1].keys()
    return tuple(
        TimeBin(_EDGES_MS[place], _EDGES_MS[place + 1], counts[0].get(place, 0), counts[1].get(place, 0))
        for place in range(min(filled, default=0), max(filled, default=-1) + 1)
    )


def _binned(times: Histogram) -> dict[int, int]:
    """Place of the lower edge → how many. What is beyond the edges (1 µs, 2.5 hours) is in the first or last bin."""
    found: dict[int, int] = {}
    for bucket, count in times.counts.items():
        time_ms = min(max(middle_of(bucket), times.min_us), times.max_us) / 1000
        place = min(max(bisect_right(_EDGES_MS, time_ms) - 1, 0), len(_EDGES_MS) - 2)
        found[place] = found.get(place, 0) + count
    return found
