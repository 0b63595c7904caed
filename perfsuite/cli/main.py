"""The command line: parse, call, return the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from perfsuite.cli.command import Call, Terminal, standard_terminal
from perfsuite.cli.commands import COMMANDS, command_parser, load_parser
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, SuiteError, is_of_a_file, unwritable
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts


def dispatch(words: list[str], terminal: Terminal, interrupts: Interrupts, errors: ErrorCollector) -> int:
    """Do the command that the words name; its exit code."""
    if words and words[0] in COMMANDS:
        arguments = command_parser(words[0]).parse_args(words[1:])
        do = COMMANDS[words[0]].do
    else:
        from perfsuite.cli.commands import run

        arguments, do = load_parser().parse_args(words), run.do
    errors.reset(folder_of(arguments))
    return do(Call(arguments, tuple(words), terminal, interrupts, errors))


def main(argv: Sequence[str], do: Callable[[list[str], Terminal, Interrupts, ErrorCollector], int] = dispatch) -> int:
    """Do what the command line says; the exit code. The only place that catches the suite's errors."""
    terminal = standard_terminal()
    errors = ErrorCollector()
    with Interrupts() as interrupts, errors.listening():
        try:
            return do(list(argv), terminal, interrupts, errors)
        except SuiteError as error:
            terminal.err(str(error))
            return error.exit_code
        except KeyboardInterrupt as error:
            terminal.err(str(error) or "Interrupted.")
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001  whatever it is, it must not look like a target that failed
            if isinstance(error, OSError) and is_of_a_file(error):  # a disk or a right that no stage expected
                terminal.err(str(unwritable(error)))
            else:
                terminal.err(errors.record(error, "the command"))
            return EXIT_INCONCLUSIVE
        finally:
            for line in errors.take_unreported():
                terminal.err(line)
            terminal.settle()


def folder_of(arguments: argparse.Namespace) -> Path:
    """Where a command leaves the traceback of an error: in the run that it is about, else beside the runs."""
    run = getattr(arguments, "run", None)
    return run if isinstance(run, Path) and run.is_dir() else getattr(arguments, "results", Path("results"))
