"""The suite's load in plain `locust -f locustfile.py`: debug mode, and Locust's own web page.

It gives no verdict. It records to `results/` as every run does, so `report RUN` can make the report.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from perfsuite.cleanup import CleanupInput, clean_up
from perfsuite.cli.parser import add_options, record_of, without_secrets
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_USAGE, SuiteError
from perfsuite.judge.notes import soft_deleted
from perfsuite.load.caught import listen_for_errors
from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.load.install import Hooks, guard, install
from perfsuite.load.state import LoadOrder, LoadState
from perfsuite.measurements.file import FILE_NAME, Writer
from perfsuite.measurements.records import to_json
from perfsuite.model import Cleanup, Plan, PreflightReport, Scenario
from perfsuite.model.plan import STOP_TIMEOUT_S
from perfsuite.plan.access import ResolvedConnection
from perfsuite.plan.build import make_plan, new_run_folder, read_inputs
from perfsuite.plan.option_fields import ROOT
from perfsuite.plan.options import ConnectionOptions, PlanOptions, SampleOptions
from perfsuite.preflight.probe import probe_target
from perfsuite.roles import ROLES
from perfsuite.run.cleanup import list_remaining
from perfsuite.suite_errors import LOG_FILE
from perfsuite.summary.summarize import Circumstances
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import connection_settings
from perfsuite.target.http_client import HttpClient
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

log = logging.getLogger("agentmitra")

SCENARIO = "locust"


def read_options(parser: Any, **_event: Any) -> None:
    """Locust's own options with safer defaults: requests in flight may finish, the page is for this machine only.

    Refuses several processes before Locust starts them: each would record a run of its own.
    """
    parser.set_defaults(stop_timeout=STOP_TIMEOUT_S, web_host="127.0.0.1")
    for options_of in (ConnectionOptions, SampleOptions):
        add_options(parser, options_of, include_in_web_ui=False)
    options, _others = parser.parse_known_args()
    asked = [f"--{name}" for name in ("processes", "master", "worker") if getattr(options, name)]
    if asked:
        wanted = options.processes if options.processes and options.processes > 1 else os.cpu_count()
        sys.stderr.write(
            f"{asked[0]}: the debug mode is one process; each further one would count for itself, in its own folder.\n"
            f"Load from several with: python run_performance_tests.py --processes {wanted}\n"
        )
        sys.exit(EXIT_USAGE)


def install_plain(environment: Any, web_ui: Any = None, **_event: Any) -> None:
    """Listener for Locust's `init` event. A headless run on a host that may not be loaded ends here."""
    hooks = Hooks(
        make_load=_make_load,
        stopping=lambda load: load.recorder.phase("ramp-down"),
        after=_finish,
    )
    install(environment, hooks)
    listen_for_errors(lambda error, during: _heard(environment, error, during))
    if web_ui is not None:
        guard(web_ui, lambda host: str(_refusal(host, environment) or ""))
    elif error := _refusal(environment.host or "", environment):
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _heard(environment: Any, error: BaseException, during: str) -> None:
    """Count an error that only Locust or gevent saw. Without a load there is only the log."""
    load = getattr(environment, "agentmitra_load", None)
    if load is not None:
        load.errors.add_unless_counted(error, during)


def _options(environment: Any, host: str) -> PlanOptions:
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


def _refusal(host: str, environment: Any) -> SuiteError | None:
    try:
        read_inputs(_options(environment, host))
    except SuiteError as error:
        return error
    return None


def _make_load(environment: Any) -> LoadState | None:
    try:
        order = _order(environment)
    except SuiteError as error:
        # Locust would swallow an exception and start users without work.
        log.error("%s", error)
        _give_up(environment, error.exit_code)
        return None
    except Exception:  # as above
        log.exception("an error of the suite itself: no load is made")
        _give_up(environment, EXIT_INCONCLUSIVE)
        return None
    writer = Writer(order.folder / FILE_NAME, order.plan.run_id)
    load = LoadState(order, writer, on_placed=lambda _users: load.recorder.phase("plateau"))
    load.recorder.phase("ramp-up")
    return load


def _give_up(environment: Any, exit_code: int) -> None:
    environment.process_exit_code = exit_code
    # A thread (in Locust's patched process a greenlet), since a listener cannot end its own run.
    threading.Thread(target=environment.runner.stop if environment.web_ui else environment.runner.quit).start()


def _order(environment: Any) -> LoadOrder:
    now = datetime.now(UTC)
    options = replace(_options(environment, environment.host or ""), seed=now.microsecond)
    inputs = read_inputs(options)
    plan = make_plan(options, inputs, _scenario(environment), now)
    report = _seen(plan, inputs.connection)
    folder = new_run_folder(ROOT / "results", SCENARIO, now)
    plan = replace(plan, run_id=folder.name)
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(report))
    missing = frozenset(CATALOGUE) - set(report.offered)
    for line in _short_of(plan):
        log.warning("%s", line)
    left_out = {role.slug: missing for role in ROLES}
    return LoadOrder(
        plan,
        folder,
        inputs.accounts,
        left_out,
        headers=inputs.connection.headers,
        key_password=inputs.connection.key_password,
    )


def _scenario(environment: Any) -> Scenario:
    """The load that Locust was started with."""
    options, users = environment.parsed_options, environment.runner.target_user_count
    duration_s = float(options.run_time or 0)
    return Scenario(SCENARIO, users, float(options.spawn_rate or 1), duration_s, "plain Locust, debug mode")


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
    offered = frozenset(CATALOGUE) - offer.missing(run)
    return PreflightReport(plan.host, offer.service, offer.version, tuple(sorted(offered)), ())


def _finish(load: LoadState) -> None:
    """After the last record: remove created rows, and write what a report needs."""
    order, cleanup = load.order, None
    with load.counting("removing what the run made"):
        try:
            cleanup = _remove_what_was_made(order)
        except SuiteError as error:
            log.error("%s", error)
    # Earlier errors are in the measurements.
    circumstances = Circumstances(cleanup=cleanup, suite_errors=load.errors.new())
    (order.folder / "circumstances.json").write_bytes(to_json(circumstances))
    if load.errors.count:
        log.error("%s errors of the suite itself: see %s", load.errors.count, order.folder / LOG_FILE)
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
