"""Look before: every operation once per role, without a load."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from datetime import UTC, datetime

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_without_load
from perfsuite.cli.target import code_of_rows, context_without_load, read, started
from perfsuite.errors import EXIT_TARGET
from perfsuite.model import Works
from perfsuite.plan.build import build
from perfsuite.report.terminal.short import render_preflight
from perfsuite.run import pipeline


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    add_without_load(parser)
    parser.add_argument("--tolerate-broken", action="store_true", help="exit with 0 even where operations fail")


def do(call: Call) -> int:
    """Do it; the exit code."""
    options, inputs, ground = read(call)
    screen = call.terminal.screen(options)
    with ExitStack() as stack:
        inputs, _demo = started(stack, call.arguments, options, inputs, screen)
        plan = build(options, inputs, inputs.scenarios[0], ground, datetime.now(UTC))
        context = context_without_load(options, inputs, screen, call)
        report, cleanup = pipeline.only_preflight(context, plan, inputs.accounts)
    call.terminal.show(render_preflight, report, color=options.color)
    code = code_of_rows(cleanup, options, call)
    broken = any(check.works is Works.BROKEN for check in report.checks)
    return EXIT_TARGET if broken and not options.tolerate_broken else code


COMMAND = Command(
    name="preflight",
    usage="preflight",
    summary="log in as every role, call every operation once, print the table, stop",
    description="Log in as every role, call every operation once, print the table, stop.",
    configure=configure,
    do=do,
)
