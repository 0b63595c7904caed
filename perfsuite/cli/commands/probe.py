"""Commands that call the target without load: `preflight` and `fingerprint`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.job import code_of_rows, context_of, inputs_of, started
from perfsuite.cli.options import FingerprintOptions, PreflightOptions
from perfsuite.cli.screen import screen_for
from perfsuite.cli.terminal import Invocation
from perfsuite.errors import EXIT_FAIL, EXIT_PASS, EXIT_TARGET, UsageError
from perfsuite.fingerprint.compare import compare, not_compared
from perfsuite.fingerprint.output import FILE_NAME as FINGERPRINT_FILE
from perfsuite.fingerprint.output import read_fingerprint, render_differences, render_fingerprint
from perfsuite.messages.cli import CliMessage
from perfsuite.model import Works
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.monitor import Watch, check_watch
from perfsuite.plan.build import make_plan
from perfsuite.plan.options import DEFAULT_HOST
from perfsuite.report.terminal.console import render_preflight
from perfsuite.run import pipeline
from perfsuite.target.connection import ConnectionSettings


def preflight(call: Invocation[PreflightOptions]) -> int:
    """Call every operation once per role; 3 if one fails, 4 if a row remains."""
    options, output = replace(call.options.plan, command=call.parsed.line), call.options.output
    inputs = inputs_of(options)
    screen = screen_for(call.terminal, output)
    with ExitStack() as stack:
        inputs, _demo = started(stack, options, inputs, screen)
        plan = make_plan(options, inputs, inputs.scenarios[0])
        context = context_of(call, options, inputs, screen)
        report, cleanup = pipeline.only_preflight(context, plan, inputs.accounts)
    call.terminal.show(render_preflight, report, color=output.color)
    code = code_of_rows(cleanup, options, call)
    broken = any(check.works is Works.BROKEN for check in report.checks)
    return EXIT_TARGET if broken and not options.tolerate_broken else code


def fingerprint(call: Invocation[FingerprintOptions]) -> int:
    """Print what each operation costs the database; 1 if one costs more than in --against."""
    before = read_fingerprint(call.options.before) if call.options.before else None
    width = max(call.terminal.width, 100)
    if call.options.run:
        taken, where, code = read_fingerprint(call.options.run), "", EXIT_PASS
    else:
        taken, folder, code = _take(call)
        where = f"\nKept in {folder / FINGERPRINT_FILE}"
    call.terminal.out(render_fingerprint(taken, width) + where)
    if before is None:
        return code
    differences = compare(before, taken)
    call.terminal.out(f"\nAgainst {before.run_id}, taken at {before.taken_at}")
    call.terminal.out(render_differences(differences, not_compared(before, taken)))
    return EXIT_FAIL if any(difference.worse for difference in differences) else code


def _take(call: Invocation[FingerprintOptions]) -> tuple[Fingerprint, Path, int]:
    """Take a fingerprint: it, its folder, and 4 if a row remains."""
    options = replace(
        call.options.plan, command=call.parsed.line, tolerate_broken=True, check_correctness=CheckLevel.OFF.value
    )
    given = call.options.monitors.postgres
    if not given and options.demo != "full":
        raise UsageError(CliMessage.FINGERPRINT_WITHOUT_DATABASE())
    inputs = inputs_of(options)
    check_watch(Watch("", ConnectionSettings(inputs.host or DEFAULT_HOST), postgres_dsn=given))
    screen = screen_for(call.terminal, call.options.output)
    with ExitStack() as stack:
        inputs, demo = started(stack, options, inputs, screen)
        plan = make_plan(options, inputs, inputs.scenarios[0])
        context = context_of(call, options, inputs, screen)
        dsn = given or (demo.postgres_dsn if demo else "") or ""
        taken, folder, cleanup = pipeline.only_fingerprint(context, plan, inputs.accounts, dsn)
        return taken, folder, code_of_rows(cleanup, options, call)
