"""Differences between two fingerprints (counts hardly vary, so what differs has changed), and rows read for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from perfsuite.fingerprint.cost import spread
from perfsuite.model.fingerprint import (
    Caching,
    Cost,
    CostState,
    Difference,
    Fingerprint,
    OperationCost,
    RequestCost,
    Spread,
    StatementChange,
    StatementCost,
    StatementKind,
)

BLOCKS_FACTOR = 1.5
BLOCKS_LEAST = 20
"""Blocks of the same statements vary a little with dead rows and visibility; a larger change counts."""

_ORDER = ("queries", "rows", "shared_blocks", "temp_blocks", "caching")
_Figure = Callable[[Cost], int]
_FIGURES: Mapping[str, _Figure] = {
    "queries": lambda cost: cost.queries,
    "rows": lambda cost: cost.rows,
    "shared_blocks": lambda cost: cost.shared_blocks,
    "temp_blocks": lambda cost: cost.temp_blocks,
}


def compare(before: Fingerprint, after: Fingerprint) -> list[Difference]:
    """The differences by operation: queries first, then rows, blocks and caching.

    Requests are compared with those with the same arguments, operations only where both costs are known: see
    `not_compared`.
    """
    earlier = {(cost.role, cost.operation): cost for cost in before.operations}
    found = [
        difference
        for cost in after.operations
        if (was := earlier.get((cost.role, cost.operation))) is not None
        for difference in _of_operation(was, cost)
    ]
    return sorted(found, key=lambda each: (_ORDER.index(each.metric), -_growth(each), each.role, each.operation))


def not_compared(before: Fingerprint, after: Fingerprint) -> list[str]:
    """ "role operation: why" for operations that cannot be compared."""
    earlier = {(cost.role, cost.operation): cost for cost in before.operations}
    lines = []
    for cost in after.operations:
        was = earlier.pop((cost.role, cost.operation), None)
        if was is None:
            lines.append(f"{cost.role} {cost.operation}: not in the earlier fingerprint")
        elif not _both_known(was, cost) and not was.known is cost.known is CostState.NOT_MEASURED:
            when, which = ("before", was) if was.known is not CostState.YES else ("after", cost)
            lines.append(f"{cost.role} {cost.operation}: {which.known.value} {when} ({which.reason})")
    return lines + [f"{role} {operation}: not in the later fingerprint" for role, operation in earlier]


def _growth(difference: Difference) -> float:
    return difference.after.maximum - difference.before.maximum


def _both_known(before: OperationCost, after: OperationCost) -> bool:
    return before.known is after.known is CostState.YES


def _of_operation(before: OperationCost, after: OperationCost) -> Iterator[Difference]:
    if _both_known(before, after):
        yield from _differences(before, after)
    elif _never_reached(before) and after.known is CostState.YES and after.caching is Caching.NONE:
        yield _caching(before, after)


def _never_reached(cost: OperationCost) -> bool:
    return cost.known is CostState.UNKNOWN and bool(cost.requests) and not cost.full_requests


def _differences(before: OperationCost, after: OperationCost) -> Iterator[Difference]:
    pairs = _pairs(before, after)
    for metric, figure in _FIGURES.items():
        was, now = [figure(one) for one, _other in pairs], [figure(other) for _one, other in pairs]
        if _differs(metric, was, now):
            changes = _changes(before, after) if metric == "queries" else ()
            yield Difference(before.role, before.operation, metric, spread(was), spread(now), changes)
    if Caching.UNKNOWN not in (before.caching, after.caching) and before.caching is not after.caching:
        yield _caching(before, after)


def _caching(before: OperationCost, after: OperationCost) -> Difference:
    was, now = (0.0 if cost.caching is Caching.NONE else 1.0 for cost in (before, after))
    return Difference(before.role, before.operation, "caching", Spread(was, was), Spread(now, now))


def _pairs(before: OperationCost, after: OperationCost) -> list[tuple[Cost, Cost]]:
    """Requests with the same arguments that the database answered in both fingerprints.

    If they ran other statements, and one fingerprint has both variants for the same arguments (a cache, a write that
    is due now and then), that is chance, not a change. Requests that never needed the database cost nothing.
    """
    earlier = {request.call: request for request in before.full_requests}
    later = {request.call: request for request in after.full_requests}
    if not earlier or not later:
        calls = earlier.keys() | later.keys()
        return [(_cost(earlier.get(call)), _cost(later.get(call))) for call in sorted(calls)]
    both = [(earlier[call], later[call]) for call in sorted(earlier.keys() & later.keys())]
    return [
        (was.cost, now.cost)
        for was, now in both
        if was.ran == now.ran or (now.ran not in _ways(before, was) and was.ran not in _ways(after, now))
    ]


def _ways(cost: OperationCost, request: RequestCost) -> set[str]:
    """The variants in which requests with the same arguments were answered."""
    return {each.ran for each in cost.requests if each.arguments == request.arguments}


def _cost(request: RequestCost | None) -> Cost:
    return request.cost if request else Cost()


def _differs(metric: str, before: Sequence[int], after: Sequence[int]) -> bool:
    if metric != "shared_blocks" or not before:
        return before != after
    less, more = sorted((max(before), max(after)))
    return more - less >= BLOCKS_LEAST and more >= less * BLOCKS_FACTOR


def _changes(before: OperationCost, after: OperationCost) -> tuple[StatementChange, ...]:
    """Statements that run more or less often than before, the largest change first."""
    earlier, later = _by_shape(before), _by_shape(after)
    found = []
    for shape in dict.fromkeys([*later, *earlier]):
        was, now = earlier.get(shape), later.get(shape)
        calls_before = int(was.calls.maximum) if was else 0
        calls_after = int(now.calls.maximum) if now else 0
        if calls_before != calls_after and (shown := now or was):
            found.append(StatementChange(shown.text, calls_before, calls_after))
    return tuple(sorted(found, key=lambda change: -abs(change.calls_after - change.calls_before)))


def _by_shape(cost: OperationCost) -> dict[str, StatementCost]:
    return {statement.shape: statement for statement in cost.statements if statement.kind == "query"}


def rows_read_in_vain(fingerprint: Fingerprint, role: str, operation: str) -> int:
    """The rows that a request of the operation read at least, though no answer had one; 0 where that is not known.

    Statements that other operations of the role run as well (authentication, permissions) do not count, nor do those
    that read one row per run, such as a count.
    """
    known = [cost for cost in fingerprint.operations if cost.role == role and cost.known is CostState.YES]
    found = next((cost for cost in known if cost.operation == operation), None)
    if found is None or any(request.answered_rows for request in found.requests):
        return 0
    elsewhere = {shape for cost in known if cost is not found for shape in _shapes(cost)}
    return sum(
        int(statement.rows.minimum)
        for statement in found.statements
        if statement.kind is StatementKind.QUERY
        and statement.shape not in elsewhere
        and statement.rows.minimum > statement.calls.maximum
    )


def _shapes(cost: OperationCost) -> set[str]:
    return {statement.shape for statement in cost.statements}
