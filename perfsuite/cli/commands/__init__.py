"""What the suite can be told to do: one module a command. The list below is that of --help.

A command's module is imported when it is asked for: all of them together take half a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from importlib import import_module

from perfsuite.cli.command import Command
from perfsuite.cli.parser import PROGRAM, Parser, run_parser

_NAMES = (
    "preflight",
    "report",
    "judge",
    "compare",
    "noise",
    "history",
    "baseline",
    "fingerprint",
    "cleanup",
    "backend",
)
_EXIT_CODES = """exit codes: 0 pass · 1 fail · 2 wrong command or file · 3 target not ready · 4 inconclusive
            5 regression against the baseline · 6 host not allowed · 130 interrupted
"""


class _Commands(Mapping[str, Command]):
    """Name → command, in the order of --help."""

    def __getitem__(self, name: str) -> Command:
        if name not in _NAMES:
            raise KeyError(name)
        command: Command = import_module(f"{__name__}.{name}").COMMAND
        return command

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


COMMANDS = _Commands()


def load_parser() -> argparse.ArgumentParser:
    """The parser of a run, the command without a name; its help lists the others."""
    rows = "".join(f"  {command.usage:<20} {command.summary}\n" for command in COMMANDS.values())
    return run_parser(f"commands:\n{rows}\n{_EXIT_CODES}", _NAMES)


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of a command with a name."""
    command = COMMANDS[name]
    parser = Parser(prog=f"{PROGRAM} {name}", allow_abbrev=False, description=command.description)
    parser.commands = _NAMES
    command.configure(parser)
    return parser
