"""The default command: make load, and judge what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from perfsuite.cli.options import SECOND_DEMO, MonitorOptions, RunOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.demo.backend import check_faults
from perfsuite.errors import EXIT_PASS, UsageError
from perfsuite.messages.cli import CliMessage
from perfsuite.plan import dry_run
from perfsuite.plan.build import Inputs, SuiteFacts, build, read_inputs, suite_facts
from perfsuite.plan.options import PlanOptions
from perfsuite.roles import ROLES


def run(call: Invocation[RunOptions]) -> int:
    """Run the scenarios that were asked for, or print their plans."""
    options, plan = call.options, plan_options(call)
    check_faults(plan.faults)
    facts = suite_facts()
    inputs = read_inputs(plan, facts)
    check(options)
    compared = plan.baseline or options.runs or options.has_other_target
    if options.dry_run and not compared and options.monitors == MonitorOptions():
        return _planned(call, plan, inputs, facts)
    from perfsuite.cli.commands import load  # it imports the stages of a run, which a plan alone does not need

    baselines = load.check_stages(options, plan, inputs, facts)
    if options.dry_run:
        return _planned(call, plan, inputs, facts)
    return load.make_runs(call, plan, inputs, facts, baselines)


def plan_options(call: Invocation[RunOptions]) -> PlanOptions:
    """What the plan is made of, with what follows from other options."""
    plan = call.options.plan
    database = plan.demo == "full" or bool(call.options.monitors.postgres)
    return replace(plan, command=call.parsed.line, fingerprint=call.options.fingerprint and database)


def _planned(call: Invocation[RunOptions], plan: PlanOptions, inputs: Inputs, facts: SuiteFacts) -> int:
    """Print the plans, and where the options came from."""
    for scenario in inputs.scenarios:
        call.terminal.out(dry_run.render(build(plan, inputs, scenario, facts, datetime.now(UTC)), ROLES))
    call.terminal.out("\n".join(call.parsed.explained()))
    return EXIT_PASS


def check(options: RunOptions) -> None:
    """Raises UsageError for options that contradict each other. Nothing was sent yet."""
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
