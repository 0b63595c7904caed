"""The files of a run made anew."""

from __future__ import annotations

import argparse

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_output, add_run_folder
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS
from perfsuite.report.write import write_all
from perfsuite.run.load_run import load_run


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    add_run_folder(parser)
    add_output(parser, "print nothing: the files are made")


def do(call: Call) -> int:
    """Do it; the exit code."""
    folder, errors = call.arguments.run, call.errors
    for path in write_all(load_run(folder, errors=errors).report, folder, errors.record_unreported):
        if not call.arguments.quiet:
            call.terminal.out(str(path))
    return EXIT_INCONCLUSIVE if errors.groups else EXIT_PASS


COMMAND = Command(
    name="report",
    usage="report RUN",
    summary="make the report anew from the files of a run",
    description="Make all files of a run anew from its measurements.",
    configure=configure,
    do=do,
)
