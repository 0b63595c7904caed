"""The command line: what can be typed, and what it means. Options that are not built yet are absent."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perfsuite import __version__
from perfsuite.errors import UsageError, nearest
from perfsuite.plan.access import FROM_ENVIRONMENT, Reaching
from perfsuite.plan.build import DEFAULT_HOST, DEFAULT_SEED, Options
from perfsuite.plan.options import parse_duration
from perfsuite.report.web import DEFAULT_PORT

_ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "run_performance_tests.py"
_HIGHEST_PORT = 65535
HEADER = "--header"
HISTORY_VARIABLE = "AGENTMITRA_HISTORY"
_MAY_HOLD_SECRETS = (
    "--monitor-server",
    "--monitor-postgres",
    "--monitor-redis",
    "--monitor-prometheus",
    "--database-url",
    "--redis-url",
    "--history",
    "--host",
    "--against",
    "--proxy",
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in the suite's own way: one or two lines, and the nearest option or command."""

    commands: tuple[str, ...] = ()

    def error(self, message: str) -> None:  # type: ignore[override]
        # argparse would print its usage and exit; here every mistake takes the same way out.
        word = message.removeprefix("unrecognized arguments: ").split()[0] if "unrecognized" in message else ""
        options = [*self.commands, *(name for action in self._actions for name in action.option_strings)]
        raise UsageError(f"{message}{nearest(word, options) if word else ''}\nSee {PROGRAM} --help")


def data_file(name: str) -> Path:
    """A file of that name in the current folder or, when there is none, the suite's own."""
    here = Path(name)
    return here if here.exists() else _ROOT / name


def _text(word: str) -> str:
    """A word of the command line for files, which are UTF-8: Python keeps bytes that its locale does not know aside."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """For argparse: a whole number, or a message that says what would be right."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number such as 50, not {text!r}") from None


def number(text: str) -> float:
    """For argparse: a number, or the same."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number such as 2.5, not {text!r}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 1 to {_HIGHEST_PORT}, or 0 for a free one")
    return int(text)


def run_parser(epilog: str = "", commands: tuple[str, ...] = ()) -> argparse.ArgumentParser:
    """The parser of a run, the command without a name. `epilog` and `commands`: what else can be typed."""
    parser = Parser(
        prog=PROGRAM,
        description="Load the Agent Mitra backend with its seven kinds of users and judge it against its targets.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.commands = commands
    parser.add_argument("--version", action="version", version=f"agentmitra-performance {__version__}")
    parser.add_argument(
        "--install-deps",
        action="store_true",
        help="first install what the suite needs into .venv (done by the starter)",
    )
    load = parser.add_argument_group("the load")
    add_load(load)
    load.add_argument("--multiple", action="store_true", help="the six scenarios in turn, 10 s apart")
    load.add_argument("--read-only", action="store_true", help="leave out every operation that writes")
    _add_accept_leftovers(load)
    _add_target(parser)
    _add_monitors(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--targets", type=Path, default=data_file("targets.toml"), metavar="FILE")
    files.add_argument("--scenarios", type=Path, default=data_file("scenarios.toml"), metavar="FILE")
    files.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    _add_comparing(parser, files)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--web",
        nargs="?",
        type=_port,
        const=DEFAULT_PORT,
        metavar="PORT",
        help=f"show the run as a page, to this machine only; default port {DEFAULT_PORT}, 0 takes a free one",
    )
    output.add_argument("--dry-run", action="store_true", help="print the plan and stop; nothing is sent")
    output.add_argument(
        "--metrics-port",
        type=_port,
        metavar="N",
        help="live metrics for Prometheus at http://127.0.0.1:N/metrics; 0 takes a free port and tells it",
    )
    add_output(output, "only the verdict and its reasons")
    return parser


def add_load(load: argparse._ActionsContainer) -> None:
    """Which load, for a run and for what makes the same run several times."""
    load.add_argument("--scenario", action="append", metavar="NAME", help="a scenario of scenarios.toml; repeatable")
    load.add_argument("--users", type=whole, metavar="N", help="virtual users, instead of the scenario's")
    load.add_argument("--spawn-rate", type=number, metavar="R", help="users started a second")
    load.add_argument("--duration", type=_duration, metavar="90s/5m/1h", help="includes the ramp-up")
    load.add_argument(
        "--arrival-rate",
        type=number,
        metavar="R",
        help="open model: R actions a second begin at their time, however slow the answers are; --users are sessions",
    )
    load.add_argument(
        "--seed",
        type=whole,
        default=DEFAULT_SEED,
        metavar="N",
        help=f"which user does what, and when actions arrive, follow from it; default {DEFAULT_SEED}",
    )
    load.add_argument("--processes", type=whole, default=1, metavar="N", help="load processes on this machine")
    load.add_argument(
        "--tolerate-broken",
        action="store_true",
        help="leave out operations that fail before the load, and say so, instead of stopping",
    )


def _add_accept_leftovers(parser: argparse._ActionsContainer) -> None:
    """What happens with rows that stay."""
    parser.add_argument(
        "--accept-leftovers",
        action="store_true",
        help="also make creations whose rows cannot be removed afterwards",
    )


def _add_monitors(parser: argparse.ArgumentParser) -> None:
    monitors = parser.add_argument_group("what to watch at the target (--demo fills them in)")
    monitors.add_argument("--monitor-server", metavar="PID|URL", help="the backend's process, or its URL")
    monitors.add_argument("--monitor-postgres", metavar="DSN", help="an account with pg_monitor is enough")
    monitors.add_argument("--monitor-redis", metavar="URL")
    monitors.add_argument(
        "--monitor-prometheus", metavar="URL", help="a Prometheus that watches it, or its page of metrics"
    )
    monitors.add_argument(
        "--monitor-prometheus-queries", type=Path, metavar="FILE", help="TOML: which series to ask it for"
    )
    monitors.add_argument(
        "--no-fingerprint",
        action="store_true",
        help="do not measure before the load what each operation costs PostgreSQL",
    )


def _add_comparing(parser: argparse.ArgumentParser, files: argparse._ActionsContainer) -> None:
    comparing = parser.add_argument_group("slower than before?")
    comparing.add_argument("--label", default="", metavar="TEXT", help="kept with the run in the history")
    comparing.add_argument("--release", default="", metavar="TAG", help="version of the backend, kept in the same way")
    comparing.add_argument(
        "--baseline",
        default="",
        metavar="RUN|RELEASE|NAME",
        help="hold the run against it and end with 5 on a regression; also last:N, or a file of baseline save",
    )
    comparing.add_argument("--runs", type=whole, metavar="N", help="the same run N times (5 with --against)")
    comparing.add_argument(
        "--against",
        metavar="URL|demo",
        help="by turns with the same on another target, and compare the two; demo: a second demo",
    )
    comparing.add_argument(
        "--against-fault", action="append", metavar="SPEC", help="a fault of the second demo; see docs/backend.md"
    )
    add_history(files)


def add_history(parser: argparse._ActionsContainer) -> None:
    """Where finished runs are kept."""
    parser.add_argument(
        "--history",
        default=os.environ.get(HISTORY_VARIABLE, ""),
        metavar="URL",
        help=f"PostgreSQL URL or SQLite file of the history, instead of history.db in the results; {HISTORY_VARIABLE}",
    )


def without_secrets(command: Sequence[str]) -> tuple[str, ...]:
    """The command line as it may be kept: without addresses that may hold a password, and values of headers."""
    kept: list[str] = []
    option = ""
    for word in command:
        name, equals, value = word.partition("=")
        if equals and name in (*_MAY_HOLD_SECRETS, HEADER):
            word = f"{name}={_kept(name, value)}"
        elif option in (*_MAY_HOLD_SECRETS, HEADER):
            word = _kept(option, word)
        kept.append(word)
        option = word
    return tuple(kept)


def _kept(option: str, value: str) -> str:
    if option == HEADER:
        name, colon, told = value.partition(":")
        from_environment = told.strip().startswith(FROM_ENVIRONMENT)
        return value if colon and from_environment else f"{name}: …" if colon else "…"
    return "…" if _may_hold_a_secret(value) else value


def _may_hold_a_secret(address: str) -> bool:
    return "@" in address or "password" in address.lower()


def _add_target(parser: argparse.ArgumentParser) -> None:
    target = parser.add_argument_group("the target")
    target.add_argument("--host", metavar="URL", help=f"default {DEFAULT_HOST}")
    target.add_argument("--allow-host", action="append", metavar="HOST", help="a further host that may be loaded")
    target.add_argument("--i-accept-production-load", action="store_true")
    target.add_argument(
        "--demo",
        nargs="?",
        const="embedded",
        choices=("embedded", "full"),
        help="start the reference backend for this run: embedded (SQLite), or full (private PostgreSQL and Redis)",
    )
    target.add_argument(
        "--fault", action="append", metavar="SPEC", help="with --demo: a fault of the backend, for trying the suite"
    )
    target.add_argument(
        "--as-deployed", action="store_true", help="with --demo: a backend that behaves as deployed versions do"
    )
    target.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="CSV phone_number,password,role (credentials.csv); passwords may come from AGENTMITRA_TEST_PASSWORD",
    )
    add_reaching(target)


def add_reaching(parser: Any, **more: Any) -> None:
    """How the target is reached, for the suite's parsers and Locust's. `more`: what that one wants besides."""
    trusted = "also trust the certificates in it (PEM); SSL_CERT_FILE and SSL_CERT_DIR work, too"
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help=trusted, **more)
    parser.add_argument("--proxy", metavar="URL", help="go through this proxy; HTTP_PROXY is not looked at", **more)
    parser.add_argument(
        HEADER,
        action="append",
        metavar='"NAME: VALUE"',
        help="add it to every request; the value env:VARIABLE is taken from the environment; repeatable",
        **more,
    )
    parser.add_argument(
        "--mapping",
        type=Path,
        metavar="FILE",
        help="TOML: where the deployed API has other paths or role names than the contract",
        **more,
    )


def reaching_of(arguments: argparse.Namespace) -> Reaching:
    """What was typed."""
    return Reaching(arguments.ca_file, arguments.proxy, tuple(arguments.header or ()), arguments.mapping)


def options_of(arguments: argparse.Namespace, command: Sequence[str]) -> Options:
    """The options of a run as a record."""
    return Options(
        scenarios=tuple(arguments.scenario or ()),
        multiple=arguments.multiple,
        users=arguments.users,
        spawn_rate=arguments.spawn_rate,
        duration_s=arguments.duration,
        arrival_rate=arguments.arrival_rate,
        processes=arguments.processes,
        seed=arguments.seed,
        host=arguments.host,
        allow_hosts=tuple(arguments.allow_host or ()),
        accept_production=arguments.i_accept_production_load,
        reaching=reaching_of(arguments),
        read_only=arguments.read_only,
        tolerate_broken=arguments.tolerate_broken,
        accept_leftovers=arguments.accept_leftovers,
        demo=arguments.demo,
        fingerprint=not arguments.no_fingerprint and (arguments.demo == "full" or bool(arguments.monitor_postgres)),
        credentials_file=arguments.credentials or data_file("credentials.csv"),
        targets_file=arguments.targets,
        scenarios_file=arguments.scenarios,
        results=arguments.results,
        dry_run=arguments.dry_run,
        quiet=arguments.quiet,
        color=not arguments.no_color,
        label=_text(arguments.label),
        release=_text(arguments.release),
        baseline=arguments.baseline,
        history=arguments.history,
        command=tuple(map(_text, without_secrets(command))),
    )


def add_without_load(parser: argparse.ArgumentParser) -> None:
    """What commands take that call the target and make no load."""
    _add_target(parser)
    parser.add_argument("--read-only", action="store_true", help="leave out every operation that writes")
    _add_accept_leftovers(parser)
    parser.add_argument("--scenarios", type=Path, default=data_file("scenarios.toml"), metavar="FILE")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    add_output(parser, "only the table")
    parser.set_defaults(
        no_fingerprint=True,
        scenario=None,
        multiple=False,
        users=None,
        spawn_rate=None,
        duration=None,
        arrival_rate=None,
        processes=1,
        seed=DEFAULT_SEED,
        targets=data_file("targets.toml"),
        dry_run=False,
        label="",
        release="",
        baseline="",
        history="",
    )


def add_output(parser: argparse._ActionsContainer, what_is_left: str) -> None:
    """How much is told, and in which colours."""
    parser.add_argument("--quiet", action="store_true", help=what_is_left)
    parser.add_argument("--no-color", action="store_true", help="no colours (NO_COLOR is obeyed too)")


def add_run_folder(parser: argparse.ArgumentParser) -> None:
    """The run that a command is about."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run, results/<scenario>_<time>")
