"""What the suite can be told to do: one module a command. The table below is what --help lists."""

from __future__ import annotations

import argparse

from perfsuite.arguments import PROGRAM, Parser, run_parser
from perfsuite.commands import (
    backend,
    baseline,
    cleanup,
    compare,
    fingerprint,
    history,
    judge,
    noise,
    preflight,
    report,
)
from perfsuite.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (preflight, report, judge, compare, noise, history, baseline, fingerprint, cleanup, backend)
}

_EXIT_CODES = """exit codes: 0 pass · 1 fail · 2 wrong command or file · 3 target not ready · 4 inconclusive
            5 regression against the baseline · 6 host not allowed · 130 interrupted
"""


def load_parser() -> argparse.ArgumentParser:
    """The parser of a run, the command without a name; its help lists the others."""
    rows = "".join(f"  {command.usage:<20} {command.summary}\n" for command in COMMANDS.values())
    return run_parser(f"commands:\n{rows}\n{_EXIT_CODES}", tuple(COMMANDS))


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of a command with a name."""
    parser = Parser(prog=f"{PROGRAM} {name}", allow_abbrev=False, description=COMMANDS[name].description)
    parser.commands = tuple(COMMANDS)
    COMMANDS[name].configure(parser)
    return parser
