"""One run of a call: what all its runs share, and how one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from perfsuite.cli.command import Call
from perfsuite.cli.commands.step import append_to_step
from perfsuite.cli.screen import PageScreen
from perfsuite.errors import EXIT_INCONCLUSIVE, SuiteError, UnexpectedError, is_of_a_file
from perfsuite.model import RunReport, Scenario
from perfsuite.model.history import RunGroup
from perfsuite.plan.build import Ground, Inputs, Options, build
from perfsuite.report.files.markdown import runs_md
from perfsuite.report.terminal.console import render_many
from perfsuite.report.write import INDEX_FILE
from perfsuite.run import pipeline
from perfsuite.run.context import CommandContext
from perfsuite.run.load_run import LoadedRun


@dataclass(frozen=True, slots=True)
class Work:
    """What all runs of a call share. `against`: what each scenario is held against, where that was asked for."""

    options: Options
    against: Mapping[str, RunGroup]
    inputs: Inputs
    ground: Ground
    context: CommandContext
    page: PageScreen | None


def run_one(work: Work, scenario: Scenario) -> LoadedRun:
    """Raises TargetError or LoadError where nothing could be measured."""
    try:
        plan = build(work.options, work.inputs, scenario, work.ground, datetime.now(UTC))
        finished = pipeline.run(work.context, plan, work.inputs.accounts, work.against.get(scenario.name))
    except SuiteError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            raise
        raise UnexpectedError(work.context.errors.record(error, "the run")) from error
    if work.page:
        work.context.errors.optional("the live page", partial(work.page.run_over, finished.report, finished.folder))
    return finished


def run_failed(work: Work, error: SuiteError) -> None:
    """Show on the live page why there is no verdict."""
    if work.page:
        work.context.errors.optional("the live page", partial(work.page.run_failed, str(error)))


def all_shown(reports: Sequence[RunReport], work: Work, call: Call) -> list[int]:
    """Show the runs of a call in a table, also on the page of a CI job; what that makes of the exit code."""
    append_to_step(call, lambda: runs_md(reports), work.options.results / INDEX_FILE)
    try:
        call.terminal.show(render_many, reports, color=work.options.color)
    except Exception as error:  # noqa: BLE001  the runs are made, and their reports are written
        call.terminal.err(call.errors.record(error, "the table of the runs"))
        return [EXIT_INCONCLUSIVE]
    return []
