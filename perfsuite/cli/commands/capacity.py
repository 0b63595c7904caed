"""`capacity`: search for the most load that meets all targets."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.cli.commands.run import plan_options
from perfsuite.cli.options import CapacityOptions, RunOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.demo.backend import check_faults
from perfsuite.errors import EXIT_PASS, UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.build import Inputs, make_plan, read_inputs
from perfsuite.plan.options import PlanOptions
from perfsuite.plan.search_options import BY


def capacity(call: Invocation[CapacityOptions]) -> int:
    """0 where the limit was found or --at-least is met, 1 where it is missed, 4 where the search cannot tell."""
    run = Invocation(call.options.run, call.parsed, call.terminal, call.interrupts, call.errors)
    plan, inputs = _read(run, call.options)
    if call.options.run.dry_run:
        return _planned(call, plan, inputs)
    from perfsuite.cli.commands import load  # imports the stages of a run: not needed for a plan

    return load.make_runs(run, plan, inputs, load.check_stages(run.options, plan, inputs))


def _read(run: Invocation[RunOptions], options: CapacityOptions) -> tuple[PlanOptions, Inputs]:
    """The options and files. Raises UsageError for a scenario whose load is not one that a search can change."""
    search = options.search
    plan = replace(
        plan_options(run), search=search, users=search.most_users, duration_s=search.most_s, fingerprint=False
    )
    if len(plan.scenarios) > 1:
        raise UsageError(PlanMessage.SEARCH_OF_SEVERAL())
    check_faults(plan.faults)
    try:
        inputs = read_inputs(plan)
    except UsageError as error:
        if error.code is PlanMessage.SCENARIO_HAS_STAGES:
            raise UsageError(PlanMessage.SEARCH_OF_STAGES(scenario=error.fields["scenario"])) from None
        raise
    if inputs.scenarios[0].refill or inputs.scenarios[0].iterations:
        raise UsageError(PlanMessage.SEARCH_OF_STAGES(scenario=inputs.scenarios[0].name))
    if search.by != BY[0] and inputs.scenarios[0].think_time_factor != 1:
        raise UsageError(PlanMessage.NO_THINK_TIMES().at("--by arrival-rate:"))
    make_plan(plan, inputs, inputs.scenarios[0])
    return plan, inputs


def _planned(call: Invocation[CapacityOptions], options: PlanOptions, inputs: Inputs) -> int:
    from perfsuite.run.search_plan import render_search

    plan = make_plan(options, inputs, inputs.scenarios[0])
    call.terminal.out(render_search(plan))
    call.terminal.out("\n".join(call.parsed.explained()))
    return EXIT_PASS
