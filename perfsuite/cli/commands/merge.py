"""`merge`: one run from the runs of several masters."""

from __future__ import annotations

from functools import partial

from perfsuite.cli.options import MergeOptions
from perfsuite.cli.screen import screen_for
from perfsuite.cli.terminal import Invocation, step_summary
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from perfsuite.messages.merge import MergeMessage
from perfsuite.report.terminal.console import render_verdict
from perfsuite.report.terminal.summary import render_summary
from perfsuite.run.context import CommandContext
from perfsuite.run.merge import merge_runs


def merge(call: Invocation[MergeOptions]) -> int:
    """The exit code of the merged run's verdict."""
    options, command = call.options, call.parsed.command
    if len(options.runs) < 2:
        program = call.parsed.line[0]
        raise UsageError(MergeMessage.TOO_FEW(program=program, example=command.examples[0]))
    context = CommandContext(
        options.archive.results,
        screen_for(call.terminal, options.output),
        call.interrupts,
        history=options.archive.history,
        errors=call.errors,
        step_summary=step_summary(),
    )
    merged = merge_runs(options.runs, context, call.parsed.line)
    code = merged.report.verdict.exit_code
    whole = partial(render_summary, folder=merged.folder, lines=call.terminal.lines)
    context.screen.say(MergeMessage.MERGED(runs=len(options.runs), folder=merged.folder))
    call.terminal.show(render_verdict if options.output.quiet else whole, merged.report, color=options.output.color)
    return EXIT_INCONCLUSIVE if code == EXIT_PASS and call.errors.groups else code
