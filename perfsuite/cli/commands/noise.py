"""How much runs of the same thing differ here."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_history, add_load, add_without_load, whole
from perfsuite.cli.repeat import MOST_RUNS, by_turns
from perfsuite.cli.target import read, started, watch_of
from perfsuite.cli.work import Work
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from perfsuite.history.comparison.noise import FEWEST_RUNS, measure
from perfsuite.judge import severest
from perfsuite.report.comparison import render_noise
from perfsuite.report.terminal.console import render_many
from perfsuite.run.comparison import check_noise, save_noise
from perfsuite.run.context import CommandContext

DEFAULT_RUNS = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    parser.add_argument(
        "--runs",
        type=whole,
        default=DEFAULT_RUNS,
        metavar="K",
        help=f"default {DEFAULT_RUNS}, at least {FEWEST_RUNS}",
    )
    add_without_load(parser)
    add_load(parser)
    add_history(parser)
    parser.set_defaults(
        monitor_server=None,
        monitor_postgres=None,
        monitor_redis=None,
        monitor_prometheus=None,
        monitor_prometheus_queries=None,
    )


def do(call: Call) -> int:
    """Do it; the exit code."""
    times = call.arguments.runs
    if not FEWEST_RUNS <= times <= MOST_RUNS:
        raise UsageError(f"--runs {times}: give {FEWEST_RUNS} to {MOST_RUNS}")
    check_noise(call.arguments.results)
    options, inputs, ground = read(call)
    if len(inputs.scenarios) > 1:
        raise UsageError("noise: measures one scenario at a time; give --scenario once")
    screen = call.terminal.screen(options)
    with ExitStack() as stack:
        inputs, demo = started(stack, call.arguments, options, inputs, screen)
        context = CommandContext(
            options.results,
            screen,
            call.interrupts,
            request_log=demo.request_log if demo else None,
            watch=watch_of(call.arguments, demo),
            history=options.history,
            headers=inputs.reached.headers,
            errors=call.errors,
        )
        made = by_turns(call, [Work(options, {}, inputs, ground, context, None)], inputs.scenarios[0], times)
    if made.reports and not options.quiet:
        call.terminal.show(render_many, made.reports, color=options.color)
    if not made.is_whole:
        return severest(made.codes)
    noise = measure(made.runs[0])
    for run in made.runs[0]:
        if not run.outcome.is_of_worth:
            call.terminal.out(f"Note: {run.run_id} is {run.outcome.value}: its noise may not be the target's.")
    call.terminal.show(render_noise, noise, color=options.color)
    call.terminal.out(f"Kept in {save_noise(options.results, noise)}")
    return EXIT_PASS if noise.metrics else EXIT_INCONCLUSIVE


COMMAND = Command(
    name="noise",
    usage="noise --runs K",
    summary="the same load several times: the smallest change that can be detected here",
    description="Measure the same thing several times, and keep how much it varies as the floor of later comparisons.",
    configure=configure,
    do=do,
)
