"""Removing what a run left behind."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_reaching, add_run_folder, data_file, reaching_of
from perfsuite.cli.screen import PlainScreen
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS
from perfsuite.model import Cleanup, Plan
from perfsuite.plan.access import reached_again, read_accounts
from perfsuite.plan.scenarios import read_scenarios
from perfsuite.roles import ROLES
from perfsuite.run.cleanup import clean
from perfsuite.run.context import CommandContext
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PLAN_FILE, load, save
from perfsuite.summary.summarize import Circumstances
from perfsuite.target.hosts import HostRules, checked_url


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    add_run_folder(parser)
    parser.add_argument("--credentials", type=Path, default=data_file("credentials.csv"), metavar="FILE")
    parser.add_argument("--allow-host", action="append", metavar="HOST")
    parser.add_argument("--i-accept-production-load", action="store_true")
    add_reaching(parser)
    parser.add_argument("--scenarios", type=Path, default=data_file("scenarios.toml"), metavar="FILE")


def do(call: Call) -> int:
    """Do it; the exit code."""
    plan = load(call.arguments.run / PLAN_FILE, Plan)
    if plan.demo:
        call.terminal.out("This run loaded a demo backend, which is gone with all that was in it.")
        return EXIT_PASS
    configured = read_scenarios(call.arguments.scenarios).allowed_hosts
    extra = tuple(call.arguments.allow_host or ())
    checked_url(plan.host, HostRules(configured, extra, call.arguments.i_accept_production_load))
    plan, headers = reached_again(plan, reaching_of(call.arguments), os.environ)
    # Whoever made a row removes it, a Super Admin the others; which roles else the file holds does not matter here.
    accounts = read_accounts(call.arguments.credentials, ROLES, os.environ, plan.mapping.roles)
    screen = PlainScreen(call.terminal.told)
    context = CommandContext(call.arguments.run.parent, screen, call.interrupts, headers=headers, errors=call.errors)
    done = clean(context.for_run(plan, accounts, call.arguments.run))
    if done is None or not done.tried:
        call.terminal.out("Nothing is left to remove.")
        return EXIT_PASS
    _keep(done.cleanup, call.arguments.run)
    for line in done.cleanup.not_restored:
        call.terminal.out(f"not put back: {line}")
    return EXIT_INCONCLUSIVE if done.cleanup.not_removed or done.cleanup.not_restored else EXIT_PASS


def _keep(cleanup: Cleanup, folder: Path) -> None:
    """What became of the rows, for the next report and verdict of the run."""
    path = folder / CIRCUMSTANCES_FILE
    if path.exists():
        save(path, replace(load(path, Circumstances), cleanup=cleanup))


COMMAND = Command(
    name="cleanup",
    usage="cleanup RUN",
    summary="remove what a run created and, having been cut off, left behind",
    description="Remove what a run created at its target and, having been cut off, left behind.",
    configure=configure,
    do=do,
)
