"""Runs held against other runs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.commands.step import append_to_step
from perfsuite.cli.parser import add_history, add_output
from perfsuite.errors import UsageError
from perfsuite.history import Selection, select
from perfsuite.model.history import Comparison, PastRun, RunGroup
from perfsuite.report.comparison import comparison_md, render_comparison, render_short_comparison
from perfsuite.run.archive import RunArchive
from perfsuite.run.comparison import MARKDOWN_FILE, compare_groups, exit_code_of, noise_of, write_comparison


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    named = "runs, with commas between several: a folder, an id, a release, a baseline or its file, last:N"
    parser.add_argument("a", metavar="A", help=f"the side before: {named}")
    parser.add_argument("b", metavar="B", help="the side after, likewise")
    parser.add_argument("--force", action="store_true", help="compare runs of other conditions, and mark them")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    add_history(parser)
    add_output(parser, "only what became worse")


def do(call: Call) -> int:
    """Do it; the exit code."""
    arguments = call.arguments
    archive = RunArchive(arguments.results, arguments.history)
    with archive.open_history() as history:
        selection = archive.selection(history)
        a = _group(arguments.a, selection)
        b = _group(arguments.b, replace(selection, without=a.run_ids))
    noise = noise_of(arguments.results, a.runs[-1].conditions)
    return tell(compare_groups(a, b, noise=noise, force=arguments.force), call)


def _group(names: str, selection: Selection) -> RunGroup:
    found: dict[str, PastRun] = {}
    words = [word for word in (part.strip() for part in names.split(",")) if word]
    if not words:
        raise UsageError(f"compare: a side is empty ({names!r}); name a run, a release or a baseline, as in last:5")
    for name in words:
        found |= {run.run_id: run for run in select(name, selection).runs}
    name = words[0] if len(words) == 1 else "several"
    return RunGroup(name, tuple(found.values()))


def tell(comparison: Comparison, call: Call) -> int:
    """Keep a comparison and show it; its exit code."""
    folder = write_comparison(comparison, call.arguments.results)
    render = render_short_comparison if call.arguments.quiet else render_comparison
    call.terminal.show(render, comparison, color=not call.arguments.no_color)
    if not call.arguments.quiet:
        call.terminal.out(f"Kept in {folder}")
    append_to_step(call, lambda: comparison_md(comparison), folder / MARKDOWN_FILE)
    return exit_code_of(comparison)


COMMAND = Command(
    name="compare",
    usage="compare A B",
    summary="runs held against other runs: slower, faster, the same, or cannot tell",
    description="Compare the runs of B with those of A; exit code 5 if something became worse.",
    configure=configure,
    do=do,
)
