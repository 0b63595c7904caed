"""The command line, the environment and the [run] table of scenarios.toml → the record of a command's options.

The command line wins over the environment, the environment over the file, the file over the defaults.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perfsuite import __version__
from perfsuite.cli.commands import (
    COMMANDS,
    PREFIX,
    PROGRAM,
    RUN,
    SHARED,
    Command,
    add_option,
    help_parser,
    variable_of,
)
from perfsuite.errors import UsageError, nearest
from perfsuite.messages import Message
from perfsuite.messages.cli import CliMessage
from perfsuite.plan.option_fields import Option, data_file, filled, options_in, text_of

R = TypeVar("R")

COMMAND_LINE = "command line"
_IN_NO_FILE = ("--scenarios", "--i-accept-production-load", "--dry-run")
"""Not in a [run] table: it is in that file; accepting production load is a decision for one call."""
_OTHER_VARIABLES = (
    "TEST_PASSWORD",
    "STARTER",
    "CLOCK_ANCHOR",
    "CLOCK_ERROR",
    "WORKER_TOKEN",
    "CLIENT_KEY_PASSWORD",
    "CACHE_DIR",
)
_MONITORS = ("--monitor-server", "--monitor-postgres", "--monitor-redis", "--monitor-prometheus")
_CONTRADICT = (
    (
        "--demo",
        ("--host", "--credentials", "--ca-file", "--proxy", "--header", "--mapping", "--client-cert", "--client-key"),
    ),
    ("--multiple", ("--scenario",)),
    ("--arrival-rate", ("--think-time-factor", "--iterations")),
    ("--against", ("--baseline", *_MONITORS)),
    ("--against-fault", ("--baseline", *_MONITORS)),
)
"""The first contradicts each of the second. If they come from different places, the stronger place wins."""
NEEDS = {
    "--fault": "--demo",
    "--as-deployed": "--demo",
    "--bind": "--expect-workers",
    "--expect-workers-max-wait": "--expect-workers",
}
"""The first does nothing without the second, and is ignored where a variable or a file sets it."""


@dataclass(frozen=True, slots=True)
class GivenOption:
    """An option with its value. `place`: where it was set, as messages name it; `texts`: as it is written there."""

    option: Option
    texts: tuple[str, ...]
    place: str
    value: Any

    @property
    def is_typed(self) -> bool:
        """True for an option of the command line."""
        return self.place == COMMAND_LINE


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A command with its options. `ignored`: lines about variables and keys that do not apply to this call."""

    command: Command
    options: Any
    argv: tuple[str, ...] = ()
    given: tuple[GivenOption, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""
    """What --help or --version print; then there is no command to run."""

    @property
    def line(self) -> tuple[str, ...]:
        """A command line that repeats this call without variables and [run] table. Without secrets."""
        elsewhere = [argument for each in self.given if not each.is_typed for argument in _written(each)]
        return without_secrets([text_of(argument) for argument in (PROGRAM, *self.argv, *elsewhere)])

    def explained(self) -> list[str]:
        """Lines that name the source of each option."""
        shown = [each for each in self.given if not each.option.is_argument and each.option.name != "--dry-run"]
        rows = [(" ".join(without_secrets(_written(each))) or f"{each.option.name} off", each.place) for each in shown]
        lines = [f"  {written:<38} {place}" for written, place in rows]
        return [
            "Options",
            *lines,
            "  every other option" + " " * 21 + "default",
            *(f"  {line}" for line in self.ignored),
        ]

    def named(self, message: str) -> str:
        """An error message that begins with an option, completed with the place where it was set."""
        for each in self.given:
            name = each.option.name
            if not each.is_typed and message.startswith((f"{name}:", f"{name} ")):
                return f"{each.place} ({name}){message.removeprefix(name)}"
        return message


def parse(argv: Sequence[str], environment: Mapping[str, str]) -> ParsedCommand:
    """The command of these arguments. Raises UsageError that names option, variable or key, and the fix."""
    typed, command, arguments = _syntax(argv)
    if "version" in typed:
        return ParsedCommand(command, None, text=f"agentmitra-performance {__version__}")
    if "help" in typed:
        return ParsedCommand(command, None, text=help_parser(command).format_help())
    own = {each.name: each for each in options_in(command.options)}
    _check_known(typed, own, command)
    layers = [
        [*_typed(typed, own), *_arguments(arguments, own.values(), command)],
        list(_from_environment(own.values(), command, environment)),
        list(_from_file(own.values(), _scenarios_file(typed, environment))),
    ]
    given, ignored = _resolved(layers, {name: other for name, other in NEEDS.items() if other in own})
    values = {each.option.name: each.value for each in given}
    return ParsedCommand(
        command,
        filled(command.options(), values),
        tuple(argv),
        tuple(given),
        tuple(ignored),
        tuple(_misspelt(environment)),
    )


# ── the command line ────────────────────────────────────────────────────────────────────────────────


class _Syntax(argparse.ArgumentParser):
    """Raises UsageError instead of printing its usage and exiting."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(CliMessage.SYNTAX(text=message.removeprefix("argument "), program=PROGRAM))


def _syntax(argv: Sequence[str]) -> tuple[dict[str, Any], Command, list[str]]:
    """The texts of each option, the command, and its arguments. Options may stand before or after the command."""
    parser = _Syntax(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    known = {each.name: each for command in COMMANDS.values() for each in options_in(command.options)}
    for each in known.values():
        if not each.is_argument:
            add_option(parser, each)
    implied = {each.name: each.implied for each in known.values() if each.implied}
    values, rest = parser.parse_known_args(list(_completed(argv, implied)))
    for argument in rest:
        if argument.startswith("-") and argument != "-":
            name = argument.partition("=")[0]  # what follows may be secret
            raise UsageError(CliMessage.UNKNOWN_OPTION(option=name, hint=nearest(name, known), program=PROGRAM))
    if rest and rest[0] in COMMANDS:
        return vars(values), COMMANDS[rest[0]], rest[1:]
    if rest and not vars(values).keys() & {"help", "version"}:
        raise UsageError(CliMessage.UNKNOWN_COMMAND(command=rest[0], hint=nearest(rest[0], COMMANDS), program=PROGRAM))
    return vars(values), RUN, []


def _completed(argv: Sequence[str], implied: Mapping[str, str]) -> Iterator[str]:
    """Add the implied value to an option without one: argparse would take a following command for its value."""
    for argument, following in zip(argv, [*argv[1:], "-"], strict=False):
        alone = argument in implied and (following.startswith("-") or following in COMMANDS)
        yield f"{argument}={implied[argument]}" if alone else argument


def _check_known(typed: Mapping[str, Any], own: Mapping[str, Option], command: Command) -> None:
    keys = {each.key for each in own.values() if not each.is_argument}
    for key in typed:
        if key not in keys:
            name = f"--{key.replace('_', '-')}"
            owners = [c.name for c in COMMANDS.values() if name in {each.name for each in options_in(c.options)}]
            raise UsageError(
                CliMessage.OPTION_OF_OTHERS(option=name, command=command.name, owners=_listed(owners), program=PROGRAM)
            )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _typed(typed: Mapping[str, Any], own: Mapping[str, Option]) -> Iterator[GivenOption]:
    for each in own.values():
        if not each.is_argument and each.key in typed:
            yield _given(each, typed[each.key], COMMAND_LINE)


def _arguments(arguments: Sequence[str], own: Iterable[Option], command: Command) -> Iterator[GivenOption]:
    wanted = [each for each in own if each.is_argument]
    shown = {"command": command.name, "program": PROGRAM, "example": command.examples[0]}
    for each, argument in zip(wanted, arguments, strict=False):
        yield _given(each, arguments if each.many else [argument], COMMAND_LINE)
    for each in wanted[len(arguments) :]:
        if not each.optional:
            raise UsageError(CliMessage.ARGUMENT_MISSING(argument=each.name, **shown))
    if len(arguments) > len(wanted) and not any(each.many for each in wanted):
        raise UsageError(CliMessage.ARGUMENT_UNEXPECTED(argument=arguments[len(wanted)], **shown))


def _given(each: Option, texts: Sequence[str], place: str) -> GivenOption:
    """Raises UsageError that names the place."""
    try:
        return GivenOption(each, tuple(texts), place, each.read(texts))
    except UsageError as error:
        where = f"{each.name if place == COMMAND_LINE else place}:"
        raise UsageError(error.message.at(where) if isinstance(error.message, Message) else error.message) from None


# ── the environment and the file ────────────────────────────────────────────────────────────────────


def _from_environment(own: Iterable[Option], command: Command, environment: Mapping[str, str]) -> Iterator[GivenOption]:
    for each in own:
        if each.is_argument or each.typed_only:
            continue
        name = variable_of(each, command)
        if text := environment.get(name, "").strip():
            separator = each.several or (None if each.many else "")
            texts = [text] if separator == "" else [part.strip() for part in text.split(separator) if part.strip()]
            yield _given(each, texts, name)


def _scenarios_file(typed: Mapping[str, Any], environment: Mapping[str, str]) -> Path:
    named = typed.get("scenarios", [""])[-1] or environment.get(f"{PREFIX}SCENARIOS", "")
    return Path(named) if named else data_file("scenarios.toml")


def _from_file(own: Iterable[Option], path: Path) -> Iterator[GivenOption]:
    """The options of the command that the [run] table sets. The file may be missing."""
    if not path.exists():
        return
    from perfsuite.toml_tables import read_tables

    table = read_tables(path).table("run")
    can = {each.key: each for each in SHARED.values() if each.name not in _IN_NO_FILE}
    table.only(can)
    for each in own:
        if each.key in table.values and each == can.get(each.key):
            place = f"{table.place_of(each.key)} {each.key}"
            value = table.values[each.key]
            texts = [_toml_text(item) for item in (value if isinstance(value, list) else [value])]
            if isinstance(value, list) and not each.several:
                raise UsageError(CliMessage.SEVERAL_VALUES(place=place))
            if texts:
                yield _given(each, texts, place)


def _toml_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolved(layers: Sequence[Sequence[GivenOption]], need: Mapping[str, str]) -> tuple[list[GivenOption], list[str]]:
    """The options that apply, from the strongest place to the weakest, and a line for each that is ignored."""
    found: dict[str, GivenOption] = {}
    ignored: list[str] = []
    for layer in layers:
        stronger = {name: each for name, each in found.items() if each.value}
        for each in layer:
            name = each.option.name
            if name in found:
                continue
            if other := next((other for other in stronger if _contradict(name, other)), None):
                ignored.append(CliMessage.IGNORED(place=each.place, other=other, where=stronger[other].place))
            else:
                found[name] = each
    for name, other in need.items():
        there = other in found and found[other].value
        if name in found and not there and not found[name].is_typed:
            ignored.append(CliMessage.IGNORED_WITHOUT(place=found.pop(name).place, other=other))
    return list(found.values()), ignored


def _contradict(a: str, b: str) -> bool:
    return any((a == one and b in others) or (b == one and a in others) for one, others in _CONTRADICT)


def _misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable whose name is close to that of an option."""
    ours = [name for name in environment if name.startswith(PREFIX)]
    if not ours:
        return
    known = {variable_of(each, c) for c in COMMANDS.values() for each in options_in(c.options) if not each.is_argument}
    ends = {*(name.removeprefix(PREFIX) for name in known), *_OTHER_VARIABLES}
    for name in ours:
        end = name.removeprefix(PREFIX)
        if end not in ends and (hint := nearest(end, ends)):
            yield CliMessage.VARIABLE_NOT_READ(name=name, hint=hint.replace("'", f"'{PREFIX}", 1))


# ── what is kept and shown ──────────────────────────────────────────────────────────────────────────


def _written(each: GivenOption) -> list[str]:
    """The option as written on a command line."""
    if each.option.switch:
        return [each.option.name] if each.value else []
    return [argument for text in each.texts for argument in (each.option.name, text)]


def without_secrets(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line without values of headers and without addresses that may contain a password."""
    secret = {each.name for c in COMMANDS.values() for each in options_in(c.options) if each.secret}
    kept: list[str] = []
    name = ""
    for argument in argv:
        option, equals, value = argument.partition("=")
        if equals and option in secret:
            argument = f"{option}={_without_secret(option, value)}"
        elif name in secret:
            argument = _without_secret(name, argument)
        kept.append(argument)
        name = argument
    return tuple(kept)


def _without_secret(option: str, value: str) -> str:
    if option == "--header":
        name, colon, content = value.partition(":")
        in_environment = content.strip().startswith("env:")
        return value if colon and in_environment else f"{name}: …" if colon else "…"
    return "…" if "@" in value or "password" in value.lower() else value


# ── another program's parser ───────────────────────────────────────────────────────────────────────


def add_options(parser: Any, record: type, **more: Any) -> None:
    """Add the options of a record to another parser, such as Locust's. `more`: further arguments of that parser."""
    for each in options_in(record):
        add_option(parser, each, default=None, **more)


def record_of(record: Callable[[], R], namespace: argparse.Namespace) -> R:
    """The record, filled from the result of such a parser. Raises UsageError."""
    typed = {key: value for key, value in vars(namespace).items() if value is not None}
    own = {each.name: each for each in options_in(record)}
    made: R = filled(record(), {each.option.name: each.value for each in _typed(typed, own)})
    return made
