"""Errors of the command line, and what commands say beside their results."""

from __future__ import annotations

from perfsuite.messages import Code

_HELP = "\nSee {program} --help"


class CliMessage(Code):
    """Errors of the command line."""

    SYNTAX = "{text}" + _HELP
    UNKNOWN_OPTION = "unknown option {option}{hint}" + _HELP
    UNKNOWN_COMMAND = "unknown command {command!r}{hint}" + _HELP
    OPTION_OF_OTHERS = "{option} is no option of {command}, but of {owners}\nSee {program} {command} --help"
    ARGUMENT_MISSING = "{command}: {argument} is missing, as in: {program} {example}"
    ARGUMENT_UNEXPECTED = "{command}: unexpected argument {argument!r}; write it as in: {program} {example}"
    WRONG_VALUE = "{place}: {why}"
    SEVERAL_VALUES = "{place}: must be a single value, not a list"
