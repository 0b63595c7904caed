"""What a run was asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

ALL = "all"
"""Stands for "every role" / "every operation" in the rows of totals."""

STOP_TIMEOUT_S = 30.0
"""How long requests in flight may take when the load ends, unless --stop-timeout says otherwise."""

LOGIN = "login"
"""Name of the behaviour and operation under which logins are counted."""


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
    """A load to make. `duration_s` includes the ramp-up; `spawn_rate` is users started a second."""

    name: str
    users: int
    spawn_rate: float
    duration_s: float
    purpose: str = ""
    arrival: Arrival | None = None
    """None: closed model (users with think times). Else the open model, with `users` as its sessions."""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that the backend has to meet.

    `metric` is a field of Statistics (avg_ms, p95_ms, failure_rate, rps) or "concurrent_users" (peak).
    `below`: met when observed < limit; else met when observed > limit.
    `information_in`: scenarios in which the outcome is shown but does not gate.
    """

    name: str
    metric: str
    limit: float
    below: bool
    role: str | None = None
    operation: str | None = None
    scenarios: tuple[str, ...] = ()
    information_in: tuple[str, ...] = ()


Headers = tuple[tuple[str, str], ...]
"""Names and values of headers. The values may be secret: they are in no file of a run."""


@dataclass(frozen=True, slots=True)
class Access:
    """How the target is reached, beside its address. Empty: the usual.

    `ca_file`: certificates (PEM) that are trusted besides the machine's own, an absolute path. `proxy`: a URL.
    `header_names`: of the headers added to every request; their values are secret.
    """

    ca_file: str = ""
    proxy: str = ""
    header_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiMapping:
    """Where the deployed API has another name for what the contract names.

    `paths`: the contract's path, or its beginning followed by "*" → the deployed one. `roles`: slug → deployed name.
    """

    paths: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)


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
    fingerprint: bool = False
    """Before the load it is measured what each operation costs the database."""
    processes: int = 1
    roles_module: str = "perfsuite.roles"
    """Module whose ROLES the load is made of."""
    suite_version: str = ""
    access: Access = field(default_factory=Access)
    mapping: ApiMapping = field(default_factory=ApiMapping)
    label: str = ""
    release: str = ""
    baseline: str = ""
    """What the run is held against, as the user named it."""
    timeout_s: float | None = None
    """How long to wait for an answer; None: 60 s under load, 30 s before and after it."""
    stop_timeout_s: float = STOP_TIMEOUT_S
    """How long requests in flight may take when the load ends."""
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """One login of the target. Never written anywhere by the suite."""

    phone_number: str
    password: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """What requests need and nobody may read: it goes to the load processes over pipes only."""

    accounts: tuple[Account, ...] = field(repr=False)
    headers: Headers = field(default=(), repr=False)
