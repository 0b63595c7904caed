"""Finished runs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_history, whole
from perfsuite.errors import EXIT_FAIL, EXIT_PASS, UsageError
from perfsuite.history import Wanted
from perfsuite.report.runs_page.table import render_runs
from perfsuite.report.text import plural
from perfsuite.run.archive import RebuildResult, RunArchive, rebuild
from perfsuite.run.runs_page import NEWEST, write_overview

SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("rebuild", "index"),
        help="rebuild: make the database anew from the folders of the runs; index: make the page of all runs anew",
    )
    parser.add_argument("--scenario", metavar="NAME", help="only runs of this scenario")
    parser.add_argument("--release", metavar="TAG", help="only runs of this release")
    parser.add_argument("--last", type=whole, metavar="N", help=f"so many of the newest; default {SHOWN}")
    parser.add_argument("--all", action="store_true", help=f"with index: all runs, not the newest {NEWEST:,} only")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    add_history(parser)
    parser.add_argument("--no-color", action="store_true", help="no colours (NO_COLOR is obeyed too)")


def do(call: Call) -> int:
    """Do it; the exit code."""
    arguments = call.arguments
    archive = RunArchive(arguments.results, arguments.history)
    _check(arguments)
    if arguments.what == "rebuild":
        done = rebuild(archive, call.terminal.out)
        write_overview(archive)
        return _rebuilt(done, call)
    if arguments.what == "index":
        path = write_overview(archive, latest=None if arguments.all else NEWEST)
        call.terminal.out(f"Page of all runs: {path}")
        return EXIT_PASS
    last = arguments.last or SHOWN
    with archive.open_history() as history:
        wanted = Wanted(scenario=arguments.scenario, release=arguments.release, totals_only=True)
        kind = _kind(wanted)
        runs = history.runs(replace(wanted, latest=last))
        if not runs:
            call.terminal.out(f"No run{kind} is in {history.where}.")
            return EXIT_PASS
        call.terminal.show(render_runs, runs, color=not arguments.no_color)
        more = history.count(wanted) - len(runs)
        if more:
            call.terminal.out(f"{more:,} more{kind} in {history.where}")
    return EXIT_PASS


def _check(arguments: argparse.Namespace) -> None:
    if arguments.all and arguments.what != "index":
        raise UsageError("--all goes with: history index")
    of_list = {"--scenario": arguments.scenario, "--release": arguments.release, "--last": arguments.last}
    given = [name for name, value in of_list.items() if value is not None]
    if arguments.what and given:
        raise UsageError(f"{given[0]} goes with the list of runs: leave it out, or leave out {arguments.what}")
    if arguments.last is not None and arguments.last < 1:
        raise UsageError(f"--last: must be above 0, not {arguments.last}")


def _kind(wanted: Wanted) -> str:
    """ " of scenario peak", " of scenario peak of release 2.3.0"; "" where all are asked for."""
    asked = (("scenario", wanted.scenario), ("release", wanted.release))
    return "".join(f" of {what} {name}" for what, name in asked if name is not None)


def _rebuilt(done: RebuildResult, call: Call) -> int:
    """What was done, and what was passed over; the latter is a failure, for those who do not read."""
    for line in (*done.notes, *(f"passed over: {told}" for told in done.skipped)):
        call.terminal.out(line)
    told = f"{plural(done.runs, 'run')} and {plural(done.baselines, 'baseline')}"
    call.terminal.out(f"Taken into the history: {told}.")
    return EXIT_FAIL if done.skipped else EXIT_PASS


COMMAND = Command(
    name="history",
    usage="history [rebuild|index]",
    summary="finished runs; rebuild, index: make their database or their page anew",
    description="Show finished runs, the newest last, or make their database (from their folders) or their page anew.",
    configure=configure,
    do=do,
)
