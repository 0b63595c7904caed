"""Shared by the commands that call the target: read the inputs, start a demo, set up monitors, make one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from perfsuite.cli.options import MonitorOptions, OutputOptions
from perfsuite.cli.screen import PageScreen
from perfsuite.cli.terminal import Invocation, append_to_step
from perfsuite.demo.backend import BackendSettings, check_faults, faults_of
from perfsuite.demo.client import Demo, running_demo
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, SuiteError, UnexpectedError, UsageError, is_of_a_file
from perfsuite.judge.validity import rows_remain
from perfsuite.messages.cli import CliMessage
from perfsuite.model import Cleanup, RunReport, Scenario
from perfsuite.model.cleanup import REMAINING_FILE
from perfsuite.model.history import RunGroup
from perfsuite.monitor import Queries, Watch, read_queries
from perfsuite.plan.build import Inputs, make_plan, read_inputs, with_demo
from perfsuite.plan.options import PlanOptions
from perfsuite.report.files.markdown import runs_md
from perfsuite.report.terminal.console import render_many
from perfsuite.report.write import INDEX_FILE
from perfsuite.run import pipeline
from perfsuite.run.context import CommandContext, Screen
from perfsuite.run.load_run import LoadedRun
from perfsuite.target.connection import ConnectionSettings


@dataclass(frozen=True, slots=True)
class Job:
    """Shared by all runs of a command. `baselines`: by scenario; empty without --baseline."""

    options: PlanOptions
    output: OutputOptions
    baselines: Mapping[str, RunGroup]
    inputs: Inputs
    context: CommandContext
    page: PageScreen | None = None


# ── before a run ────────────────────────────────────────────────────────────────────────────────────


def inputs_of(options: PlanOptions) -> Inputs:
    """Read and check all files and options. Raises UsageError."""
    check_faults(options.faults)
    return read_inputs(options)


def started(stack: ExitStack, options: PlanOptions, inputs: Inputs, screen: Screen) -> tuple[Inputs, Demo | None]:
    """Start the demo if one is asked for; the inputs with its address and accounts, and the demo or None."""
    if not options.demo:
        return inputs, None
    screen.say(f"Demo: starting the reference backend ({options.demo})")
    settings = BackendSettings(faults=faults_of(options.faults, as_deployed=options.as_deployed))
    demo = stack.enter_context(running_demo(options.demo, settings))
    if options.workers.expected:
        screen.say(CliMessage.ACCOUNTS_OF_DEMO(path=demo.credentials))
    return with_demo(inputs, demo.host, demo.credentials), demo


def watch_of(options: MonitorOptions, demo: Demo | None) -> Watch:
    """What to monitor: the options, and everything of a demo. The run fills in its id and the connection."""
    return Watch(
        run_id="",
        connection=ConnectionSettings(""),
        server=options.server or (str(demo.pid) if demo else None),
        postgres_dsn=options.postgres or (demo.postgres_dsn if demo else None),
        redis_url=options.redis or (demo.redis_url if demo else None),
        prometheus_url=options.prometheus,
        queries=_queries(options),
    )


def _queries(options: MonitorOptions) -> Queries:
    if options.queries_file is None:
        return Queries()
    if options.prometheus is None:
        raise UsageError(CliMessage.QUERIES_WITHOUT_SERVER())
    return read_queries(options.queries_file)


def context_of(
    call: Invocation[Any],
    options: PlanOptions,
    inputs: Inputs,
    screen: Screen,
    *,
    monitors: MonitorOptions | None = None,
    demo: Demo | None = None,
) -> CommandContext:
    """What the runs of a command share. `monitors`: None for a command without load."""
    return CommandContext(
        options.archive.results,
        screen,
        call.interrupts,
        request_log=demo.request_log if demo else None,
        watch=watch_of(monitors, demo) if monitors else None,
        history=options.archive.history,
        headers=inputs.connection.headers,
        key_password=inputs.connection.key_password,
        worker_token=inputs.worker_token,
        errors=call.errors,
    )


# ── a run and its end ───────────────────────────────────────────────────────────────────────────────


def run_one(job: Job, scenario: Scenario) -> LoadedRun:
    """Make one run. Raises TargetError or LoadError if nothing could be measured."""
    try:
        plan = make_plan(job.options, job.inputs, scenario)
        finished = pipeline.run(job.context, plan, job.inputs.accounts, job.baselines.get(scenario.name))
    except SuiteError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            raise
        raise UnexpectedError(job.context.errors.record(error, "the run")) from error
    if job.page:
        job.context.errors.optional("the live page", partial(job.page.run_over, finished.report, finished.folder))
    return finished


def run_failed(job: Job, error: SuiteError) -> None:
    """Show on the live page why there is no verdict."""
    if job.page:
        job.context.errors.optional("the live page", partial(job.page.run_failed, str(error)))


def all_shown(reports: Sequence[RunReport], job: Job, call: Invocation[Any]) -> list[int]:
    """Print the runs as a table, also on the page of a CI job; further exit codes."""
    append_to_step(call, lambda: runs_md(reports), job.options.archive.results / INDEX_FILE)
    try:
        call.terminal.show(render_many, reports, color=job.output.color)
    except Exception as error:  # noqa: BLE001  the reports are already written
        call.terminal.err(call.errors.record(error, "the table of the runs"))
        return [EXIT_INCONCLUSIVE]
    return []


def code_of_rows(cleanup: Cleanup | None, options: PlanOptions, call: Invocation[Any]) -> int:
    """Print how many rows remain at the target after a command without load; 0, or 4 if they count."""
    if remain := rows_remain(cleanup):
        call.terminal.out(f"{remain[:1].upper()}{remain[1:]}. Their ids are in {REMAINING_FILE}.")
    return EXIT_INCONCLUSIVE if remain and not options.accept_leftovers else EXIT_PASS
