"""`report` and `judge`: a finished run, from its files."""

from __future__ import annotations

from functools import partial

from perfsuite.cli.options import JudgeOptions, ReportOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS
from perfsuite.model import Plan, Target
from perfsuite.model.monitor import METRICS
from perfsuite.plan.files import STANDARD_SCENARIOS, KnownNames, read_scenarios, read_targets
from perfsuite.report.terminal.console import render_verdict
from perfsuite.report.terminal.summary import render_summary
from perfsuite.roles import ROLES
from perfsuite.run.load_run import PLAN_FILE, load, load_run
from perfsuite.target.catalogue import CATALOGUE


def report(call: Invocation[ReportOptions]) -> int:
    """Regenerate the result files of a run; 4 if the suite met an error."""
    from perfsuite.report.write import write_all

    folder, errors = call.options.run, call.errors
    for path in write_all(load_run(folder, errors=errors).report, folder, errors.record_unreported):
        if not call.options.output.quiet:
            call.terminal.out(str(path))
    return EXIT_INCONCLUSIVE if errors.groups else EXIT_PASS


def judge(call: Invocation[JudgeOptions]) -> int:
    """Judge a run by its own targets or others; the exit code of the verdict."""
    output = call.options.output
    judged = load_run(call.options.run, targets=_other_targets(call.options), errors=call.errors).report
    whole = partial(render_summary, lines=call.terminal.lines)
    call.terminal.show(render_verdict if output.quiet else whole, judged, color=output.color)
    return judged.verdict.exit_code


def _other_targets(options: JudgeOptions) -> tuple[Target, ...] | None:
    if options.targets_file is None:
        return None
    scenario, file = load(options.run / PLAN_FILE, Plan).scenario, read_scenarios(options.plan.scenarios_file)
    names = {scenario.name, *STANDARD_SCENARIOS, *file.scenarios}
    stages = sorted(stage.name for each in (scenario, *file.scenarios.values()) for stage in each.stages)
    known = KnownNames([role.slug for role in ROLES], sorted(CATALOGUE), sorted(names), sorted(METRICS), stages)
    return read_targets(options.targets_file, known)
