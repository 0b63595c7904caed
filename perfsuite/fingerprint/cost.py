"""From the requests of one operation to its cost: pure arithmetic, and when it cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perfsuite.fingerprint.readings import NAMES, NOTHING, Counters, Delta, Key
from perfsuite.fingerprint.statements import ForeignTraffic, StatementEntry, headline, shape_of
from perfsuite.format import number
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import (
    Caching,
    Cost,
    CostState,
    OperationCost,
    Repeat,
    RequestCost,
    Spread,
    StatementCost,
    StatementKind,
    Suspicion,
)

_LIKELY_FOREIGN = 0.05
"""A statement counts as foreign where, by its rate while nothing was asked, a batch has more than this many."""
_COUNTED = tuple(name for name in NAMES if name not in ("calls", "execution_ms", "planning_ms"))
"""Figures that `Cost` has under the same name."""
_FEWEST_ROWS = 3
_FEWEST_CALLS = 5
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class CostSample:
    """One request of an operation. `arguments`: number of the first call with the same arguments.

    `again`: a repetition of the call before, for the sake of caches. `failure` is "" when it worked.
    """

    call: int
    arguments: int
    delta: Delta
    elapsed_ms: float
    answered_rows: int | None = None
    failure: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class AttributedRequest:
    """A sample with its own statements by shape."""

    sample: CostSample
    shapes: Mapping[str, Counters]
    queries: frozenset[str]
    """Shapes of the real queries among the statements."""


@dataclass(frozen=True, slots=True)
class OperationBatch:
    """The requests of one operation with their own statements."""

    requests: tuple[AttributedRequest, ...]
    again: AttributedRequest | None
    entries: Mapping[str, StatementEntry]
    queryids: Mapping[str, tuple[str, ...]]
    doubt: str = ""
    """Why the figures cannot be attributed to the operation; "" where they can."""
    failure: str = ""
    notes: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """True when a request ran a statement at all."""
        return any(request.shapes for request in self.requests)

    @property
    def regular(self) -> bool:
        """True when all requests ran the same statements, or fewer where a cache answered."""
        return _full(self) is not None

    @property
    def sure(self) -> bool:
        """True when a second try would not make the result clearer."""
        return bool(self.failure) or (not self.doubt and self.regular)

    @property
    def variants(self) -> tuple[frozenset[str], ...]:
        """Which queries each request ran."""
        return tuple(request.queries for request in self.requests)


def batch_of(
    samples: Sequence[CostSample], entries: Mapping[Key, StatementEntry], foreign: ForeignTraffic
) -> OperationBatch:
    """Separate the operation's statements from those of others, with doubts and notes."""
    duration_s = sum(sample.delta.duration_s for sample in samples)
    seen = {key for sample in samples for key in sample.delta.statements if not entries[key].ours}
    strange = {key for key in seen & foreign.keys() if foreign.rate_per_s(key) * duration_s >= _LIKELY_FOREIGN}
    foreign.backend_users |= (users := {user for user, _queryid in seen - strange})
    # Statements of another user are not the backend's; those of its own user may or may not be.
    users = users or foreign.backend_users
    mixed = sorted((key for key in strange if not users or key[0] in users), key=lambda key: -foreign.rate_per_s(key))
    ours = seen - strange if not mixed else seen
    requests = [_request(sample, entries, ours) for sample in samples]
    queryids: dict[str, tuple[str, ...]] = {}
    for key in sorted(ours):
        shape = entries[key].shape
        queryids[shape] = (*queryids.get(shape, ()), str(key[1]))
    return OperationBatch(
        requests=tuple(request for request in requests if not request.sample.again),
        again=next((request for request in requests if request.sample.again), None),
        entries={entries[key].shape: entries[key] for key in ours},
        queryids=queryids,
        doubt=_doubt(samples, mixed, entries, foreign),
        failure=next((sample.failure for sample in samples if sample.failure), ""),
        notes=tuple(_traffic_notes(samples, strange - set(mixed), entries)),
    )


def _request(sample: CostSample, entries: Mapping[Key, StatementEntry], ours: set[Key]) -> AttributedRequest:
    shapes: dict[str, Counters] = {}
    for key, counters in sample.delta.statements.items():
        if key in ours:
            shape = entries[key].shape
            shapes[shape] = shapes.get(shape, NOTHING) + counters
    kinds = {entries[key].shape: entries[key].kind for key in sample.delta.statements}
    return AttributedRequest(
        sample, shapes, frozenset(shape for shape in shapes if kinds[shape] is StatementKind.QUERY)
    )


def _doubt(
    samples: Sequence[CostSample], mixed: Sequence[Key], entries: Mapping[Key, StatementEntry], foreign: ForeignTraffic
) -> str:
    trouble = next((sample.delta.trouble for sample in samples if sample.delta.trouble), "")
    if trouble or not mixed:
        return trouble
    text = headline(entries[mixed[0]].text, _SHOWN)
    return FingerprintMessage.OTHER_TRAFFIC(statement=text, rate_per_s=number(foreign.rate_per_s(mixed[0])))


def _traffic_notes(
    samples: Sequence[CostSample], left_out: set[Key], entries: Mapping[Key, StatementEntry]
) -> list[str]:
    notes: list[str] = []
    if left_out:
        names = ", ".join(sorted({entries[key].user or "unknown" for key in left_out}))
        notes.append(FingerprintMessage.OTHER_USERS(users=names))
    if not all(sample.delta.settled for sample in samples):
        notes.append(FingerprintMessage.NOT_AT_REST())
    return notes


def _full(batch: OperationBatch) -> list[bool] | None:
    """Which requests no cache answered; None when they differ in another way, so that this is not known."""
    requests = batch.requests
    variants = sorted({request.queries for request in requests} - {frozenset()}, key=len)
    if not variants:
        return [bool(request.shapes) for request in requests]
    if len(variants) == 1:
        return [bool(request.queries) for request in requests]
    if len(variants) > 2 or not variants[0] < variants[1]:
        return None
    full = [request.queries == variants[1] for request in requests]
    # A single odd request after regular ones may contain somebody else's statement.
    if not full[0] and sum(full) == 1:
        return None
    # Two variants for the same arguments mean a cache; otherwise the arguments make the difference.
    return full if _both_variants(batch) else [bool(request.queries) for request in requests]


def _both_variants(batch: OperationBatch) -> bool:
    made = [*batch.requests, *([batch.again] if batch.again else [])]
    variants: dict[int, set[frozenset[str]]] = {}
    for request in made:
        if request.queries:
            variants.setdefault(request.sample.arguments, set()).add(request.queries)
    return any(len(each) > 1 for each in variants.values())


def cost_of(operation: OperationCost, batch: OperationBatch, *, repeated: bool = False) -> OperationCost:
    """`operation` with the cost that the batch shows. `repeated`: an earlier batch ran the same, call by call."""
    if batch.failure:
        return replace(operation, known=CostState.NOT_MEASURED, reason=str(batch.failure))
    if batch.doubt:
        return replace(operation, known=CostState.UNKNOWN, reason=str(batch.doubt), notes=tuple(map(str, batch.notes)))
    regular = _full(batch)
    full = regular or [bool(request.shapes) for request in batch.requests]
    chosen = [request for request, is_full in zip(batch.requests, full, strict=True) if is_full]
    notes = batch.notes if regular is not None else (*batch.notes, _irregular(batch, repeated=repeated))
    return replace(
        operation,
        known=CostState.YES,
        requests=tuple(
            _request_cost(request, batch, full=is_full) for request, is_full in zip(batch.requests, full, strict=True)
        ),
        statements=tuple(_statements(chosen, batch)),
        suspicions=tuple(_suspicions(chosen, batch)),
        caching=_caching(batch, full),
        notes=tuple(map(str, notes)),
        repeat=_repeat(batch, full),
    )


def _irregular(batch: OperationBatch, *, repeated: bool) -> str:
    if repeated:
        return FingerprintMessage.BY_ARGUMENTS()
    everywhere = frozenset.intersection(*(request.queries for request in batch.requests))
    odd = sorted(frozenset.union(*(request.queries for request in batch.requests)) - everywhere)
    count = sum(odd[0] in request.queries for request in batch.requests)
    text = headline(batch.entries[odd[0]].text, _SHOWN)
    return FingerprintMessage.IRREGULAR(statement=text, count=count, requests=len(batch.requests))


def _request_cost(request: AttributedRequest, batch: OperationBatch, *, full: bool) -> RequestCost:
    sample = request.sample
    ran = shape_of(" ".join(sorted(request.queries))) if request.queries else ""
    return RequestCost(
        call=sample.call,
        cost=_cost(request, batch),
        full=full,
        ran=ran,
        arguments=sample.arguments,
        elapsed_ms=sample.elapsed_ms,
        answered_rows=sample.answered_rows,
    )


def _cost(request: AttributedRequest, batch: OperationBatch) -> Cost:
    calls = dict.fromkeys(StatementKind, 0)
    total = NOTHING
    for shape, counters in request.shapes.items():
        kind = batch.entries[shape].kind
        calls[kind] += counters.calls
        if kind is not StatementKind.CONNECTION:
            total += counters
    return Cost(
        queries=calls[StatementKind.QUERY],
        transaction_statements=calls[StatementKind.TRANSACTION],
        connection_statements=calls[StatementKind.CONNECTION],
        execution_ms=round(total.execution_ms, 4),
        planning_ms=round(total.planning_ms, 4) or None,
        **{name: getattr(total, name) for name in _COUNTED},
    )


def spread(values: Sequence[float]) -> Spread:
    """The smallest and the largest of the values, which must not be empty."""
    return Spread(min(values), max(values))


def _statements(full: Sequence[AttributedRequest], batch: OperationBatch) -> list[StatementCost]:
    shapes = {shape for request in full for shape in request.shapes}
    found = []
    for shape in shapes:
        each = [request.shapes.get(shape, NOTHING) for request in full]
        found.append(
            StatementCost(
                shape=shape,
                text=batch.entries[shape].text,
                queryids=batch.queryids[shape],
                kind=batch.entries[shape].kind,
                calls=spread([counters.calls for counters in each]),
                rows=spread([counters.rows for counters in each]),
                shared_blocks=spread([counters.shared_hit_blocks + counters.shared_read_blocks for counters in each]),
                execution_ms=round(sum(counters.execution_ms for counters in each) / len(each), 4),
            )
        )
    return sorted(found, key=lambda cost: (cost.kind, -cost.calls.maximum, cost.text))


def _suspicions(full: Sequence[AttributedRequest], batch: OperationBatch) -> list[Suspicion]:
    rows = [request.sample.answered_rows for request in full]
    known = [count for count in rows if count is not None]
    found = []
    for shape in sorted({shape for request in full for shape in request.queries}):
        calls = [request.shapes.get(shape, NOTHING).calls for request in full]
        per_row = len(known) == len(rows) and all(_about(c, r) for c, r in zip(calls, known, strict=True))
        if (per_row and max(known) >= _FEWEST_ROWS) or min(calls) >= _FEWEST_CALLS:
            answered = spread(known) if len(known) == len(rows) else None
            found.append(Suspicion(shape, batch.entries[shape].text, spread(calls), answered))
    return sorted(found, key=lambda each: -each.calls.maximum)


def _about(calls: int, rows: int) -> bool:
    return abs(calls - rows) <= max(1.0, 0.1 * rows)


def _caching(batch: OperationBatch, full: Sequence[bool]) -> Caching:
    if not any(full) or batch.again is None:
        return Caching.UNKNOWN
    if not all(full) or _queries(batch.again, batch) < _queries(batch.requests[-1], batch):
        return Caching.REPEATS
    return Caching.NONE


def _repeat(batch: OperationBatch, full: Sequence[bool]) -> Repeat | None:
    """How many queries a cache left to run, of how many; None without a cache."""
    if batch.again is None or _caching(batch, full) is not Caching.REPEATS:
        return None
    pairs = list(zip(batch.requests, full, strict=True))
    same = [pair for pair in pairs if pair[0].sample.arguments == batch.again.sample.arguments]
    asked = same if any(is_full for _request, is_full in same) else pairs
    counts = [_queries(request, batch) for request, is_full in asked if is_full]
    fewest = min(_queries(request, batch) for request in (batch.again, *(request for request, _is_full in asked)))
    return Repeat(fewest, max(counts))


def _queries(request: AttributedRequest, batch: OperationBatch) -> int:
    """How many real queries it ran."""
    return _cost(request, batch).queries
