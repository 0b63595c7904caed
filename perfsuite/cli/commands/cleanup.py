"""`cleanup`: remove the rows of an interrupted run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.options import CleanupOptions
from perfsuite.cli.screen import PlainScreen
from perfsuite.cli.terminal import Invocation
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from perfsuite.messages.merge import MergeMessage
from perfsuite.model import Cleanup, Plan
from perfsuite.plan.access import connection_of_run, read_accounts
from perfsuite.plan.files import read_scenarios
from perfsuite.plan.option_fields import data_file
from perfsuite.roles import ROLES
from perfsuite.run.cleanup import clean
from perfsuite.run.context import CommandContext
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PLAN_FILE, load, save
from perfsuite.summary.summarize import Circumstances
from perfsuite.target.hosts import HostRules, checked_url


def cleanup(call: Invocation[CleanupOptions]) -> int:
    """0, or 4 if a row remains."""
    folder, options = call.options.run, call.options.plan
    plan = load(folder / PLAN_FILE, Plan)
    if plan.merged_from:
        raise UsageError(MergeMessage.CLEAN_UP_EACH(folder=folder, runs=plan.merged_from))
    if plan.demo:
        call.terminal.out("This run loaded a demo backend, which is gone with all that was in it.")
        return EXIT_PASS
    configured = read_scenarios(options.scenarios_file).allowed_hosts
    checked_url(plan.host, HostRules(configured, options.allow_hosts, options.accept_production))
    plan, connection = connection_of_run(plan, options.connection, os.environ)
    # Each row is removed by the account that created it, or by a Super Admin; other roles need no account here.
    file = options.credentials or data_file("credentials.csv")
    accounts = read_accounts(file, ROLES, os.environ, plan.mapping.roles)
    screen = PlainScreen(call.terminal.results)
    context = CommandContext(
        folder.parent,
        screen,
        call.interrupts,
        headers=connection.headers,
        key_password=connection.key_password,
        errors=call.errors,
    )
    done = clean(context.for_run(plan, accounts, folder))
    if done is None or not done.tried:
        call.terminal.out("Nothing is left to remove.")
        return EXIT_PASS
    _keep(done.cleanup, folder)
    for line in done.cleanup.not_restored:
        call.terminal.out(f"not restored: {line}")
    return EXIT_INCONCLUSIVE if done.cleanup.not_removed or done.cleanup.not_restored else EXIT_PASS


def _keep(cleaned: Cleanup, folder: Path) -> None:
    """Store the result for the next report and verdict of the run."""
    path = folder / CIRCUMSTANCES_FILE
    if path.exists():
        save(path, replace(load(path, Circumstances), cleanup=cleaned))
