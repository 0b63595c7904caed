"""A run judged anew."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_output, add_run_folder, data_file
from perfsuite.model import Plan, Target
from perfsuite.model.monitor import METRICS
from perfsuite.plan.scenarios import STANDARD_SCENARIOS, read_scenarios
from perfsuite.plan.targets import Known, read_targets
from perfsuite.report.terminal.console import render_summary
from perfsuite.report.terminal.short import render_verdict
from perfsuite.roles import ROLES
from perfsuite.run.load_run import PLAN_FILE, load, load_run
from perfsuite.target.catalogue import CATALOGUE


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    add_run_folder(parser)
    parser.add_argument("--targets", type=Path, metavar="FILE", help="other limits than those of the run")
    parser.add_argument("--scenarios", type=Path, default=data_file("scenarios.toml"), metavar="FILE")
    add_output(parser, "only the verdict and its reasons")


def do(call: Call) -> int:
    """Do it; the exit code."""
    report = load_run(call.arguments.run, targets=_other_targets(call.arguments), errors=call.errors).report
    whole = partial(render_summary, lines=call.terminal.lines)
    render = render_verdict if call.arguments.quiet else whole
    call.terminal.show(render, report, color=not call.arguments.no_color)
    return report.verdict.exit_code


def _other_targets(arguments: argparse.Namespace) -> tuple[Target, ...] | None:
    if arguments.targets is None:
        return None
    scenario = load(arguments.run / PLAN_FILE, Plan).scenario.name
    names = {scenario, *STANDARD_SCENARIOS, *read_scenarios(arguments.scenarios).scenarios}
    known = Known([role.slug for role in ROLES], sorted(CATALOGUE), sorted(names), sorted(METRICS))
    return read_targets(arguments.targets, known)


COMMAND = Command(
    name="judge",
    usage="judge RUN",
    summary="judge a run anew (--targets FILE for other limits)",
    description="Judge a run anew and print the verdict; the exit code is the verdict's. Its files stay.",
    configure=configure,
    do=do,
)
