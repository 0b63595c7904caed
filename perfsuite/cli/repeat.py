"""The same run several times, by turns with the same on another target; and what comes of the two."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from perfsuite.cli.command import Call
from perfsuite.cli.commands.compare import tell
from perfsuite.cli.target import inputs_of, started, watch_of
from perfsuite.cli.work import Work, all_shown, run_failed, run_one
from perfsuite.demo.backend import check_faults
from perfsuite.errors import EXIT_INTERRUPTED, LoadError, TargetError, UsageError
from perfsuite.history.comparison.compare import FEWEST
from perfsuite.history.comparison.conditions import OF_THE_TARGET
from perfsuite.judge import severest
from perfsuite.model import RunReport, Scenario
from perfsuite.model.history import PastRun, RunGroup
from perfsuite.plan.build import Options
from perfsuite.report.terminal.short import render_verdict
from perfsuite.run import pipeline
from perfsuite.run.archive import past_run
from perfsuite.run.comparison import check_noise, compare_groups, compare_with_baseline, noise_of

DEMO = "demo"
_WATCHED = ("server", "postgres", "redis", "prometheus")
MOST_RUNS = 100
PAUSE_BETWEEN_S = 10.0
"""Between two scenarios."""
REST_S = 2.0
"""Between two runs: sockets of the one close before the other begins."""


@dataclass(slots=True)
class Made:
    """What was made of one scenario so far, side by side."""

    runs: tuple[list[PastRun], list[PastRun]] = field(default_factory=lambda: ([], []))
    reports: list[RunReport] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """False where a run was interrupted or could not be made."""
        return len(self.reports) == len(self.codes) and EXIT_INTERRUPTED not in self.codes


def _run(work: Work, scenario: Scenario) -> tuple[RunReport, PastRun]:
    finished = run_one(work, scenario)
    return finished.report, past_run(finished)


@dataclass(frozen=True, slots=True)
class Making:
    """How a run is made, and how one waits for the next."""

    run: Callable[[Work, Scenario], tuple[RunReport, PastRun]] = _run
    sleep: Callable[[float], None] = time.sleep


def is_asked(arguments: argparse.Namespace) -> bool:
    """Is a run to be made more than once, or on two targets?"""
    return bool(arguments.runs or arguments.against or arguments.against_fault)


def check(arguments: argparse.Namespace, options: Options) -> None:
    """Raises UsageError where what was asked for does not go together. Nothing was sent yet."""
    if arguments.runs is not None and not 1 <= arguments.runs <= MOST_RUNS:
        raise UsageError(f"--runs {arguments.runs}: give 1 to {MOST_RUNS}")
    check_noise(options.results)
    if not (arguments.against or arguments.against_fault):
        return
    if options.baseline:
        raise UsageError("--against and --baseline are two things to compare with: give one of them")
    if arguments.against_fault and arguments.against not in (None, DEMO):
        raise UsageError("--against-fault works on a second demo only: leave out --against, or say --against demo")
    watched = [name for name in _WATCHED if getattr(arguments, f"monitor_{name}")]
    if watched:
        raise UsageError(
            f"--monitor-{watched[0]} watches one target, and watching costs it something: leave it out with "
            "--against,\nor make the runs of each target by themselves and compare them"
        )
    if arguments.against in (None, DEMO) and not options.demo:
        raise UsageError("--against demo is a second demo: add --demo, or give the URL of another target")
    check_faults(arguments.against_fault or ())


def other(stack: ExitStack, call: Call, work: Work) -> Work | None:
    """The work on the other target, which is started where it is a demo; None where there is no other."""
    arguments = call.arguments
    if not (arguments.against or arguments.against_fault):
        return None
    if arguments.against in (None, DEMO):
        settings = argparse.Namespace(**{**vars(arguments), "fault": arguments.against_fault})
        inputs, demo = started(stack, settings, work.options, work.inputs, work.context.screen)
        context = replace(work.context, request_log=demo.request_log if demo else None, watch=watch_of(arguments, demo))
        return replace(work, inputs=inputs, context=context)
    # Nothing of it is known: what watches the first target, a demo perhaps, would tell of the wrong one.
    options = replace(work.options, host=arguments.against, demo=None, fingerprint=False)
    inputs = inputs_of(
        argparse.Namespace(**{**vars(arguments), "fault": None, "as_deployed": False}), options, work.ground
    )
    context = replace(work.context, request_log=None, watch=watch_of(arguments, None))
    return replace(work, options=options, inputs=inputs, context=context)


def do(call: Call, work: Work, other_work: Work | None, making: Making = Making()) -> int:
    """Run each scenario that often, and tell what came of it; the exit code of the most severe."""
    codes = []
    times = call.arguments.runs or FEWEST
    works = [work, *([other_work] if other_work else [])]
    for number, scenario in enumerate(work.inputs.scenarios):
        if number:
            pipeline.pause(PAUSE_BETWEEN_S, work.context.screen, making.sleep)
        made = by_turns(call, works, scenario, times, making)
        codes += [*made.codes, *_told(call, work, made, scenario)]
        if not made.is_whole:
            break
    return severest(codes)


def by_turns(call: Call, works: Sequence[Work], scenario: Scenario, times: int, making: Making = Making()) -> Made:
    """A B A B …, until something keeps a run from being made. What a run costs the database is asked once a side."""
    made = Made()
    for turn in range(times):
        for side, work in enumerate(works):
            if made.reports:
                pipeline.pause(REST_S, work.context.screen, making.sleep, what="run")
            letter = f" of {'AB'[side]}, {work.inputs.host}" if len(works) > 1 else ""
            work.context.screen.say(f"Run {turn + 1} of {times}{letter}")
            options = replace(work.options, fingerprint=work.options.fingerprint and not turn)
            context = replace(work.context, step_summary=None)
            _one(call, replace(work, options=options, context=context, against={}), scenario, (made, side), making)
            if not made.is_whole:
                return made
    return made


def _one(call: Call, work: Work, scenario: Scenario, to: tuple[Made, int], making: Making) -> None:
    made, side = to
    try:
        report, run = making.run(work, scenario)
    except (TargetError, LoadError) as error:
        call.terminal.err(str(error))
        run_failed(work, error)
        made.codes.append(error.exit_code)
        return
    made.codes.append(EXIT_INTERRUPTED if work.context.interrupts.count else report.verdict.exit_code)
    made.reports.append(report)
    made.runs[side].append(run)
    if work.options.quiet:
        call.terminal.show(render_verdict, report, color=work.options.color)


def _told(call: Call, work: Work, made: Made, scenario: Scenario) -> list[int]:
    """The runs in a table, and the comparison where there is one; its exit code."""
    codes = all_shown(made.reports, work, call) if made.reports else []
    a, b = made.runs
    if not made.is_whole or (not b and scenario.name not in work.against):
        return codes
    try:
        noise = noise_of(work.options.results, a[-1].conditions)
        if b:
            comparison = compare_groups(_group(a), _group(b), noise=noise, apart=OF_THE_TARGET)
        else:
            comparison = compare_with_baseline(work.against[scenario.name], a, noise)
        return [*codes, tell(comparison, call)]
    except UsageError as error:  # whose code would say that nothing was sent
        raise LoadError(f"The runs were made, and then: {error}") from error


def _group(runs: Sequence[PastRun]) -> RunGroup:
    return RunGroup(runs[-1].conditions.host, tuple(runs))
