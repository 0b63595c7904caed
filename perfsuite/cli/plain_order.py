"""A load of plain Locust: its plan and folder, and what is done after its last record."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from perfsuite.cleanup import CleanupInput, clean_up
from perfsuite.cli.parser import record_of, without_secrets
from perfsuite.errors import SuiteError
from perfsuite.judge.notes import soft_deleted
from perfsuite.load.dispatcher import has_role, role_of, users_by_kind
from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.load.placement import users_of
from perfsuite.load.state import LoadOrder
from perfsuite.measurements.records import to_json
from perfsuite.model import Account, Cleanup, OperationCheck, Plan, PreflightReport, Scenario, Works
from perfsuite.plan.access import ResolvedConnection, accounts_for
from perfsuite.plan.build import Inputs, make_plan, new_run_folder, read_inputs
from perfsuite.plan.option_fields import ROOT
from perfsuite.plan.options import ConnectionOptions, PlanOptions, SampleOptions
from perfsuite.preflight.probe import probe_target
from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role
from perfsuite.run.cleanup import list_remaining
from perfsuite.suite_errors import LOG_FILE, SuiteErrorLog
from perfsuite.summary.summarize import Circumstances
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import connection_settings
from perfsuite.target.http_client import HttpClient
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

log = logging.getLogger("agentmitra")

SCENARIO = "locust"


def options_of(environment: Any, host: str) -> PlanOptions:
    """The options of a run, with the suite's own files."""
    return PlanOptions(
        host=host or None,
        connection=record_of(ConnectionOptions, environment.parsed_options),
        samples=record_of(SampleOptions, environment.parsed_options),
        credentials=ROOT / "credentials.csv",
        targets_file=ROOT / "targets.toml",
        scenarios_file=ROOT / "scenarios.toml",
        command=without_secrets(sys.argv),
    )


def refusal(host: str, environment: Any) -> SuiteError | None:
    """Why the host may not be loaded, or cannot be; None where nothing is wrong."""
    try:
        read_inputs(options_of(environment, host))
    except SuiteError as error:
        return error
    return None


def make_order(environment: Any, users: int, spawn_rate: float, workers: int = 0) -> LoadOrder:
    """What to load, with the folder of the run. `workers`: of a master; 0: the load is made in this process.

    Raises SuiteError where nothing can be loaded.
    """
    now = datetime.now(UTC)
    options = replace(options_of(environment, environment.host or ""), seed=now.microsecond)
    inputs = _with_chosen_roles(read_inputs(options), environment)
    duration_s = float(environment.parsed_options.run_time or 0)
    scenario = Scenario(SCENARIO, users, float(spawn_rate), duration_s, "plain Locust, debug mode")
    plan = make_plan(options, inputs, scenario, now)
    if workers:
        plan = replace(plan, processes=0, expect_workers=workers)
    kinds = users_by_kind(users, environment.user_classes)
    counts = {slug: kinds[slug] for slug in plan.users_by_role}
    # The run is about the suite's own users, unless there are none.
    scenario = replace(scenario, users=sum(counts.values()) or users)
    stop_timeout_s = float(environment.stop_timeout or 0)
    plan = replace(plan, scenario=scenario, users_by_role=counts, stop_timeout_s=stop_timeout_s)
    report = _seen(plan, inputs.connection)
    folder = new_run_folder(ROOT / "results", SCENARIO, now)
    plan = replace(plan, run_id=folder.name)
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(report))
    for line in _short_of(plan):
        log.warning("%s", line)
    return LoadOrder(
        plan,
        folder,
        inputs.accounts,
        {role.slug: report.left_out(role.slug) for role in ROLES},
        headers=inputs.connection.headers,
        key_password=inputs.connection.key_password,
    )


def users_in_order(order: LoadOrder, total: int) -> list[Account]:
    """An account for each of so many users, in the order in which they start. Raises UsageError without one."""
    counts = users_by_role(total, [role for role in ROLES if role.slug in order.plan.users_by_role])
    accounts_for(counts, order.accounts)
    return users_of(order.accounts, start_order(counts))


def _with_chosen_roles(inputs: Inputs, environment: Any) -> Inputs:
    """Locust's command line may name some of the user classes."""
    chosen = {role_of(user_class).slug for user_class in environment.user_classes if has_role(user_class)}
    roles = tuple(role for role in inputs.facts.roles if role.slug in chosen)
    return replace(inputs, facts=replace(inputs.facts, roles=roles))


def _short_of(plan: Plan) -> Iterator[str]:
    """Lines about roles with too few accounts or users."""
    for role, accounts in plan.shared_accounts.items():
        yield f"{plan.users_by_role[role]} users as {role} share {accounts} of the accounts in credentials.csv"
    if plan.absent_roles:
        yield f"with so few users nobody is there as {', '.join(plan.absent_roles)}"


def _seen(plan: Plan, connection: ResolvedConnection) -> PreflightReport:
    """What the target offers; no operation is called beforehand.

    Raises TargetError if nothing or another service answers.
    """
    settings = connection_settings(plan, connection.headers, connection.key_password)
    run, transport = RunState.of(plan, connection.headers, "preflight"), HttpClient(settings, GeventNetwork())
    try:
        offer = probe_target(plan.host, transport, run)
    finally:
        transport.close()
    missing = offer.missing(run)
    offered = tuple(sorted(frozenset(CATALOGUE) - missing))
    return PreflightReport(plan.host, offer.service, offer.version, offered, tuple(_not_possible(missing)))


def _not_possible(missing: Iterable[str]) -> Iterator[OperationCheck]:
    for name in sorted(missing):
        operation = CATALOGUE[name]
        for role in ROLES:
            yield OperationCheck(role.slug, name, operation.method, operation.path, Works.MISSING)


def finish(order: LoadOrder, errors: SuiteErrorLog) -> None:
    """After the last record: remove created rows, and write what a report needs."""
    cleanup = None
    try:
        cleanup = _remove_what_was_made(order)
    except SuiteError as error:
        log.error("%s", error)
    except Exception as error:  # noqa: BLE001  no error of the suite may disappear
        errors.add(error, "removing what the run made")
    # Earlier errors are in the measurements.
    circumstances = Circumstances(cleanup=cleanup, suite_errors=errors.new())
    (order.folder / "circumstances.json").write_bytes(to_json(circumstances))
    if errors.count:
        log.error("%s errors of the suite itself: see %s", errors.count, order.folder / LOG_FILE)
    log.warning("debug mode gives no verdict; for one: python run_performance_tests.py report %s", order.folder)


def _remove_what_was_made(order: LoadOrder) -> Cleanup:
    transport = RetryAfterClient(HttpClient(order.connection, GeventNetwork()), log.warning, time.sleep)
    book = journal.Journal(order.folder / journal.FILE_NAME)
    try:
        run = RunState.of(order.plan, order.headers, "cleanup", book)
        cleaned = clean_up(list(journal.read(order.folder)), CleanupInput(ROLES, order.accounts, run, transport))
    finally:
        transport.close()
        book.close()
    done = cleaned.cleanup
    log.info("removed %s of %s rows that this run made", done.removed, done.created)
    for line in (*soft_deleted(done), *list_remaining(cleaned.rows, order.folder)):
        log.warning("%s", line.strip())
    for line in (*done.not_removed, *done.not_restored, *done.not_restorable):
        log.warning("not removed or put back: %s", line)
    return done
