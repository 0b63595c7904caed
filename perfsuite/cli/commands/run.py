"""The default command: make load, and judge what was measured."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perfsuite.cli.commands import noise
from perfsuite.cli.job import Job, all_shown, ground_of_suite, inputs_of, run_failed, run_one, started, watch_of
from perfsuite.cli.options import RunOptions
from perfsuite.cli.screen import PageScreen, Screens, live_page, screen_for
from perfsuite.cli.terminal import Invocation, step_summary
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_REGRESSION, LoadError, TargetError
from perfsuite.judge import severest
from perfsuite.model import RunReport
from perfsuite.model.history import RunGroup
from perfsuite.monitor import check_watch
from perfsuite.plan import dry_run
from perfsuite.plan.build import Ground, Inputs, build
from perfsuite.plan.options import DEFAULT_HOST, PlanOptions
from perfsuite.report.exporter import Exposition, serving
from perfsuite.report.terminal.console import render_summary
from perfsuite.report.terminal.short import render_verdict
from perfsuite.roles import ROLES
from perfsuite.run import pipeline
from perfsuite.run.archive import RunArchive
from perfsuite.run.comparison import find_baseline
from perfsuite.run.context import CommandContext
from perfsuite.target.connection import ConnectionSettings


def run(call: Invocation[RunOptions]) -> int:
    """Run the scenarios that were asked for; the exit code of the most severe."""
    options, plan = call.options, plan_options(call)
    ground = ground_of_suite()
    inputs = inputs_of(plan, ground)
    noise.check(options)
    baselines = _baselines(plan, inputs, ground)
    check_watch(replace(watch_of(options.monitors, None), connection=ConnectionSettings(inputs.host or DEFAULT_HOST)))
    if options.dry_run:
        for scenario in inputs.scenarios:
            call.terminal.out(dry_run.render(build(plan, inputs, scenario, ground, datetime.now(UTC)), ROLES))
        call.terminal.out("\n".join(call.parsed.explained()))
        return EXIT_PASS
    with ExitStack() as stack:
        page = _page(stack, call)
        exposition = _exposition(stack, call)
        shown = [screen_for(call.terminal, options.output), *(also for also in (page, exposition) if also)]
        screens = Screens(shown, call.errors)
        inputs, demo = started(stack, plan, inputs, screens)
        context = CommandContext(
            plan.archive.results,
            screens,
            call.interrupts,
            request_log=demo.request_log if demo else None,
            step_summary=step_summary(),
            watch=watch_of(options.monitors, demo),
            listener=exposition,
            history=plan.archive.history,
            headers=inputs.reached.headers,
            errors=call.errors,
        )
        job = Job(plan, options.output, baselines, inputs, ground, context, page)
        if options.runs or noise.has_other_target(options):
            return noise.repeat(call, job, noise.other_job(stack, options, job))
        return _run_scenarios(job, call)


def plan_options(call: Invocation[RunOptions]) -> PlanOptions:
    """What the plan is made of, with what follows from other options."""
    plan = call.options.plan
    database = plan.demo == "full" or bool(call.options.monitors.postgres)
    return replace(plan, command=call.parsed.line, fingerprint=call.options.fingerprint and database)


def _baselines(options: PlanOptions, inputs: Inputs, ground: Ground) -> dict[str, RunGroup]:
    """What each scenario is compared with. Raises UsageError where there is nothing for one: nothing was sent yet."""
    if not options.baseline:
        return {}
    archive = RunArchive(options.archive.results, options.archive.history)
    with archive.open_history() as history:
        plans = (build(options, inputs, scenario, ground, datetime.now(UTC)) for scenario in inputs.scenarios)
        return {plan.scenario.name: find_baseline(plan, history, archive) for plan in plans}


def _page(stack: ExitStack, call: Invocation[RunOptions]) -> PageScreen | None:
    """The live page while the command lasts; None where it was not asked for. --quiet prints its address, too."""
    if call.options.web is None:
        return None
    page = stack.enter_context(live_page(call.options.web, call.errors))
    call.terminal.out(f"Live page: {page.address}")
    return page


def _exposition(stack: ExitStack, call: Invocation[RunOptions]) -> Exposition | None:
    """What Prometheus reads while the command lasts; None where it was not asked for."""
    if call.options.metrics_port is None:
        return None
    exposition = Exposition()

    def failed(error: Exception) -> None:
        call.errors.record_unreported(error, "live metrics were asked for", decides=False)

    call.terminal.out(f"Metrics: {stack.enter_context(serving(exposition, call.options.metrics_port, failed))}")
    return exposition


def _run_scenarios(job: Job, call: Invocation[RunOptions]) -> int:
    reports: list[RunReport] = []
    codes: list[int] = []
    for number, scenario in enumerate(job.inputs.scenarios):
        if number:
            pipeline.pause(noise.PAUSE_BETWEEN_S, job.context.screen)
        try:
            finished = run_one(job, scenario)
        except (TargetError, LoadError) as error:
            call.terminal.err(str(error))
            run_failed(job, error)
            codes.append(error.exit_code)
            break  # what kept this one from running keeps the next one too
        report = finished.report
        reports.append(report)
        codes.append(_shown(report, finished.folder, job, call))
        if job.context.interrupts.count:
            if report.verdict.exit_code != EXIT_INTERRUPTED:
                call.terminal.err("Interrupted after the load: its figures and its verdict are complete.")
            break
    if len(job.inputs.scenarios) > 1 and reports:
        codes += all_shown(reports, job, call)
    return severest(codes) if len(codes) > 1 else codes[0]


def _shown(report: RunReport, folder: Path, job: Job, call: Invocation[RunOptions]) -> int:
    """Show the verdict; the exit code of the run."""
    code = EXIT_INTERRUPTED if job.context.interrupts.count else report.verdict.exit_code
    whole = partial(render_summary, folder=folder, lines=call.terminal.lines)
    try:
        call.terminal.show(render_verdict if job.output.quiet else whole, report, color=job.output.color)
    except Exception as error:  # noqa: BLE001  the run is made, and its report is written
        call.terminal.err(call.errors.record(error, "the summary on the terminal"))
        call.terminal.out(f"VERDICT: {report.verdict.outcome.value.upper()}; the report is in {folder}")
        return EXIT_INCONCLUSIVE if code in (EXIT_PASS, EXIT_REGRESSION) else code
    return code
