"""What a run was asked to do, and when the actions of an open model are due."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from perfsuite.format import number, option_duration, setting
from perfsuite.model.correctness import CheckLevel, ChecksOff
from perfsuite.model.stages import RatePiece, Stage, pieces_of, spans_of

ALL = "all"
"""Stands for "every role" / "every operation" in the rows of totals."""

STOP_TIMEOUT_S = 30.0
"""How long requests in flight may take when the load ends, unless --stop-timeout says otherwise."""

EXPECT_WORKERS_MAX_WAIT_S = 60.0
"""How long to wait for the expected workers, unless --expect-workers-max-wait says otherwise."""

LOGIN = "login"
"""Name of the behaviour and operation under which logins are counted."""

CONCURRENT_USERS = "concurrent_users"
MAX_QUERIES = "max_queries_per_request"
LASTS_AT_LEAST = "lasts_at_least"
RECOVERY = "recovery_s"
"""Metrics of targets that are no figures of requests."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Open model: actions begin at their times however slow the answers are.

    During the ramp-up the rate grows from 0 to `rate`; over the plateau it stays there or, with `rate_end`,
    moves evenly to that. `poisson`: random gaps with that mean instead of equal ones.
    """

    rate: float
    rate_end: float | None = None
    poisson: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load to make. `duration_s` includes the ramp-up; `spawn_rate` is users started a second.

    `roles`: those that take part; () for all. `weights`: of roles, where they are not the usual ones. `operations`: the
    only ones that are sent; () for all. `exclude`: operations that are not. Logins are always sent.
    `think_time_factor`: think times are multiplied by it. `iterations`: actions that each user performs; then it is
    done, and the load ends when all are. `duration_s` is then the most that it may take.
    """

    name: str
    users: int
    spawn_rate: float
    duration_s: float
    purpose: str = ""
    arrival: Arrival | None = None
    """None: closed model (users with think times). Else the open model, with `users` as its sessions."""
    stages: tuple[Stage, ...] = ()
    """How the load changes; `users`, `arrival.rate` and `duration_s` are then its most and its whole length."""
    refill: bool = False
    """The stages are a fill, a pause without writes, and a second fill."""
    roles: tuple[str, ...] = ()
    weights: dict[str, int] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    think_time_factor: float = 1.0
    iterations: int | None = None

    def includes(self, role: str) -> bool:
        """Whether a role takes part in the load."""
        return not self.roles or role in self.roles

    def sends(self, operation: str) -> bool:
        """Whether an operation takes part in the load, as far as the scenario says it."""
        return operation == LOGIN or (operation not in self.exclude and operation in (self.operations or [operation]))

    @property
    def work(self) -> tuple[tuple[str, str], ...]:
        """What differs from the usual work of the roles, as terms and texts."""
        factor, weights = setting(self.think_time_factor), self.weights.items()
        most = option_duration(self.duration_s)
        texts = {
            "roles": ", ".join(self.roles),
            "weights": ", ".join(f"{role} {weight}" for role, weight in weights),
            "operations": f"only {', '.join(self.operations)}" if self.operations else "",
            "excluded": ", ".join(self.exclude),
            "think times": "" if factor == "1" else f"× {factor}" if self.think_time_factor else "none",
            "iterations": "" if self.iterations is None else f"{number(self.iterations)} per user, within {most}",
        }
        return tuple((term, text) for term, text in texts.items() if text)

    @property
    def work_text(self) -> str:
        """The same in one line; "" where nothing differs."""
        return "; ".join(f"{term}: {text}" for term, text in self.work)


class SearchBy(StrEnum):
    """What the load is counted in: virtual users (closed model), or actions a second (open model)."""

    USERS = "users"
    ARRIVAL_RATE = "arrival-rate"


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """A search. Loads are in the unit of `by`. `start`: the first load; `most`: the highest that may be offered.
    `at_least`: as a gate, the load that the target has to take; None where the search only measures. `session_s`: for
    so long a request may keep a session of the open model busy."""

    by: SearchBy
    start: float
    most: float
    duration_s: float
    at_least: float | None = None
    session_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that the backend has to meet.

    `metric` is a field of Statistics (avg_ms, p95_ms, failure_rate, rps) or "concurrent_users" (peak).
    `below`: met when observed < limit; else met when observed > limit.
    `information_in`: scenarios in which the outcome is shown but does not gate. `stages`: judged over these alone.
    `abort_after_s`: the run ends once it has been missed over that time; None: it goes on.
    """

    name: str
    metric: str
    limit: float
    below: bool
    role: str | None = None
    operation: str | None = None
    scenarios: tuple[str, ...] = ()
    information_in: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    abort_after_s: float | None = None


Headers = tuple[tuple[str, str], ...]
"""Names and values of headers. The values may be secret: they are in no file of a run."""


@dataclass(frozen=True, slots=True)
class Access:
    """How the target is reached, beside its address. Empty: the usual.

    `ca_file`: certificates (PEM) that are trusted in addition to the machine's own, an absolute path. `proxy`: a URL.
    `header_names`: of the headers added to every request; their values are secret. `client_cert` and `client_key`:
    files (PEM) with which the suite identifies itself, absolute paths; one file may hold both. `retry`: a GET whose
    idle connection the target closed at the moment of sending is sent once more.
    """

    ca_file: str = ""
    proxy: str = ""
    header_names: tuple[str, ...] = ()
    client_cert: str = ""
    client_key: str = ""
    retry: bool = True


EVERY = "*"
"""In place of the names of all operations."""


@dataclass(frozen=True, slots=True)
class ApiMapping:
    """Where the deployed API differs from the contract.

    `paths`: the contract's path, or its beginning followed by "*" → the deployed one. `roles`: slug → deployed name.
    `allowed`: operation → slugs of the roles that may call it, in place of those of the contract. `off`: rule of
    correctness → operations of which it is not checked, `EVERY` for all. `file`: the name of the file that says so.
    """

    paths: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    allowed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    off: dict[str, tuple[str, ...]] = field(default_factory=dict)
    file: str = field(default="", compare=False)

    def is_off(self, rule: str, operation: str) -> bool:
        """Whether the rule is not checked of the operation."""
        return not {operation, EVERY}.isdisjoint(self.off.get(rule, ()))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run was asked to do. Holds no secret: it is written to `plan.json`."""

    run_id: str
    scenario: Scenario
    host: str
    users_by_role: dict[str, int]
    targets: tuple[Target, ...]
    allowed_hosts: tuple[str, ...]
    seed: int
    created_at: str
    command: tuple[str, ...] = ()
    absent_roles: tuple[str, ...] = ()
    shared_accounts: dict[str, int] = field(default_factory=dict)
    """Roles with fewer accounts than virtual users → number of their accounts."""
    read_only: bool = False
    tolerate_broken: bool = False
    accept_leftovers: bool = False
    """Rows are made even where they cannot be removed afterwards, and do not change the verdict."""
    demo: str | None = None
    faults: tuple[str, ...] = ()
    """Of the demo, as on the command line."""
    as_deployed: bool = False
    """The demo behaves as deployed versions do."""
    raw_samples: bool = False
    """Every request is also written to a file."""
    check_correctness: CheckLevel = CheckLevel.OFF
    """How much of the load may be checks of its correctness."""
    checks_off: ChecksOff | None = None
    """Why it is off; None where it is on, and in files that are older than these checks."""
    may_deactivate: bool = False
    """A check may deactivate an account for a moment: in a demo, and where checks were asked for."""
    fingerprint: bool = False
    """Before the load it is measured what each operation costs the database."""
    processes: int = 1
    """Load processes on this machine; may be 0 where workers are expected."""
    expect_workers: int = 0
    """Load processes that join from elsewhere before the load begins."""
    expect_workers_max_wait_s: float = EXPECT_WORKERS_MAX_WAIT_S
    bind: str = ""
    """ADDRESS:PORT at which they join, IPv6 in brackets; "" for a free port on loopback."""
    roles_module: str = "perfsuite.roles"
    """Module whose ROLES the load is made of."""
    suite_version: str = ""
    access: Access = field(default_factory=Access)
    mapping: ApiMapping = field(default_factory=ApiMapping)
    label: str = ""
    release: str = ""
    baseline: str = ""
    """What the run is compared with, as the user named it."""
    timeout_s: float | None = None
    """How long to wait for an answer; None: 60 s under load, 30 s before and after it."""
    stop_timeout_s: float = STOP_TIMEOUT_S
    """How long requests in flight may take when the load ends."""
    schema: int = 1
    merged_from: tuple[str, ...] = ()
    """Folders of the runs of several masters that this one was merged from."""
    capacity: CapacityPlan | None = None
    """None: no search, but the load of the scenario."""

    @property
    def load_processes(self) -> int:
        """Load processes that make the load together, here and elsewhere."""
        return self.processes + self.expect_workers


@dataclass(frozen=True, slots=True)
class Account:
    """One login of the target. Never written anywhere by the suite."""

    phone_number: str
    password: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """What requests need and must stay secret: it reaches the load processes over pipes only."""

    accounts: tuple[Account, ...] = field(repr=False)
    headers: Headers = field(default=(), repr=False)
    key_password: str = field(default="", repr=False)
    """Of the client key; "" where that has none."""
    token: str = field(default="", repr=False)
    """Encrypts what the coordinator and its workers send to each other."""

    @property
    def texts(self) -> tuple[str, ...]:
        """All that must not get into a message."""
        own = (*(account.password for account in self.accounts), *(value for _name, value in self.headers))
        return tuple({text for text in (*own, self.key_password, self.token) if text})


@dataclass(frozen=True, slots=True)
class RateProfile:
    """How an arrival rate changes: from 0 to `rate` within `ramp_s`, then to `rate_end` until `duration_s`.

    With `stages`, as they say.
    """

    arrival: Arrival
    ramp_s: float
    duration_s: float
    stages: tuple[Stage, ...] = ()
    _pieces: tuple[RatePiece, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the pieces once: they are asked for each action."""
        object.__setattr__(self, "_pieces", pieces_of(self._corners()))

    def _corners(self) -> list[tuple[float, float, float, float]]:
        if self.stages:
            return [(span.start_s, span.end_s, span.start_level, span.end_level) for span in spans_of(self.stages)]
        rate = self.arrival.rate
        end = rate if self.arrival.rate_end is None else self.arrival.rate_end
        return [(0.0, self.ramp_s, 0.0, rate), (self.ramp_s, self.duration_s, rate, end)]

    def expected(self, at_s: float) -> float:
        """How many actions are due until `at_s` seconds after the start, on average."""
        place = bisect_right(self._pieces, at_s, key=lambda piece: piece.start_s)
        return self._pieces[max(place - 1, 0)].expected(at_s)

    def time_of(self, number: float) -> float:
        """The inverse: when that many actions are due, in seconds after the start; inf when never."""
        place = bisect_right(self._pieces, number, key=lambda piece: piece.before)
        return self._pieces[max(place - 1, 0)].time_of(number)

    def times(self, seed: int) -> Iterator[float]:
        """When the 1st, 2nd, … action is due, seconds after the start, until the duration is over."""
        for due in numbers_of(self.arrival, seed):
            at_s = self.time_of(due)
            if at_s >= self.duration_s:
                return
            yield at_s


def numbers_of(arrival: Arrival, seed: int) -> Iterator[float]:
    """How many actions are expected to be due before the 1st, 2nd, … one is: what a profile stretches to times.

    Equal gaps begin half a gap after the start; random ones are a Poisson process of unit rate (time-rescaling
    theorem).
    """
    rng = random.Random(seed)
    number = 0.0
    while True:
        number += rng.expovariate(1.0) if arrival.poisson else (1.0 if number else 0.5)
        yield number


class ChangingRate:
    """An arrival rate that changes at once, at times that become known while the load goes on."""

    def __init__(self, arrival: Arrival) -> None:
        """`arrival`: whether its gaps are random."""
        self.arrival, self.duration_s = arrival, math.inf
        self._pieces: tuple[RatePiece, ...] = (RatePiece(0.0, 0.0, 0.0, 0.0),)

    def change(self, rates: Sequence[tuple[float, float]]) -> None:
        """All changes that are known: from so many seconds after the start on, so many actions a second."""
        ends = [*(from_s for from_s, _rate in rates[1:]), math.inf]
        self._pieces = pieces_of([(from_s, end, rate, rate) for (from_s, rate), end in zip(rates, ends, strict=True)])

    def time_of(self, number: float) -> float:
        """When that many actions are due, in seconds after the start."""
        place = bisect_right(self._pieces, number, key=lambda piece: piece.before)
        return self._pieces[max(place - 1, 0)].time_of(number)


def rate_profile_of(scenario: Scenario) -> RateProfile | None:
    """The rate profile of a scenario: its rate grows while sessions are started. None in the closed model."""
    if scenario.arrival is None:
        return None
    ramp_s = min(scenario.users / scenario.spawn_rate, scenario.duration_s)
    return RateProfile(scenario.arrival, ramp_s, scenario.duration_s, scenario.stages)
