"""`replay`: whether a violation still happens, without load."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from perfsuite.cli.commands import PROGRAM
from perfsuite.cli.job import code_of_rows
from perfsuite.cli.options import ReplayOptions
from perfsuite.cli.screen import PlainScreen, QuietScreen
from perfsuite.cli.terminal import Invocation
from perfsuite.correctness.catalogue import check_of
from perfsuite.correctness.check import Check, NotChecked, Violated
from perfsuite.demo.backend import BackendSettings, faults_of, from_the_start
from perfsuite.demo.client import running_demo
from perfsuite.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from perfsuite.format import joined
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import Account, Plan, PreflightReport
from perfsuite.model.correctness import Violation
from perfsuite.plan.access import ResolvedConnection, connection_of_run, read_accounts
from perfsuite.plan.files import read_scenarios
from perfsuite.plan.option_fields import data_file
from perfsuite.report.correctness import first_to_replay, replay_command
from perfsuite.report.files.violations import read_violations
from perfsuite.roles import ROLES
from perfsuite.run.context import CommandContext, Screen
from perfsuite.run.load_run import PLAN_FILE, PREFLIGHT_FILE, load
from perfsuite.run.replay import ReplayResult
from perfsuite.run.replay import replay as replay_check
from perfsuite.target.hosts import HostRules, allowed_names, checked_url


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it is tried again."""

    plan: Plan
    accounts: Sequence[Account] = field(repr=False)
    connection: ResolvedConnection = field(default_factory=ResolvedConnection)


def replay(call: Invocation[ReplayOptions]) -> int:
    """1 if it still happens, 0 if not, 4 if it could not be tried or a row remains; without VIOLATION the list."""
    options, terminal = call.options, call.terminal
    plan = load(options.run / PLAN_FILE, Plan)
    violations = read_violations(options.run)
    if options.violation is None:
        for line in _listed(violations, options, plan):
            terminal.out(line)
        return EXIT_PASS
    violation, check = _chosen(violations, options, plan)
    if check.no_replay:
        terminal.out(ReplayMessage.NEVER(why=check.no_replay))
        return EXIT_INCONCLUSIVE
    preflight = options.run / PREFLIGHT_FILE
    refusals = load(preflight, PreflightReport).refusals if preflight.exists() else {}
    screen = QuietScreen(terminal.results) if options.output.quiet else PlainScreen(terminal.results)
    with ExitStack() as stack:
        place = _place(stack, plan, options, screen)
        screen.say(ReplayMessage.REPLAY(violation=_named(violation), host=place.plan.host))
        if check.under_load_only:
            screen.say(ReplayMessage.LOAD_NEEDED())
        connection = place.connection
        context = CommandContext(
            options.run,
            screen,
            call.interrupts,
            headers=connection.headers,
            key_password=connection.key_password,
            errors=call.errors,
        )
        result = replay_check(context, place.plan, place.accounts, check, f"replay_{violation.id}", refusals)
    return _shown(result, call)


def _listed(violations: Sequence[Violation], options: ReplayOptions, plan: Plan) -> list[str]:
    if not violations:
        return [ReplayMessage.NONE()]
    rows = [
        ReplayMessage.SEEN_FIRST(violation=_named(each), count=each.count, first_at=each.first_at)
        for each in violations
    ]
    first = first_to_replay(violations)
    if first.no_replay:
        return [*rows, ReplayMessage.NEVER(why=first.no_replay)]
    return [*rows, ReplayMessage.HOW(command=replay_command(plan, str(options.run), first))]


def _named(one: Violation) -> str:
    invariant, rule, operation, roles = one.key
    return ReplayMessage.VIOLATION(id=one.id, invariant=invariant, rule=rule, operation=operation, roles=roles)


def _chosen(violations: Sequence[Violation], options: ReplayOptions, plan: Plan) -> tuple[Violation, Check]:
    """The violation and its check. Raises UsageError where there is none of them."""
    wanted = options.violation or ""
    by_id = {violation.id: violation for violation in violations}
    if not by_id:
        raise UsageError(ReplayMessage.NO_VIOLATIONS(folder=options.run, id=wanted))
    violation = by_id.get(wanted)
    if violation is None:
        ids, command = joined(list(by_id)), shlex.join(["python", PROGRAM, "replay", str(options.run)])
        raise UsageError(ReplayMessage.UNKNOWN(folder=options.run, id=wanted, ids=ids, command=command))
    check = check_of(violation.key)
    if check is None:
        raise UsageError(ReplayMessage.NO_SUCH_CHECK(violation=_named(violation), version=plan.suite_version))
    return violation, check


# ── where to send it ────────────────────────────────────────────────────────────────────────────────


def _place(stack: ExitStack, plan: Plan, options: ReplayOptions, screen: Screen) -> _Place:
    """The target of the run, or the one that is given; a demo is started again, with its faults."""
    given = options.plan
    if plan.demo and options.host is None:
        return _demo(stack, plan, options, screen)
    rules = HostRules(read_scenarios(given.scenarios_file).allowed_hosts, given.allow_hosts, given.accept_production)
    host = checked_url(options.host or plan.host, rules)
    plan = replace(plan, host=host, allowed_hosts=allowed_names(rules), demo=None)
    plan, connection = connection_of_run(plan, given.connection, os.environ)
    file = given.credentials or data_file("credentials.csv")
    return _Place(plan, read_accounts(file, ROLES, os.environ, plan.mapping.roles), connection)


def _demo(stack: ExitStack, plan: Plan, options: ReplayOptions, screen: Screen) -> _Place:
    given = options.plan
    given.connection.of_demo()
    if given.credentials is not None:
        raise UsageError(PlanMessage.DEMO_HAS_ITS_OWN(option="--credentials"))
    faults = from_the_start(faults_of(plan.faults, as_deployed=plan.as_deployed))
    with_faults = ReplayMessage.DEMO_WITH_FAULTS(demo=plan.demo, faults=faults)
    screen.say(with_faults if faults else ReplayMessage.DEMO(demo=plan.demo))
    demo = stack.enter_context(running_demo(plan.demo or "", BackendSettings(faults=faults)))
    return _Place(replace(plan, host=demo.host), read_accounts(demo.credentials, ROLES, {}))


# ── the outcome ─────────────────────────────────────────────────────────────────────────────────────


def _shown(result: ReplayResult, call: Invocation[ReplayOptions]) -> int:
    """Print how it ended; the exit code."""
    outcome, out = result.outcome, call.terminal.out
    rows = code_of_rows(result.cleanup, call.options.plan, call)
    if isinstance(outcome, NotChecked):
        out(ReplayMessage.NOT_TRIED(why=outcome.why))
        return EXIT_INCONCLUSIVE
    if isinstance(outcome, Violated):
        out(ReplayMessage.EXPECTED(expected=outcome.expected))
        out(ReplayMessage.SEEN(seen=outcome.seen))
        out(ReplayMessage.HAPPENS(tries=result.tries))
        return EXIT_FAIL
    out(ReplayMessage.DOES_NOT(tries=result.tries))
    return rows
