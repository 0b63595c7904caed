"""The command without a name: make load, and judge what was measured."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perfsuite.cli import repeat
from perfsuite.cli.command import Call
from perfsuite.cli.commands.step import step_summary
from perfsuite.cli.screen import PageScreen, Screens, live_page
from perfsuite.cli.target import read, started, watch_of
from perfsuite.cli.work import Work, all_shown, run_failed, run_one
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_REGRESSION, LoadError, TargetError
from perfsuite.judge import severest
from perfsuite.model import RunReport
from perfsuite.model.history import RunGroup
from perfsuite.monitor import check_watch
from perfsuite.plan import dry_run
from perfsuite.plan.build import DEFAULT_HOST, Ground, Inputs, Options, build
from perfsuite.report.exporter import Exposition, serving
from perfsuite.report.terminal.console import render_summary
from perfsuite.report.terminal.short import render_verdict
from perfsuite.roles import ROLES
from perfsuite.run import pipeline
from perfsuite.run.archive import RunArchive
from perfsuite.run.comparison import find_baseline
from perfsuite.run.context import CommandContext
from perfsuite.target.connection import ConnectionSettings


def do(call: Call) -> int:
    """Run the scenarios that were asked for; the exit code of the most severe."""
    arguments = call.arguments
    options, inputs, ground = read(call)
    repeat.check(arguments, options)
    archive = RunArchive(options.results, options.history)
    against = _baselines(options, inputs, ground, archive)
    check_watch(replace(watch_of(arguments, None), connection=ConnectionSettings(inputs.host or DEFAULT_HOST)))
    if options.dry_run:
        for scenario in inputs.scenarios:
            call.terminal.out(dry_run.render(build(options, inputs, scenario, ground, datetime.now(UTC)), ROLES))
        return EXIT_PASS
    screen = call.terminal.screen(options)
    with ExitStack() as stack:
        page = _page(stack, call)
        exposition = _exposition(stack, call)
        screens = Screens([screen, *(also for also in (page, exposition) if also)], call.errors)
        inputs, demo = started(stack, arguments, options, inputs, screens)
        context = CommandContext(
            options.results,
            screens,
            call.interrupts,
            request_log=demo.request_log if demo else None,
            step_summary=step_summary(),
            watch=watch_of(arguments, demo),
            listener=exposition,
            history=options.history,
            headers=inputs.reached.headers,
            errors=call.errors,
        )
        work = Work(options, against, inputs, ground, context, page)
        if repeat.is_asked(arguments):
            return repeat.do(call, work, repeat.other(stack, call, work))
        return _run_scenarios(work, call)


def _baselines(options: Options, inputs: Inputs, ground: Ground, archive: RunArchive) -> dict[str, RunGroup]:
    """What each scenario is held against. Raises UsageError where there is nothing for one: nothing was sent yet."""
    if not options.baseline:
        return {}
    with archive.open_history() as history:
        plans = (build(options, inputs, scenario, ground, datetime.now(UTC)) for scenario in inputs.scenarios)
        return {plan.scenario.name: find_baseline(plan, history, archive) for plan in plans}


def _page(stack: ExitStack, call: Call) -> PageScreen | None:
    """The live page while the command lasts; None where it was not asked for. Its address is told even when quiet."""
    if call.arguments.web is None:
        return None
    page = stack.enter_context(live_page(call.arguments.web, call.errors))
    call.terminal.out(f"Live page: {page.address}")
    return page


def _exposition(stack: ExitStack, call: Call) -> Exposition | None:
    """What Prometheus reads while the command lasts; None where it was not asked for."""
    if call.arguments.metrics_port is None:
        return None
    exposition = Exposition()

    def failed(error: Exception) -> None:
        call.errors.record_unreported(error, "live metrics were asked for", decides=False)

    call.terminal.out(f"Metrics: {stack.enter_context(serving(exposition, call.arguments.metrics_port, failed))}")
    return exposition


def _run_scenarios(work: Work, call: Call) -> int:
    reports: list[RunReport] = []
    codes: list[int] = []
    for number, scenario in enumerate(work.inputs.scenarios):
        if number:
            pipeline.pause(repeat.PAUSE_BETWEEN_S, work.context.screen)
        try:
            finished = run_one(work, scenario)
        except (TargetError, LoadError) as error:
            call.terminal.err(str(error))
            run_failed(work, error)
            codes.append(error.exit_code)
            break  # what kept this one from running keeps the next one too
        report = finished.report
        reports.append(report)
        codes.append(_shown(report, finished.folder, work, call))
        if work.context.interrupts.count:
            if report.verdict.exit_code != EXIT_INTERRUPTED:
                call.terminal.err("Interrupted after the load: its figures and its verdict are whole.")
            break
    if len(work.inputs.scenarios) > 1 and reports:
        codes += all_shown(reports, work, call)
    return severest(codes) if len(codes) > 1 else codes[0]


def _shown(report: RunReport, folder: Path, work: Work, call: Call) -> int:
    """Show the verdict; the exit code of the run."""
    code = EXIT_INTERRUPTED if work.context.interrupts.count else report.verdict.exit_code
    whole = partial(render_summary, folder=folder, lines=call.terminal.lines)
    try:
        call.terminal.show(render_verdict if work.options.quiet else whole, report, color=work.options.color)
    except Exception as error:  # noqa: BLE001  the run is made, and its report is written
        call.terminal.err(call.errors.record(error, "the summary on the terminal"))
        call.terminal.out(f"VERDICT: {report.verdict.outcome.value.upper()}; the report is in {folder}")
        return EXIT_INCONCLUSIVE if code in (EXIT_PASS, EXIT_REGRESSION) else code
    return code
