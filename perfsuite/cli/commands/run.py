"""`run`, the default command: check what was asked for, then print the plan or make the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfsuite.cli.options import SECOND_DEMO, MonitorOptions, RunOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.demo.backend import check_faults
from perfsuite.errors import EXIT_PASS, LoadError, UsageError
from perfsuite.messages import Message
from perfsuite.messages.calibration import ProcessNote
from perfsuite.messages.cli import CliMessage
from perfsuite.model import Plan
from perfsuite.plan import dry_run
from perfsuite.plan.build import Inputs, make_plan, read_inputs
from perfsuite.plan.options import PlanOptions
from perfsuite.plan.processes import process_lines
from perfsuite.roles import ROLES
from perfsuite.roles.work import sending_roles
from perfsuite.run.calibration import calibrated


def run(call: Invocation[RunOptions]) -> int:
    """The most severe exit code of the runs."""
    options, plan = call.options, plan_options(call)
    check_faults(plan.faults)
    inputs = read_inputs(plan)
    check(options)
    compared = plan.baseline or options.runs or options.has_other_target
    if options.dry_run and not compared and options.monitors == MonitorOptions():
        return _planned(call, plan, inputs)
    from perfsuite.cli.commands import load  # imports the stages of a run: not needed for a plan

    baselines = load.check_stages(options, plan, inputs)
    if options.dry_run:
        return _planned(call, plan, inputs)
    return load.make_runs(call, plan, inputs, baselines)


def plan_options(call: Invocation[RunOptions]) -> PlanOptions:
    """The options of the plan, completed from the other options."""
    plan = call.options.plan
    database = plan.demo == "full" or bool(call.options.monitors.postgres)
    return replace(plan, command=call.parsed.line, fingerprint=call.options.fingerprint and database)


def _planned(call: Invocation[RunOptions], plan: PlanOptions, inputs: Inputs) -> int:
    """Print the plan of each scenario and the source of each option."""
    for scenario in inputs.scenarios:
        made = make_plan(plan, inputs, scenario)
        call.terminal.out(dry_run.render(made, sending_roles(scenario, ROLES), _generator(call, made)))
    call.terminal.out("\n".join(call.parsed.explained()))
    return EXIT_PASS


def _generator(call: Invocation[RunOptions], plan: Plan) -> Sequence[Message]:
    """How many load processes the plan needs on this machine, by a measurement that is made where none is kept."""
    try:
        return process_lines(plan, sending_roles(plan.scenario, ROLES), calibrated(plan, call.terminal.err))
    except (LoadError, OSError) as error:
        return [ProcessNote.NOT_KNOWN(why=error)]


def check(options: RunOptions) -> None:
    """Raises UsageError for options that contradict each other."""
    if not options.has_other_target:
        return
    if options.plan.baseline:
        raise UsageError(CliMessage.TWO_COMPARISONS())
    if options.other_faults and options.other not in (None, SECOND_DEMO):
        raise UsageError(CliMessage.FAULT_OF_NO_DEMO())
    watched = [name for name in ("server", "postgres", "redis", "prometheus") if getattr(options.monitors, name)]
    if watched:
        raise UsageError(CliMessage.MONITOR_OF_ONE(option=f"--monitor-{watched[0]}"))
    if options.other in (None, SECOND_DEMO) and not options.plan.demo:
        raise UsageError(CliMessage.SECOND_DEMO_ALONE())
    check_faults(options.other_faults)
