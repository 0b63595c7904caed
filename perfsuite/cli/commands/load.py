"""Make runs: each scenario once, or the same run several times, alternating with another target; `noise`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from perfsuite.cli.commands.compare import shown
from perfsuite.cli.job import Job, all_shown, context_of, inputs_of, run_failed, run_one, started, watch_of
from perfsuite.cli.options import SECOND_DEMO, MonitorOptions, NoiseOptions, RunOptions
from perfsuite.cli.screen import PageScreen, Screens, live_page, screen_for
from perfsuite.cli.terminal import Invocation, step_summary
from perfsuite.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_REGRESSION,
    LoadError,
    TargetError,
    UsageError,
)
from perfsuite.history.compare import FEWEST, measure_noise
from perfsuite.history.conditions import OF_THE_TARGET
from perfsuite.judge import severest
from perfsuite.messages.cli import CliMessage
from perfsuite.model import RunReport, Scenario
from perfsuite.model.history import PastRun, RunGroup
from perfsuite.monitor import check_watch
from perfsuite.plan.build import Inputs, make_plan
from perfsuite.plan.options import DEFAULT_HOST, PlanOptions
from perfsuite.report.comparison import render_noise
from perfsuite.report.exporter import Exposition, serving
from perfsuite.report.terminal.console import render_many, render_verdict
from perfsuite.report.terminal.summary import render_summary
from perfsuite.run import pipeline
from perfsuite.run.archive import RunArchive, past_run
from perfsuite.run.comparison import (
    check_noise,
    compare_groups,
    compare_with_baseline,
    find_baseline,
    noise_of,
    save_noise,
)
from perfsuite.target.connection import ConnectionSettings

PAUSE_BETWEEN_S = 10.0
"""Between two scenarios."""
REST_S = 2.0
"""Between two runs: sockets of the one close before the other begins."""


@dataclass(slots=True)
class RepeatedRuns:
    """The runs of one scenario so far, on the first target and on the other."""

    runs: tuple[list[PastRun], list[PastRun]] = field(default_factory=lambda: ([], []))
    reports: list[RunReport] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """False if a run was interrupted or could not be made."""
        return len(self.reports) == len(self.codes) and EXIT_INTERRUPTED not in self.codes


def _run(job: Job, scenario: Scenario) -> tuple[RunReport, PastRun]:
    finished = run_one(job, scenario)
    return finished.report, past_run(finished)


@dataclass(frozen=True, slots=True)
class RunMaker:
    """Makes a run, and waits before the next one."""

    run: Callable[[Job, Scenario], tuple[RunReport, PastRun]] = _run
    sleep: Callable[[float], None] = time.sleep


# ── run ─────────────────────────────────────────────────────────────────────────────────────────────


def check_stages(options: RunOptions, plan: PlanOptions, inputs: Inputs) -> dict[str, RunGroup]:
    """The baseline of each scenario. Raises UsageError for a wrong monitor, baseline or noise file."""
    check_noise(plan.archive.results)
    baselines = _baselines(plan, inputs)
    check_watch(replace(watch_of(options.monitors, None), connection=ConnectionSettings(inputs.host or DEFAULT_HOST)))
    return baselines


def _baselines(options: PlanOptions, inputs: Inputs) -> dict[str, RunGroup]:
    """The baseline of each scenario. Raises UsageError if one has none."""
    if not options.baseline:
        return {}
    archive = RunArchive(options.archive.results, options.archive.history)
    with archive.open_history() as history:
        plans = (make_plan(options, inputs, scenario) for scenario in inputs.scenarios)
        return {plan.scenario.name: find_baseline(plan, history, archive) for plan in plans}


def make_runs(
    call: Invocation[RunOptions], plan: PlanOptions, inputs: Inputs, baselines: Mapping[str, RunGroup]
) -> int:
    """Run the requested scenarios; the most severe exit code."""
    options = call.options
    with ExitStack() as stack:
        page = _page(stack, call)
        exposition = _exposition(stack, call)
        shown = [screen_for(call.terminal, options.output), *(also for also in (page, exposition) if also)]
        screens = Screens(shown, call.errors)
        inputs, demo = started(stack, plan, inputs, screens)
        context = context_of(call, plan, inputs, screens, monitors=options.monitors, demo=demo)
        context = replace(context, step_summary=step_summary(), listener=exposition)
        job = Job(plan, options.output, baselines, inputs, context, page)
        if options.runs or options.has_other_target:
            return repeat(call, job, other_job(stack, options, job))
        return _run_scenarios(job, call)


def _page(stack: ExitStack, call: Invocation[RunOptions]) -> PageScreen | None:
    """The live page, open until the end of the command; None without --web. Prints its address even with --quiet."""
    if call.options.web is None:
        return None
    page = stack.enter_context(live_page(call.options.web, call.errors))
    call.terminal.out(f"Live page: {page.address}")
    return page


def _exposition(stack: ExitStack, call: Invocation[RunOptions]) -> Exposition | None:
    """The metrics for Prometheus, served until the end of the command; None without --metrics-port."""
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
            pipeline.pause(PAUSE_BETWEEN_S, job.context.screen)
        try:
            finished = run_one(job, scenario)
        except (TargetError, LoadError) as error:
            call.terminal.err(str(error))
            run_failed(job, error)
            codes.append(error.exit_code)
            break  # the next one would fail for the same reason
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
    except Exception as error:  # noqa: BLE001  the report is already written
        call.terminal.err(call.errors.record(error, "the summary on the terminal"))
        call.terminal.out(f"VERDICT: {report.verdict.outcome.value.upper()}; the report is in {folder}")
        return EXIT_INCONCLUSIVE if code in (EXIT_PASS, EXIT_REGRESSION) else code
    return code


# ── run --runs and --against ────────────────────────────────────────────────────────────────────────


def other_job(stack: ExitStack, options: RunOptions, job: Job) -> Job | None:
    """The same job on the other target, started if it is a demo; None without one."""
    if not options.has_other_target:
        return None
    if options.other in (None, SECOND_DEMO):
        plan = replace(job.options, faults=options.other_faults)
        inputs, demo = started(stack, plan, job.inputs, job.context.screen)
    else:
        # The monitors of the first target, perhaps a demo, would read the wrong one.
        plan = replace(job.options, host=options.other, demo=None, faults=(), as_deployed=False, fingerprint=False)
        inputs, demo = inputs_of(plan), None
    context = replace(
        job.context, request_log=demo.request_log if demo else None, watch=watch_of(options.monitors, demo)
    )
    return replace(job, options=plan, inputs=inputs, context=context)


def repeat(call: Invocation[RunOptions], job: Job, other: Job | None, maker: RunMaker = RunMaker()) -> int:
    """Run each scenario --runs times and print the comparison; the most severe exit code."""
    codes = []
    jobs = [job, *([other] if other else [])]
    for number, scenario in enumerate(job.inputs.scenarios):
        if number:
            pipeline.pause(PAUSE_BETWEEN_S, job.context.screen, maker.sleep)
        made = alternate(call, jobs, scenario, call.options.runs or FEWEST, maker)
        codes += [*made.codes, *_compared(call, job, made, scenario)]
        if not made.is_whole:
            break
    return severest(codes)


def alternate(
    call: Invocation[Any], jobs: Sequence[Job], scenario: Scenario, times: int, maker: RunMaker = RunMaker()
) -> RepeatedRuns:
    """Runs in the order A B A B …, until one cannot be made. The fingerprint is taken once per target."""
    made = RepeatedRuns()
    for turn in range(times):
        for target, job in enumerate(jobs):
            if made.reports:
                pipeline.pause(REST_S, job.context.screen, maker.sleep, what="run")
            letter = f" of {'AB'[target]}, {job.inputs.host}" if len(jobs) > 1 else ""
            job.context.screen.say(f"Run {turn + 1} of {times}{letter}")
            options = replace(job.options, fingerprint=job.options.fingerprint and not turn)
            context = replace(job.context, step_summary=None)
            _one(call, replace(job, options=options, context=context, baselines={}), scenario, (made, target), maker)
            if not made.is_whole:
                return made
    return made


def _one(call: Invocation[Any], job: Job, scenario: Scenario, to: tuple[RepeatedRuns, int], maker: RunMaker) -> None:
    made, target = to
    try:
        report, run = maker.run(job, scenario)
    except (TargetError, LoadError) as error:
        call.terminal.err(str(error))
        run_failed(job, error)
        made.codes.append(error.exit_code)
        return
    made.codes.append(EXIT_INTERRUPTED if job.context.interrupts.count else report.verdict.exit_code)
    made.reports.append(report)
    made.runs[target].append(run)
    if job.output.quiet:
        call.terminal.show(render_verdict, report, color=job.output.color)


def _compared(call: Invocation[RunOptions], job: Job, made: RepeatedRuns, scenario: Scenario) -> list[int]:
    """Print the runs as a table, and their comparison if there is one; the exit codes."""
    codes = all_shown(made.reports, job, call) if made.reports else []
    a, b = made.runs
    if not made.is_whole or (not b and scenario.name not in job.baselines):
        return codes
    try:
        noise = noise_of(job.options.archive.results, a[-1].conditions)
        if b:
            comparison = compare_groups(_group(a), _group(b), noise=noise, apart=OF_THE_TARGET)
        else:
            comparison = compare_with_baseline(job.baselines[scenario.name], a, noise)
        return [*codes, shown(comparison, call, job.options.archive.results, job.output)]
    except UsageError as error:  # its exit code means that nothing was sent
        raise LoadError(CliMessage.RUNS_NOT_COMPARED(why=error.message)) from error


def _group(runs: Sequence[PastRun]) -> RunGroup:
    return RunGroup(runs[-1].conditions.host, tuple(runs))


# ── noise ───────────────────────────────────────────────────────────────────────────────────────────


def noise(call: Invocation[NoiseOptions]) -> int:
    """Measure how much runs of the same load differ, and keep it; 0 if any figure has noise."""
    output = call.options.output
    plan = replace(call.options.plan, command=call.parsed.line)
    results = plan.archive.results
    check_noise(results)
    inputs = inputs_of(plan)
    if len(inputs.scenarios) > 1:
        raise UsageError(CliMessage.NOISE_OF_SEVERAL())
    screen = screen_for(call.terminal, output)
    with ExitStack() as stack:
        inputs, demo = started(stack, plan, inputs, screen)
        context = context_of(call, plan, inputs, screen, monitors=MonitorOptions(), demo=demo)
        made = alternate(call, [Job(plan, output, {}, inputs, context)], inputs.scenarios[0], call.options.runs)
    if made.reports and not output.quiet:
        call.terminal.show(render_many, made.reports, color=output.color)
    if not made.is_whole:
        return severest(made.codes)
    measured = measure_noise(made.runs[0])
    for run in made.runs[0]:
        if not run.outcome.is_conclusive:
            call.terminal.out(f"Note: {run.run_id} is {run.outcome.value}: its noise may not be the target's.")
    call.terminal.show(render_noise, measured, color=output.color)
    call.terminal.out(f"Kept in {save_noise(results, measured)}")
    return EXIT_PASS if measured.metrics else EXIT_INCONCLUSIVE
