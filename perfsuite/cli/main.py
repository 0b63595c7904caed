"""Parse the command line, run the command, return the exit code. `--help` returns before heavy imports."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfsuite.cli.parser import parse
from perfsuite.cli.terminal import Invocation, Terminal, standard_terminal
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, SuiteError, is_of_a_file, unwritable

if TYPE_CHECKING:
    from perfsuite.run.error_collector import ErrorCollector
    from perfsuite.run.interrupts import Interrupts


def main(argv: Sequence[str]) -> int:
    """Run the command that the command line names; its exit code."""
    terminal = standard_terminal()
    try:
        parsed = parse(argv, os.environ)
    except SuiteError as error:
        terminal.err(str(error))
        terminal.settle()
        return error.exit_code
    for note in parsed.notes:
        terminal.err(note)
    if parsed.text:
        terminal.out(parsed.text.rstrip("\n"))
        terminal.settle()
        return EXIT_PASS

    def do(interrupts: Interrupts, errors: ErrorCollector) -> int:
        errors.reset(folder_of(parsed.options))
        return parsed.command.load()(Invocation(parsed.options, parsed, terminal, interrupts, errors))

    return exit_code(do, terminal, parsed.named)


def exit_code(
    do: Callable[[Interrupts, ErrorCollector], int], terminal: Terminal, named: Callable[[str], str] = str
) -> int:
    """What `do` returns, or the exit code of its error. The only place that catches the suite's errors.

    `named` adds to a message where its option was set.
    """
    from perfsuite.run.error_collector import ErrorCollector
    from perfsuite.run.interrupts import Interrupts

    errors = ErrorCollector()
    with Interrupts() as interrupts, errors.listening():
        try:
            return do(interrupts, errors)
        except SuiteError as error:
            terminal.err(named(str(error)))
            return error.exit_code
        except KeyboardInterrupt as error:
            terminal.err(str(error) or "Interrupted.")
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001  no error of the suite may look like a failure of the target
            if isinstance(error, OSError) and is_of_a_file(error):  # a full disk or missing permission
                terminal.err(str(unwritable(error)))
            else:
                terminal.err(errors.record(error, "the command"))
            return EXIT_INCONCLUSIVE
        finally:
            for line in errors.take_unreported():
                terminal.err(line)
            terminal.settle()


def folder_of(options: Any) -> Path:
    """Folder for tracebacks: the run that the command is about, or the results folder."""
    run = getattr(options, "run", None)
    if isinstance(run, Path) and run.is_dir():
        return run
    archive = getattr(options, "archive", None) or getattr(getattr(options, "plan", None), "archive", None)
    return archive.results if archive else Path("results")
