"""Runs that nobody waits for: the real schedule and the real checks against the simulated backend under a load.

The load is 100 requests/s of 91 users in the mix of the roles. Of its requests those are made that change what checks
see: its writes, and reads that fill caches.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from greenlet import greenlet

from perfsuite.correctness.catalogue import WEIGHTS, all_checks
from perfsuite.correctness.check import Check, CheckActor, NotChecked, Outcome, Reply, Send, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.lists import UNCOUNTED
from perfsuite.correctness.possible import NOT_OFFERED, Possible
from perfsuite.correctness.schedule import RestOfLoad, Schedule
from perfsuite.model import Scenario
from perfsuite.model.correctness import SHARES, CheckLevel, Invariant
from perfsuite.model.stages import Stage, spans_of
from perfsuite.roles import ROLES as ALL_ROLES
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import Broken, ForeignAnswer, RowOwners, identity_failure, owner_failure
from perfsuite.target.contract_rules import HOLDER, JUNIOR, PROVIDER, REGIONAL, SENIOR, SUPER, SUPPORT
from perfsuite.target.write_rules import COUNTERS
from tests.correctness import simulated_figures, simulated_row_routes
from tests.correctness.simulated_backend import HANDLERS, SimulatedBackend, route_of
from tests.correctness.simulated_rows import ACCOUNTS, ROLES, Row

assert simulated_figures and simulated_row_routes  # they have the routes

STEP_S = 0.05
LATENCY_S = (0.005, 0.05)
"""Of each way; as slow as figures are on a busy machine."""
USED = {SUPER: 1, PROVIDER: 2, REGIONAL: 3, SENIOR: 4, JUNIOR: 4, HOLDER: 5, SUPPORT: 4}
"""Role → accounts that the load has logged in."""

# Once a second on average, of 100 requests/s of all roles.
READS: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "users.me": (26.0, (HOLDER, JUNIOR)),
    "agents.profile": (15.0, (SENIOR, JUNIOR)),
    "policies.list": (8.0, (HOLDER, JUNIOR, PROVIDER)),
    "agents.performance": (3.8, (SENIOR, JUNIOR)),
    "dashboard.senior_agent": (3.2, (SENIOR,)),
    "leads.list": (2.4, (SENIOR,)),
    "dashboard.provider": (0.4, (PROVIDER,)),
    "dashboard.analytics": (0.4, (PROVIDER,)),
    "analytics.comprehensive": (1.9, (SENIOR, REGIONAL)),
    "analytics.reports": (0.65, (SUPPORT, PROVIDER)),
    "dashboard.system": (0.2, (SUPER,)),
    "tickets.list": (1.4, (SUPPORT,)),
    "flags.list": (0.05, (SUPER,)),
}
WRITES: Mapping[str, float] = {
    "policies.create": 1.8,
    "users.preferences": 1.5,
    "leads.create": 0.9,
    "tickets.create": 0.28,
    "tickets.status": 0.28,
    "policies.approve": 0.09,
    "users.update": 0.02,
}


_ROLES = {role.slug: role for role in ALL_ROLES}
WATCHED = ("users.me", "agents.profile", "policies.list", "leads.list")
"""Reads of the load whose answers say whose they are."""


@dataclass(slots=True)
class Ended:
    """A check that ended, s after the start of the load."""

    at: float
    check: Check
    outcome: Outcome


@dataclass(slots=True)
class Found:
    """Something that did not hold."""

    at: float
    invariant: Invariant
    operation: str
    roles: tuple[str, ...]
    rule: str = "seen in an answer of the load"


@dataclass
class SimulatedRun:
    """One run. `busy`: share of the requests of checks that the target is too busy to answer. `stages`: what was
    planned, with a request a second of each user."""

    seed: int
    defects: Mapping[str, Collection[str]] = field(default_factory=dict)
    busy: float = 0.0
    checks: Iterable[Check] = field(default_factory=all_checks)
    weights: Mapping[Any, float] = field(default_factory=lambda: WEIGHTS)
    known: dict[str, Any] = field(default_factory=lambda: {UNCOUNTED: {name: 0 for name, _figure in COUNTERS}})
    ended: list[Ended] = field(default_factory=list)
    violations: list[Found] = field(default_factory=list)
    watched: Collection[str] = ()
    """Routes of which all answers to the load are looked at."""
    sent: int = 0
    """Requests of checks, logins included."""
    load: int = 0
    """Requests of the load."""
    now: float = 0.0
    stages: tuple[Stage, ...] = (Stage("all", 600.0, users=100, held=True),)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed}/simulated")
        self.backend = SimulatedBackend(self.random, self.defects)
        self._loads = Random(f"{self.seed}/load")
        self._marks = count(1)
        self._owners = RowOwners()
        self._queue: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self._last_read: dict[str, float] = {}
        self._made: dict[str, list[str]] = {"policy": [], "ticket": []}
        self._changed: dict[tuple[str, str], str] = {}
        used = {role: USED[role] for role in ROLES}
        self._logged_in = {
            self.backend.account(CheckActor(role, at))["user_id"] for role in used for at in range(used[role])
        }
        without = {name: NOT_OFFERED for name in CATALOGUE if route_of(name) not in HANDLERS}
        possible = Possible(dict.fromkeys(ROLES, ACCOUNTS), without, users=USED)
        checks = [check for check in self.checks if not possible.why_not(check)]
        planned_s = sum(stage.duration_s for stage in self.stages)
        self._rest = RestOfLoad(Scenario("simulated", 100, 1.0, planned_s, stages=self.stages))
        self._spans = spans_of(self.stages)
        share = SHARES[CheckLevel.SAMPLE]
        self.schedule = Schedule(checks, share, self.seed, self.weights, self._rest.requests)

    # ── time ───────────────────────────────────────────────────────────────────────────────────────

    def run(self, seconds: float, until: Callable[[Found], bool] = lambda _found: False) -> Found | None:
        """Let the load go on for so long, or until something is found for which `until` is true."""
        looked, before = len(self.violations), round(self.now / STEP_S)
        for step in range(before + 1, before + round(seconds / STEP_S) + 1):
            at = step * STEP_S
            while self._queue and self._queue[0][0] <= at:
                self.now, _, go_on = heapq.heappop(self._queue)
                self.backend.now = self.now
                go_on()
            self.now = self.backend.now = at
            self.load = round(self._planned(at))
            self._rest.note(at, self.load)
            self._write()
            due = self.schedule.next(self.load, self.sent, lambda check: self.logins(check.actors))
            if due is not None:
                greenlet(self._check).switch(due)
            for found in self.violations[looked:]:
                if until(found):
                    return found
            looked = len(self.violations)
        return None

    def _planned(self, at_s: float) -> float:
        """How many requests the load makes until then."""
        past = [span for span in self._spans if span.start_s < at_s]
        until = [min(span.end_s, at_s) for span in past]
        return sum(
            (end_s - span.start_s) * (span.start_level + span.level_at(end_s)) / 2
            for span, end_s in zip(past, until, strict=True)
        )

    def _check(self, check: Check) -> None:
        outcome = carry_out(check, self, _OfOne(self, check))
        self.schedule.ended(check)
        self.ended.append(Ended(self.now, check, outcome))
        if isinstance(outcome, Violated):
            self.violations.append(Found(self.now, check.invariant, check.operation, check.roles, check.rule))

    def later(self, seconds: float) -> None:
        """Let so much time pass for one check."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), greenlet.getcurrent().switch))
        parent = greenlet.getcurrent().parent
        assert parent is not None
        parent.switch()

    # ── what checks know: see CheckContext ───────────────────────────────────────────────────────────────

    def name(self, actor: CheckActor) -> str:
        return str(actor)

    def user_id(self, actor: CheckActor) -> str:
        self.log_in(actor)
        return str(self.user(actor)["user_id"])

    def user(self, actor: CheckActor) -> Row:
        return self.backend.account(actor)

    def new_mark(self) -> str:
        return f"PERF-1-{next(self._marks):06d}"

    def will_change(self, actor: CheckActor, setting: str, before: str, by: CheckActor | None = None) -> str:
        self.log_in(by or actor)
        return self._changed.setdefault((self.user_id(actor), setting), before)

    def put_back(self, actor: CheckActor, setting: str) -> None:
        del self._changed[self.user_id(actor), setting]

    # ── requests of checks ─────────────────────────────────────────────────────────────────────────

    def logins(self, actors: Iterable[CheckActor]) -> int:
        """How many of these have to log in first."""
        return len({self.user(actor)["user_id"] for actor in actors} - self._logged_in)

    def log_in(self, actor: CheckActor) -> None:
        """As many requests as it takes."""
        if self.user(actor)["user_id"] not in self._logged_in:
            self._logged_in.add(self.user(actor)["user_id"])
            self.sent += 1

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """At the same instant."""
        for send in sends:
            self.log_in(send.actor)
            self._read(route_of(send.operation))
        self.later(self.random.uniform(*LATENCY_S))
        self.sent += len(sends)
        seconds = [None if self.random.random() < self.busy else self.backend.begin(send) for send in sends]
        self.random.shuffle(order := list(range(len(sends))))
        answers = {at: second() if (second := seconds[at]) else (503, None) for at in order}
        self.later(self.random.uniform(*LATENCY_S))
        return tuple(Reply(send, *answers[at], f"r{self.sent}", self.now) for at, send in enumerate(sends))

    # ── the load ───────────────────────────────────────────────────────────────────────────────────

    def _actor(self, *roles: str) -> CheckActor:
        role = self._loads.choice(roles)
        return CheckActor(role, self._loads.randrange(USED[role]))

    def _read(self, route: str) -> None:
        """A user of the load may have read just before what a check is about to read."""
        if route not in READS:
            return
        rate, roles = READS[route]
        since = self.now - self._last_read.get(route, 0.0)
        self._last_read[route] = self.now
        if self._loads.random() < 1 - math.exp(-rate * since):
            self.backend.ask(Send(self._actor(*roles), route))

    def _write(self) -> None:
        for name, rate in WRITES.items():
            if self._loads.random() < rate * STEP_S:
                self._write_once(name)
        for name in self.watched:
            rate, roles = READS[name]
            if self._loads.random() < rate * STEP_S:
                self._look(Send(self._actor(*roles), name))

    def _look(self, send: Send) -> None:
        """As a session of the load looks at the answer."""
        operation, role, user_id = CATALOGUE[send.operation], _ROLES[send.actor.role], self.user(send.actor)["user_id"]
        status, body = self.backend.ask(send)
        if status != 200:
            return
        if identity_failure(operation, body, user_id):
            self.violations.append(Found(self.now, Invariant.CACHES, operation.name, (role.slug,)))
        elif failure := owner_failure(operation, body, role, user_id, self._owners):
            mixed = isinstance(failure, ForeignAnswer) and failure.rule is Broken.OWNERS
            kind = Invariant.ISOLATION if mixed else Invariant.CACHES
            self.violations.append(Found(self.now, kind, operation.name, (role.slug,)))

    def _write_once(self, name: str) -> None:
        world, loads = self.backend.world, self._loads
        send: Send | None = None
        if name == "policies.create":
            seller = self._actor(SENIOR)
            agent_id = world.behind[self.user(seller)["user_id"]]["agent_id"]
            like = next(row for row in world.policies.values() if row["agent_id"] == agent_id)
            send = Send(seller, name, body={**like, "policy_number": f"PERF-load-{next(self._marks)}"})
        elif name == "leads.create":
            body = {"customer_name": f"PERF-load-{next(self._marks)}", "contact_number": "9", "lead_source": "website"}
            send = Send(self._actor(SENIOR), name, body=body)
        elif name == "tickets.create":
            body = {"subject": f"PERF-load-{next(self._marks)}", "description": "", "customer_id": "x"}
            send = Send(self._actor(SUPPORT), name, body=body)
        elif name == "users.preferences":
            who = self._actor(HOLDER)
            send = self._own(who, name, {"theme_preference": loads.choice(("light", "dark"))})
        elif name == "users.update":
            who = CheckActor(SUPER)
            send = self._own(who, name, {"first_name": self.user(who)["first_name"]})
        elif name == "policies.approve" and self._made["policy"]:
            send = Send(self._actor(REGIONAL), name, {"policy_id": loads.choice(self._made["policy"])})
        elif name == "tickets.status" and self._made["ticket"]:
            path = {"ticket_id": loads.choice(self._made["ticket"])}
            send = Send(self._actor(SUPPORT), name, path, {"status": loads.choice(("in_progress", "resolved"))})
        if send is not None:
            _status, body = self.backend.ask(send)
            kind = CATALOGUE[name].creates
            if kind in self._made:
                self._made[kind].append(body[f"{kind}_id"])

    def _own(self, who: CheckActor, name: str, body: Row) -> Send:
        return Send(who, name, {"user_id": self.user(who)["user_id"]}, body)

    # ── what came of it ────────────────────────────────────────────────────────────────────────────

    def reasons(self) -> Counter[str]:
        """Why checks ended without a result."""
        return Counter(each.outcome.why for each in self.ended if isinstance(each.outcome, NotChecked))


class _OfOne:
    """The carrier of one check."""

    def __init__(self, run: SimulatedRun, check: Check) -> None:
        self._run, self._check = run, check

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        restores, run = all(send.restores for send in sends), self._run
        logins = run.logins(send.actor for send in sends)
        while not run.schedule.grants(self._check, len(sends), run.sent, logins=logins, restores=restores):
            self.wait(STEP_S)
        replies = run.exchange(sends)
        run.schedule.sent(self._check, len(sends))
        return replies

    def wait(self, seconds: float) -> None:
        self._run.later(seconds)
