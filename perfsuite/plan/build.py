"""Options and files → one Plan for each scenario."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from perfsuite import __version__
from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Account, Plan, Scenario, Target
from perfsuite.model.correctness import CheckLevel, ChecksOff
from perfsuite.model.monitor import METRICS
from perfsuite.model.plan import EXPECT_WORKERS_MAX_WAIT_S, STOP_TIMEOUT_S
from perfsuite.model.role import Role
from perfsuite.model.stages import REFILL_STAGES
from perfsuite.plan.access import ResolvedConnection, accounts_for, read_accounts, resolve_connection
from perfsuite.plan.files import (
    STANDARD_SCENARIOS,
    KnownNames,
    ScenarioFile,
    choose,
    host_rules,
    read_scenarios,
    read_targets,
)
from perfsuite.plan.option_fields import data_file
from perfsuite.plan.options import DEFAULT_HOST, PlanOptions
from perfsuite.plan.search import with_search
from perfsuite.plan.workers import worker_token
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.roles.work import roles_of
from perfsuite.target import hosts
from perfsuite.target.catalogue import CATALOGUE

DEFAULT_SCENARIO = "basic"
_OPEN_BESIDE = 50
"""Files that a load process has open beside its connections, and some to spare."""


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """What the suite knows without files: roles, operations, version, environment, limit of open files."""

    roles: tuple[Role, ...]
    operations: Collection[str]
    version: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    most_open_files: int | None = None
    """Limit per process; None without a limit."""


def suite_facts() -> SuiteFacts:
    """The facts of this suite on this machine."""
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # load processes raise the soft limit
    limit = None if most == resource.RLIM_INFINITY else most
    return SuiteFacts(ROLES, tuple(CATALOGUE), __version__, os.environ, limit)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All files and options, read and checked. `host` is "" and `accounts` empty until the demo has started."""

    scenarios: tuple[Scenario, ...]
    targets: tuple[Target, ...]
    host: str
    allowed_hosts: tuple[str, ...]
    accounts: tuple[Account, ...] = field(repr=False)
    connection: ResolvedConnection = field(default_factory=ResolvedConnection)
    facts: SuiteFacts = field(default_factory=suite_facts)
    worker_token: str = field(default="", repr=False)
    """Of workers that join from elsewhere; "" on this machine without one."""


def read_inputs(options: PlanOptions, facts: SuiteFacts | None = None) -> Inputs:
    """Read and check all options and files; sends nothing. `facts`: default those of this suite.

    Raises UsageError, and SafetyError for a host that is not allowed.
    """
    facts = facts or suite_facts()
    _check_combination(options)
    token = worker_token("--bind", options.workers.endpoint, facts.environment) if options.workers.expected else ""
    file = read_scenarios(options.scenarios_file, facts.roles)
    rules = host_rules(file, options)
    known = KnownNames(
        [role.slug for role in facts.roles],
        sorted(facts.operations),
        sorted({*file.scenarios, *STANDARD_SCENARIOS}),
        sorted(METRICS),
        _stage_names(file),
    )
    scenarios = _chosen(options, file, facts.roles)
    for scenario in scenarios:
        _check_open_files(scenario.users, options, facts.most_open_files)
    targets = read_targets(options.targets_file, known)
    allowed = hosts.allowed_names(rules)
    if options.demo:
        options.connection.of_demo()
        return Inputs(scenarios, targets, "", (), (), facts=facts, worker_token=token)
    host = hosts.checked_url(options.host or DEFAULT_HOST, rules)
    options.workers.check_target(host)
    connection = resolve_connection(options.connection, host, known.roles, facts.environment)
    accounts = read_accounts(
        options.credentials or data_file("credentials.csv"), facts.roles, facts.environment, connection.mapping.roles
    )
    for scenario in scenarios:
        accounts_for(users_by_role(scenario.users, roles_of(scenario, facts.roles)), accounts)
    return Inputs(scenarios, targets, host, allowed, accounts, connection, facts, token)


def _stage_names(file: ScenarioFile) -> list[str]:
    """Of all scenarios, each once."""
    names = [stage.name for scenario in file.scenarios.values() for stage in scenario.stages]
    of_refill = REFILL_STAGES if any(scenario.refill for scenario in file.scenarios.values()) else ()
    return list(dict.fromkeys([*names, *of_refill]))


def with_demo(inputs: Inputs, host: str, credentials: Path) -> Inputs:
    """The inputs with the address and accounts of a demo that has started."""
    accounts = read_accounts(credentials, inputs.facts.roles, {})
    return replace(inputs, host=hosts.checked_url(host, hosts.HostRules()), accounts=accounts)


def make_plan(options: PlanOptions, inputs: Inputs, scenario: Scenario, now: datetime | None = None) -> Plan:
    """The plan of one run. `run_id` is made from the time; a run with a folder takes the folder's name.

    Raises UsageError if a role with users has no account (not for a demo that has not started).
    """
    now = now or datetime.now(UTC)
    roles = roles_of(scenario, inputs.facts.roles)
    counts = users_by_role(scenario.users, roles)
    shared = accounts_for(counts, inputs.accounts).shared if inputs.accounts else {}
    level, checks_off = _check_level(options, inputs.host)
    plan = Plan(
        run_id=run_id_of(scenario.name, now),
        scenario=scenario,
        host=inputs.host,
        users_by_role=counts,
        targets=inputs.targets if options.abort else tuple(replace(one, abort_after_s=None) for one in inputs.targets),
        allowed_hosts=inputs.allowed_hosts,
        seed=options.seed,
        created_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        command=options.command,
        absent_roles=tuple(slug for slug, users in counts.items() if users == 0),
        shared_accounts=shared,
        read_only=options.read_only,
        check_correctness=level,
        checks_off=checks_off,
        may_deactivate=bool(options.demo or options.check_correctness),
        tolerate_broken=options.tolerate_broken,
        accept_leftovers=options.accept_leftovers,
        demo=options.demo,
        faults=options.faults,
        as_deployed=options.as_deployed,
        raw_samples=options.samples.raw,
        fingerprint=options.fingerprint,
        processes=min(options.local_processes, scenario.users),
        expect_workers=options.workers.expected,
        expect_workers_max_wait_s=options.workers.max_wait_s or EXPECT_WORKERS_MAX_WAIT_S,
        bind=str(options.workers.endpoint) if options.workers.expected else "",
        suite_version=inputs.facts.version,
        timeout_s=options.connection.timeout_s,
        stop_timeout_s=options.stop_timeout_s or STOP_TIMEOUT_S,
        access=inputs.connection.access,
        mapping=inputs.connection.mapping,
        label=options.label,
        release=options.release,
        baseline=options.baseline,
    )
    return plan if options.search is None else with_search(plan, options.search, roles)


def _check_level(options: PlanOptions, host: str) -> tuple[CheckLevel, ChecksOff | None]:
    """As asked for; else only on this machine, where nobody else is troubled by what checks write and are refused.

    Beside it why it is off."""
    if options.check_correctness:
        level = CheckLevel(options.check_correctness)
        return level, ChecksOff.OPTION if level is CheckLevel.OFF else None
    if options.search is not None:
        return CheckLevel.OFF, ChecksOff.SEARCH
    is_here = bool(options.demo) or hosts.is_local(urlsplit(host).hostname or "")
    return (CheckLevel.SAMPLE, None) if is_here else (CheckLevel.OFF, ChecksOff.REMOTE)


def _check_combination(options: PlanOptions) -> None:
    """Raise UsageError for options that contradict each other."""
    if options.multiple and options.scenarios:
        raise UsageError(PlanMessage.ONE_OF_TWO(option="--multiple", other="--scenario"))
    if options.demo and options.host:
        raise UsageError(PlanMessage.ONE_OF_TWO(option="--demo", other="--host"))
    if options.demo and options.credentials is not None:
        raise UsageError(PlanMessage.ONE_OF_TWO(option="--demo", other="--credentials"))
    for name, given in (("--fault", options.faults), ("--as-deployed", options.as_deployed)):
        if given and not options.demo:
            raise UsageError(PlanMessage.NEEDS_DEMO(option=name))
    options.workers.check(options.demo)


def _check_open_files(users: int, options: PlanOptions, most: int | None) -> None:
    """Raise UsageError if users would fail to connect: each has its own connection, and the target would be blamed."""
    here = options.local_processes
    needed = math.ceil(users / (here + options.workers.expected)) + _OPEN_BESIDE
    if here and most is not None and needed > most:
        raise UsageError(PlanMessage.TOO_MANY_FILES(users=users, needed=needed, allowed=most))


def _chosen(options: PlanOptions, file: ScenarioFile, roles: Sequence[Role]) -> tuple[Scenario, ...]:
    names = file.multiple if options.multiple else options.scenarios or (DEFAULT_SCENARIO,)
    return choose(file, names, options, roles)


def run_id_of(scenario: str, now: datetime) -> str:
    """`<scenario>_<YYYYMMDD_HHMMSS>` in UTC. `now` must know its time zone."""
    return f"{scenario}_{now.astimezone(UTC):%Y%m%d_%H%M%S}"


def new_run_folder(results: Path, scenario: str, now: datetime) -> Path:
    """A new folder, named by the run's id, with `_2`, `_3` … if it exists.

    Raises UsageError if it cannot be created.
    """
    name = run_id_of(scenario, now)
    try:
        results.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = results / (name if number == 1 else f"{name}_{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(PlanMessage.RESULTS_UNWRITABLE(path=results, why=error.strerror)) from None
    raise AssertionError("count() has no end")
