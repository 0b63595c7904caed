"""What each operation costs the database, measured alone, one user at a time.

Figures are per request. Blocks are those of PostgreSQL (8 KiB unless the server was built otherwise).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perfsuite.format import number, number_range


class StatementKind(StrEnum):
    """What a statement is for. Only queries count as queries; the others are counted apart."""

    QUERY = "query"
    TRANSACTION = "transaction"  # BEGIN, COMMIT, ROLLBACK, SAVEPOINT …
    CONNECTION = "connection"  # pings of a pool, SET and SHOW, what a driver asks when it connects


class CostState(StrEnum):
    """Is the cost of an operation known?"""

    YES = "known"
    UNKNOWN = "unknown"  # the figures cannot be attributed to it, or there was no time to call it
    NOT_MEASURED = "not measured"  # it could not be called, or failed


class Caching(StrEnum):
    """What a repeated request did: the same arguments as the request before it."""

    NONE = "none"  # the same statements again
    REPEATS = "repeats"  # fewer statements: answered in part or wholly from a cache
    UNKNOWN = "untold"  # writes are never repeated, and without a request that reached the database nothing is known


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest and largest value; equal where all requests agree."""

    minimum: float
    maximum: float

    @property
    def exact(self) -> bool:
        """True when all requests agree."""
        return self.minimum == self.maximum

    @property
    def text(self) -> str:
        """ "3" where all requests agree, else "3–7"; counts in full, however large."""
        return number_range(self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost: rows, blocks and times of its queries, without those of opening a connection.

    `planning_ms` is None where pg_stat_statements.track_planning is off.
    """

    queries: int = 0
    transaction_statements: int = 0
    connection_statements: int = 0
    rows: int = 0
    shared_hit_blocks: int = 0
    shared_read_blocks: int = 0
    shared_dirtied_blocks: int = 0
    shared_written_blocks: int = 0
    temp_read_blocks: int = 0
    temp_written_blocks: int = 0
    wal_bytes: int = 0
    execution_ms: float = 0.0
    planning_ms: float | None = None

    @property
    def shared_blocks(self) -> int:
        """Blocks touched, whether they were in the cache of the server or not."""
        return self.shared_hit_blocks + self.shared_read_blocks

    @property
    def temp_blocks(self) -> int:
        """Blocks of temporary files read and written."""
        return self.temp_read_blocks + self.temp_written_blocks


@dataclass(frozen=True, slots=True)
class RequestCost:
    """One request. `call` counts from 0, the warm-up, whose caches were cold if ever they are.

    `full` is False where it ran fewer kinds of statements than others of its operation: a cache answered.
    `ran` names the set of queries that it ran, whatever their number, the same on every server; "" where it ran
    none. `arguments` is the first call that asked for the same. `answered_rows` is None where the answer is not
    a list.
    """

    call: int
    cost: Cost
    full: bool
    ran: str
    arguments: int
    elapsed_ms: float
    answered_rows: int | None = None


@dataclass(frozen=True, slots=True)
class StatementCost:
    """One statement behind an operation, over its full requests.

    `text` is normalised and masked; `shape` names it on every server, while `queryids` hold on one only.
    `calls` includes zero where not every full request ran it.
    """

    shape: str
    text: str
    queryids: tuple[str, ...]
    kind: StatementKind
    calls: Spread
    rows: Spread
    shared_blocks: Spread
    execution_ms: float
    """Mean per request."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A statement that looks like N+1, with the numbers it looks so by.

    `answered_rows` is None where the answer is not a list: then the statement only ran many times.
    """

    shape: str
    text: str
    calls: Spread
    answered_rows: Spread | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Asked for the same again, a request ran `queries` of the `of` queries that such a request needs."""

    queries: int
    of: int

    @property
    def text(self) -> str:
        """ "cached" where no query was left to run, else "cached in part: 5 of 6 queries run again"."""
        return (
            f"cached in part: {number(self.queries)} of {number(self.of)} queries run again"
            if self.queries
            else "cached"
        )


@dataclass(frozen=True, slots=True)
class OperationCost:
    """One operation called alone by one role. `reason` says why where the cost is not known."""

    role: str
    operation: str
    method: str
    path: str
    writes: bool
    known: CostState
    reason: str = ""
    requests: tuple[RequestCost, ...] = ()
    statements: tuple[StatementCost, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    caching: Caching = Caching.UNKNOWN
    notes: tuple[str, ...] = ()
    repeat: Repeat | None = None
    """With `caching` "repeats"; None in older files, and without."""

    @property
    def cached(self) -> str:
        """What a cache does for the operation, in words; "" where none was seen."""
        if self.caching is not Caching.REPEATS:
            return ""
        return self.repeat.text if self.repeat else "cached, at least in part"

    @property
    def full_requests(self) -> tuple[RequestCost, ...]:
        """The requests that no cache answered; none where nothing ever reached the database."""
        return tuple(request for request in self.requests if request.full)

    @property
    def queries(self) -> Spread | None:
        """Queries per request that no cache answered; None if unknown."""
        if self.known is not CostState.YES:
            return None
        counts = [request.cost.queries for request in self.full_requests] or [0]
        return Spread(min(counts), max(counts))

    @property
    def first(self) -> RequestCost | None:
        """The warm-up call: cold where the caches were cold."""
        return next((request for request in self.requests if request.call == 0), None)

    @property
    def steady(self) -> tuple[RequestCost, ...]:
        """The calls after the warm-up."""
        return tuple(request for request in self.requests if request.call > 0)


@dataclass(frozen=True, slots=True)
class ForeignStatement:
    """A statement that ran while the suite asked nothing: other traffic on the database."""

    text: str
    user: str
    calls: int
    rate_per_s: float


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """Which database was monitored, and what its statistics contain."""

    name: str
    server_version: str
    extension_version: str
    planning_tracked: bool
    utility_tracked: bool
    evictions_seen: bool
    """False where the extension is too old (before 1.9) to count evictions."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What each operation costs the database. Written to `fingerprint.json`.

    Schema history
        1   first layout; `repeat` of an operation came later
    """

    run_id: str
    host: str
    taken_at: str
    repeats: int
    database: DatabaseInfo
    operations: tuple[OperationCost, ...]
    foreign: tuple[ForeignStatement, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = 1

    def of(self, role: str, operation: str) -> OperationCost | None:
        """The cost of an operation for a role; None when the fingerprint does not have it."""
        return next((cost for cost in self.operations if (cost.role, cost.operation) == (role, operation)), None)


@dataclass(frozen=True, slots=True)
class StatementChange:
    """How often a statement runs per request, before and after. 0: it was not there."""

    text: str
    calls_before: int
    calls_after: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of an operation that is not what it was. `before` and `after` are per request.

    `metric`: "queries", "rows", "shared_blocks", "temp_blocks" or "caching" (1: repeats are answered from a cache).
    """

    role: str
    operation: str
    metric: str
    before: Spread
    after: Spread
    statements: tuple[StatementChange, ...] = ()

    @property
    def worse(self) -> bool:
        """True when the database has more to do than before."""
        if self.metric == "caching":
            return self.after.maximum < self.before.maximum
        return (self.after.maximum, self.after.minimum) > (self.before.maximum, self.before.minimum)
