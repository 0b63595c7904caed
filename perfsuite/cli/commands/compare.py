"""Runs compared with other runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from perfsuite.cli.options import CompareOptions, OutputOptions
from perfsuite.cli.terminal import Invocation, append_to_step
from perfsuite.errors import UsageError
from perfsuite.history import Selection, select
from perfsuite.messages.cli import CliMessage
from perfsuite.model.history import Comparison, PastRun, RunGroup
from perfsuite.report.comparison import comparison_md, render_comparison, render_short_comparison
from perfsuite.run.archive import RunArchive
from perfsuite.run.comparison import MARKDOWN_FILE, compare_groups, exit_code_of, noise_of, write_comparison


def compare(call: Invocation[CompareOptions]) -> int:
    """The exit code of the comparison of B with A."""
    options = call.options
    archive = RunArchive(options.archive.results, options.archive.history)
    with archive.open_history() as history:
        selection = archive.selection(history)
        a = _group(options.a, selection)
        b = _group(options.b, replace(selection, without=a.run_ids))
    noise = noise_of(archive.results, a.runs[-1].conditions)
    comparison = compare_groups(a, b, noise=noise, force=options.force)
    return shown(comparison, call, archive.results, options.output)


def _group(names: str, selection: Selection) -> RunGroup:
    found: dict[str, PastRun] = {}
    parts = [each for each in (part.strip() for part in names.split(",")) if each]
    if not parts:
        raise UsageError(CliMessage.EMPTY_GROUP(names=names))
    for name in parts:
        found |= {run.run_id: run for run in select(name, selection).runs}
    name = parts[0] if len(parts) == 1 else "several"
    return RunGroup(name, tuple(found.values()))


def shown(comparison: Comparison, call: Invocation[Any], results: Path, output: OutputOptions) -> int:
    """Write and print a comparison; its exit code."""
    folder = write_comparison(comparison, results)
    render = render_short_comparison if output.quiet else render_comparison
    call.terminal.show(render, comparison, color=output.color)
    if not output.quiet:
        call.terminal.out(f"Kept in {folder}")
    append_to_step(call, lambda: comparison_md(comparison), folder / MARKDOWN_FILE)
    return exit_code_of(comparison)
