"""A database in memory that counts statements as pg_stat_statements does, and a target that runs them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from msgspec import structs

from perfsuite.fingerprint.readings import (
    Counters,
    DatabaseClient,
    Key,
    PollingClock,
    StatementText,
    StatisticsSnapshot,
    Totals,
)
from perfsuite.fingerprint.run import Caller, FingerprintRun, FingerprintSettings
from perfsuite.model import Plan, Scenario
from perfsuite.model.fingerprint import DatabaseInfo, Fingerprint
from perfsuite.model.role import Role
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.run_state import RunState
from tests.target.fake_target import ACCOUNTS, Asked, FakeTarget

APP, OTHER = 10, 20
USERS = {APP: "app", OTHER: "cron"}
INFO = DatabaseInfo("mitra", "16.3", "1.10", planning_tracked=False, utility_tracked=True, evictions_seen=True)


class FakeDatabase:
    """Statistics; `on_sleep` is what others do while time passes."""

    def __init__(self) -> None:
        self.info, self.asked = INFO, 0
        self.notes: tuple[str, ...] = ()
        self.now_s = 0.0
        self.counters: dict[Key, Counters] = {}
        self.known: dict[Key, StatementText] = {}
        self.reset_at, self.evictions = "t0", 0
        self.clients: list[DatabaseClient] = []
        self.committed = 0
        self.on_sleep: Callable[[float], None] = lambda _s: None

    def run(self, query: str, calls: int = 1, *, user: int = APP, rows: int = 1, blocks: int = 3) -> None:
        key = (user, hash((user, query)))
        self.known[key] = StatementText(query, USERS[user])
        ran = Counters(calls, rows * calls, shared_hit_blocks=blocks * calls, execution_ms=0.5 * calls)
        self.counters[key] = self.counters.get(key, Counters()) + ran

    def reset(self) -> None:
        self.counters.clear()
        self.reset_at += "'"

    @property
    def clock(self) -> PollingClock:
        return PollingClock(lambda: self.now_s, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_sleep(seconds)

    def totals(self) -> Totals:
        return Totals(sum(each.calls for each in self.counters.values()), frozenset())

    def snapshot(self) -> StatisticsSnapshot:
        return StatisticsSnapshot(self.now_s, dict(self.counters), self.reset_at, self.evictions, tuple(self.clients))

    def texts(self, keys: Collection[Key]) -> Mapping[Key, StatementText]:
        return {key: self.known[key] for key in keys if key in self.counters}

    def transactions(self) -> int:
        return self.committed


class CostlyTarget(FakeTarget):
    """Runs one query for each request, or what `costs` says for the operation."""

    def __init__(self, database: FakeDatabase) -> None:
        super().__init__()
        self.database = database
        self.costs: dict[str, Callable[[Asked], None]] = {}

    def exchange(self, request: Request) -> Answer:
        given = super().exchange(request)
        asked = self.asked[-1]
        cost = self.costs.get(asked.operation)
        if cost:
            cost(asked)
        elif asked.operation != "health.root":
            self.database.run(" ".join(["SELECT a FROM", asked.operation.replace(".", "_"), "WHERE id = $1"]))
        return structs.replace(given, elapsed_us=1000)


def take(
    target: CostlyTarget,
    *roles: Role,
    run: RunState | None = None,
    read_only: bool = False,
    within_s: float | None = None,
    repeats: int = 3,
) -> Fingerprint:
    """The fingerprint of `roles` at the target."""
    scenario = Scenario("basic", 10, 2, 60)
    plan = Plan("basic_1", scenario, "http://t", {}, (), (), 1, "2026-03-01T09:30:00Z", read_only=read_only)
    run = run or RunState("basic_1", purpose="fingerprint")
    settings = FingerprintSettings(dsn="", repeats=repeats, within_s=within_s)
    taker = FingerprintRun(plan, run, target.database, settings, target.database.clock)
    return taker.take(roles, [Caller(role, ACCOUNTS[role.slug], target, run) for role in roles])
