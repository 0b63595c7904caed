"""The commands: what `--help` says of each, the record of its options, and where its code is.

A command's module is imported when the command runs: all of them together take half a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from perfsuite.cli import options
from perfsuite.plan.option_fields import Option, options_in
from perfsuite.plan.options import CONNECTION, LOAD, OPERATIONS, TARGET


@dataclass(frozen=True, slots=True)
class Command:
    """`usage`: its arguments. `examples`: what can be typed after the program's name."""

    name: str
    usage: str
    summary: str
    description: str
    options: type
    module: str
    examples: tuple[str, ...]

    def load(self) -> Callable[[Any], int]:
        """The function that does it, from an Invocation to an exit code."""
        function: Callable[[Any], int] = getattr(import_module(f"{__name__}.{self.module}"), self.name)
        return function


PROGRAM = "run_performance_tests.py"
PREFIX = "AGENTMITRA_"
_EXIT_CODES = """exit codes: 0 pass · 1 fail · 2 wrong command or file · 3 target not ready · 4 inconclusive
            5 regression against the baseline · 6 host not allowed · 130 interrupted
"""

_ALL = (
    Command(
        name="run",
        usage="",
        summary="load the target and judge it: the default, `run` can be left out",
        description="Load the Agent Mitra backend with its seven kinds of users and judge it against its targets.",
        options=options.RunOptions,
        module="run",
        examples=(
            "--demo",
            "--host http://staging-api.agentmitra.com --scenario peak",
            "--users 75 --spawn-rate 7.5 --duration 10m --dry-run",
            "--demo full --runs 5 --against-fault no_cache",
            "--host http://staging-api.agentmitra.com --baseline main --release 2.3.0",
        ),
    ),
    Command(
        name="capacity",
        usage="",
        summary="search for the most load that meets all targets",
        description=(
            "Search for the most load that meets all targets, as an interval (95 % CI). The load changes while the\n"
            "search goes on; roles, their shares and the targets are those of the scenario. With --at-least N it is a\n"
            "gate."
        ),
        options=options.CapacityOptions,
        module="capacity",
        examples=(
            "capacity --demo",
            "capacity --host http://staging-api.agentmitra.com --at-least 200",
            "capacity --demo full --by arrival-rate --max-duration 30m",
        ),
    ),
    Command(
        name="preflight",
        usage="",
        summary="log in as every role, call every operation once, print the table, stop",
        description="Log in as every role, call every operation once, print the table, and stop. No load is made.",
        options=options.PreflightOptions,
        module="probe",
        examples=("preflight --demo", "preflight --host http://staging-api.agentmitra.com --read-only"),
    ),
    Command(
        name="report",
        usage="RUN",
        summary="regenerate the report from the files of a run",
        description="Regenerate all result files of a run from its measurements, also of a run that was killed.",
        options=options.ReportOptions,
        module="report",
        examples=("report results/basic_20261124_025154",),
    ),
    Command(
        name="judge",
        usage="RUN",
        summary="judge a run again, with --targets FILE by other limits",
        description="Judge a run again and print the verdict, which is also the exit code. Its files stay as they are.",
        options=options.JudgeOptions,
        module="report",
        examples=("judge results/basic_20261124_025154 --targets my-targets.toml",),
    ),
    Command(
        name="merge",
        usage="RUN RUN …",
        summary="make one run from the runs of several masters",
        description=(
            "Make one run from those of several masters that loaded the same target at the same time, and judge it.\n"
            "Its figures are exact, as if one master had led all load processes. The single runs stay as they are."
        ),
        options=options.MergeOptions,
        module="merge",
        examples=("merge results/peak_20261124_025154 from-b/peak_20261124_025154",),
    ),
    Command(
        name="compare",
        usage="A B",
        summary="compare runs with other runs: slower, faster, the same, or unclear",
        description="Compare the runs of B with those of A. The exit code is 5 where something got worse.",
        options=options.CompareOptions,
        module="compare",
        examples=(
            "compare results/basic_20261124_025154 results/basic_20261125_031002",
            "compare 1.4.0 last:5",
            "compare main.json last:5 --force",
        ),
    ),
    Command(
        name="noise",
        usage="--runs K",
        summary="make the same run several times: the smallest change that can be detected here",
        description="Make the same run several times and measure how much its figures vary: the noise of comparisons.",
        options=options.NoiseOptions,
        module="load",
        examples=("noise --demo --runs 10", "noise --host http://localhost:8015 --scenario peak --duration 3m"),
    ),
    Command(
        name="history",
        usage="[rebuild|index]",
        summary="list finished runs; rebuild or index: make their database or their page again",
        description="List finished runs, the newest last, or make their database or their page from their folders.",
        options=options.HistoryOptions,
        module="history",
        examples=("history", "history --scenario peak --last 50", "history rebuild", "history index --all"),
    ),
    Command(
        name="baseline",
        usage="save|list|show|remove [NAME]",
        summary="name runs, to compare others with them",
        description="Save runs under a name, for --baseline NAME of later runs; list, show or remove such names.",
        options=options.BaselineOptions,
        module="history",
        examples=(
            "baseline save main --run last:5 --file perf/main.json",
            "baseline list",
            "baseline show main",
            "baseline remove main",
        ),
    ),
    Command(
        name="fingerprint",
        usage="[RUN]",
        summary="what each operation costs the database (--monitor-postgres DSN, or --demo full)",
        description="Measure what each operation, called alone, costs the database, by pg_stat_statements.",
        options=options.FingerprintOptions,
        module="probe",
        examples=(
            "fingerprint --demo full",
            "fingerprint --demo full --against results/basic_20261124_025154",
            "fingerprint results/peak_20261125_020000",
        ),
    ),
    Command(
        name="cleanup",
        usage="RUN",
        summary="remove the rows that an interrupted run created",
        description="Remove what a run created at its target and, because it was cut off, could not remove itself.",
        options=options.CleanupOptions,
        module="cleanup",
        examples=("cleanup results/basic_20261124_025154 --credentials staging.csv",),
    ),
    Command(
        name="replay",
        usage="RUN [VIOLATION]",
        summary="send again, without load, what showed a violation of correctness",
        description=(
            "Send again, without load, the shortest sequence of requests that showed a violation, and say whether it\n"
            "still happens. Without VIOLATION, list the violations of the run.\n\n"
            "exit codes: 0 it did not happen · 1 it still happens · 2 wrong command or file · 3 target not ready\n"
            "            4 it could not be tried, or rows remain at the target · 6 host not allowed · 130 interrupted"
        ),
        options=options.ReplayOptions,
        module="replay",
        examples=(
            "replay results/basic_20261124_025154",
            "replay results/basic_20261124_025154 v1",
            "replay results/basic_20261124_025154 v1 --host http://localhost:8015",
        ),
    ),
    Command(
        name="worker",
        usage="--master HOST:PORT",
        summary="make load on this machine for a run on another one (--expect-workers)",
        description=(
            "Make load on this machine for a run on another one, which waits for it with --expect-workers N. Each\n"
            "load process is one worker. Accounts, headers, client certificate and the hosts that may be loaded are\n"
            "those of this machine; the token comes from AGENTMITRA_WORKER_TOKEN.\n\n"
            "exit codes: 0 served a run to its end · 1 lost its master, or given up by it · 2 wrong command, file or\n"
            "            token, or another version · 3 master or target not reached · 4 error of the suite\n"
            "            6 host not allowed · 130 interrupted"
        ),
        options=options.WorkerCommandOptions,
        module="worker",
        examples=(
            "worker --master 10.0.0.5:5557",
            "worker --master 10.0.0.5:5557 --processes 4 --credentials staging.csv",
        ),
    ),
    Command(
        name="backend",
        usage="",
        summary="run the reference backend on its own, seeded, until Ctrl-C",
        description="Run the reference backend on its own, seeded, until Ctrl-C.",
        options=options.BackendOptions,
        module="backend",
        examples=(
            "backend",
            "backend --port 8020 --seed-factor 0.5 --credentials-out accounts.csv",
            'backend --fault "latency=200ms@policies.list from 30s"',
        ),
    ),
)
COMMANDS = {command.name: command for command in _ALL}
"""By name, in the order of --help."""
RUN = COMMANDS["run"]
SHARED = {each.name: each for each in options_in(RUN.options) if not (each.typed_only or each.is_argument)}
"""The options of a run. Another command has some of them, or options of the same name with another meaning."""


def variable_of(each: Option, command: Command) -> str:
    """The variable of an option: AGENTMITRA_USERS; AGENTMITRA_HISTORY_LAST for one that a run does not have."""
    scope = "" if SHARED.get(each.name) == each else f"{command.name.upper()}_"
    return f"{PREFIX}{scope}{each.key.upper()}"


def add_option(parser: argparse._ActionsContainer, each: Option, **more: Any) -> None:
    """Add an option that argparse only collects, as text."""
    if each.switch:
        parser.add_argument(each.name, action="append_const", const="true", help=_help(each), **more)
        return
    count: dict[str, Any] = {"nargs": "?"} if each.implied else {"nargs": "+", "action": "extend"} if each.many else {}
    how = {"action": "append", "metavar": each.metavar or None, "help": _help(each)} | count
    parser.add_argument(each.name, **how, **more)


def _help(each: Option) -> str:
    return each.help.replace("%", "%%")


# ── help ────────────────────────────────────────────────────────────────────────────────────────────


def help_parser(command: Command) -> argparse.ArgumentParser:
    """The parser whose help is that of a command."""
    default = command is RUN
    usage = " ".join(part for part in (PROGRAM, "[run]" if default else command.name, command.usage) if part)
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{usage} [options]",
        description=command.description,
        epilog=_epilog(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version of the suite")
    groups: dict[str, argparse._ActionsContainer] = {"": parser}
    for each in sorted(options_in(command.options), key=_order):
        if each.section not in groups:
            groups[each.section] = parser.add_argument_group(each.section)
        if each.is_argument:
            parser.add_argument(each.key, metavar=each.name, nargs="*" if each.many else "?", help=_help(each))
        else:
            add_option(groups[each.section], each)
    return parser


def _order(each: Option) -> int:
    first = ("", LOAD, TARGET, CONNECTION, OPERATIONS)
    return first.index(each.section) if each.section in first else len(first)


def _epilog(command: Command) -> str:
    examples = "".join(f"  python {PROGRAM} {example}\n" for example in command.examples)
    scope = f"{PREFIX}{command.name.upper()}_"
    own = any(variable_of(each, command).startswith(scope) for each in options_in(command.options))
    also = f"; options that only {command.name} has: {scope}…" if own and command is not RUN else ""
    elsewhere = (
        f"Every option can also come from the environment ({PREFIX}RESULTS=DIR{also})\n"
        'or from the table [run] in scenarios.toml (results = "DIR"). The command line wins over both.\n'
    )
    if command is not RUN:
        return f"examples:\n{examples}\n{elsewhere}"
    rows = "".join(f"  {f'{c.name} {c.usage}':<38} {c.summary}\n" for c in COMMANDS.values())
    return f"commands:\n{rows}\nexamples:\n{examples}\n{elsewhere}\n{_EXIT_CODES}"
