"""What commands that call the target share: the inputs read, a demo started, what is watched."""

from __future__ import annotations

import argparse
import os
import resource
from contextlib import ExitStack

from perfsuite import __version__
from perfsuite.cli.command import Call
from perfsuite.cli.parser import PROGRAM, options_of
from perfsuite.cli.screen import PlainScreen
from perfsuite.demo.backend import BackendSettings, check_faults, faults_of
from perfsuite.demo.client import Demo, running_demo
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from perfsuite.judge.left_behind import REMAINING_FILE, rows_remain
from perfsuite.model import Cleanup
from perfsuite.monitor import Queries, Watch, read_queries
from perfsuite.plan.build import Ground, Inputs, Options, read_inputs, with_demo
from perfsuite.roles import ROLES
from perfsuite.run.context import CommandContext, Screen
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import ConnectionSettings


def ground_of_suite() -> Ground:
    """What plans are built on: the roles, the operations, the environment."""
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # load processes lift the soft limit themselves
    limit = None if most == resource.RLIM_INFINITY else most
    return Ground(ROLES, tuple(CATALOGUE), __version__, os.environ, limit)


def read(call: Call) -> tuple[Options, Inputs, Ground]:
    """Options and files of a call. Raises UsageError where they are wrong."""
    options, ground = options_of(call.arguments, (PROGRAM, *call.words)), ground_of_suite()
    return options, inputs_of(call.arguments, options, ground), ground


def inputs_of(arguments: argparse.Namespace, options: Options, ground: Ground) -> Inputs:
    for option, given in (("--fault", arguments.fault), ("--as-deployed", arguments.as_deployed)):
        if given and not options.demo:
            raise UsageError(f"{option} works on the reference backend only: add --demo, or leave {option} out")
    if options.demo and arguments.credentials is not None:
        raise UsageError("--demo makes accounts of its own: leave out --credentials, or leave out --demo")
    check_faults(arguments.fault or ())
    return read_inputs(options, ground)


def started(
    stack: ExitStack, arguments: argparse.Namespace, options: Options, inputs: Inputs, screen: Screen
) -> tuple[Inputs, Demo | None]:
    """The inputs pointed at a running target, and the demo where it is one."""
    if not options.demo:
        return inputs, None
    screen.say(f"Demo: starting the reference backend ({options.demo})")
    settings = BackendSettings(faults=faults_of(arguments.fault, as_deployed=arguments.as_deployed))
    demo = stack.enter_context(running_demo(options.demo, settings))
    return with_demo(inputs, demo.host, demo.credentials, ground_of_suite()), demo


def watch_of(arguments: argparse.Namespace, demo: Demo | None) -> Watch:
    """What was asked to be watched; everything of a demo. Run and way are filled in by the run."""
    return Watch(
        run_id="",
        connection=ConnectionSettings(""),
        server=arguments.monitor_server or (str(demo.pid) if demo else None),
        postgres_dsn=arguments.monitor_postgres or (demo.postgres_dsn if demo else None),
        redis_url=arguments.monitor_redis or (demo.redis_url if demo else None),
        prometheus_url=arguments.monitor_prometheus,
        queries=_queries(arguments),
    )


def _queries(arguments: argparse.Namespace) -> Queries:
    if arguments.monitor_prometheus_queries is None:
        return Queries()
    if arguments.monitor_prometheus is None:
        raise UsageError("--monitor-prometheus-queries: name the server to ask, too: --monitor-prometheus URL")
    return read_queries(arguments.monitor_prometheus_queries)


def code_of_rows(cleanup: Cleanup | None, options: Options, call: Call) -> int:
    """Name rows of a command without a load that remain at the target; the exit code that they make."""
    if told := rows_remain(cleanup):
        call.terminal.out(f"{told[:1].upper()}{told[1:]}. Their ids are in {REMAINING_FILE}.")
    return EXIT_INCONCLUSIVE if told and not options.accept_leftovers else EXIT_PASS


def context_without_load(options: Options, inputs: Inputs, screen: PlainScreen, call: Call) -> CommandContext:
    """For what looks at the target without a load."""
    return CommandContext(options.results, screen, call.interrupts, headers=inputs.reached.headers, errors=call.errors)
