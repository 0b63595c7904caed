"""The command line: parse, call, return the exit code."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.commands import COMMANDS, command_parser, load_parser
from perfsuite.commands.command import Call, Terminal, standard_terminal
from perfsuite.errors import EXIT_INTERRUPTED, SuiteError, unwritable
from perfsuite.interrupts import Interrupts


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; the exit code. The only place that catches the suite's errors."""
    terminal = standard_terminal()
    with Interrupts() as interrupts:
        try:
            return _command(list(argv), terminal, interrupts)
        except SuiteError as error:
            terminal.err(str(error))
            return error.exit_code
        except OSError as error:  # a disk or a right that no stage expected
            told = unwritable(error)
            terminal.err(str(told))
            return told.exit_code
        except KeyboardInterrupt:
            terminal.err("Interrupted.")
            return EXIT_INTERRUPTED
        finally:
            terminal.settle()


def _command(words: list[str], terminal: Terminal, interrupts: Interrupts) -> int:
    if words and words[0] in COMMANDS:
        arguments = command_parser(words[0]).parse_args(words[1:])
        return COMMANDS[words[0]].do(Call(arguments, tuple(words), terminal, interrupts))
    from perfsuite.commands import run  # as with the other commands: only where it is asked for

    return run.do(Call(load_parser().parse_args(words), tuple(words), terminal, interrupts))
