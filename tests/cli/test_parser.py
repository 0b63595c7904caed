"""The command line, variables and the [run] table of scenarios.toml."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfsuite.cli.commands import COMMANDS, Command, help_parser
from perfsuite.cli.main import main
from perfsuite.cli.parser import NEEDS, ParsedCommand, parse, variable_of, without_secrets
from perfsuite.errors import UsageError
from perfsuite.messages import Code, Message
from perfsuite.messages.cli import CliMessage
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.option_fields import Option, options_in
from perfsuite.plan.options import MAX_USERS

DSN = "postgresql://watcher:secret@localhost/mitra"
ROOT = Path(__file__).parents[2]
ARGUMENTS = {
    "compare": "a b", "baseline": "save x", "report": "run", "judge": "run", "cleanup": "run", "replay": "run",
    "merge": "a b",
}  # fmt: skip
every_command = pytest.mark.parametrize("command", [pytest.param(each, id=name) for name, each in COMMANDS.items()])


def users(text: str) -> Message:
    return PlanMessage.NOT_WHOLE(low=1, high=MAX_USERS, text=text)


def places(parsed: ParsedCommand) -> dict[str, str]:
    return {each.option.name: each.place for each in parsed.given}


def refused(words: str, **environment: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(shlex.split(words), environment)
    return caught.value


@pytest.fixture
def scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenarios.toml in the current folder, whose [run] table tests write."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "scenarios.toml"


def run_table(path: Path, text: str) -> None:
    path.write_text(f"schema = 1\n[run]\n{text}\n", encoding="utf-8")


# ── the command and its options, in any order ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "command", "given"),
    [
        pytest.param("", "run", {}, id="nothing"),
        pytest.param("run --users 5", "run", {"--users": 5}, id="the default by its name"),
        pytest.param("--users 5 run", "run", {"--users": 5}, id="the default after an option"),
        pytest.param("--results there history", "history", {"--results": Path("there")}, id="an option first"),
        pytest.param("history --results there", "history", {"--results": Path("there")}, id="the command first"),
        pytest.param("--results=there history index", "history", {"--results": Path("there")}, id="with ="),
        pytest.param("--last 5 history rebuild", "history", {"--last": 5}, id="an option between"),
        pytest.param("--demo preflight", "preflight", {"--demo": "embedded"}, id="an option that may have a value"),
        pytest.param("--demo full preflight", "preflight", {"--demo": "full"}, id="and has one"),
        pytest.param("--demo --quiet preflight", "preflight", {"--demo": "embedded", "--quiet": True}, id="a switch"),
        pytest.param("--web", "run", {"--web": 8016}, id="a port that is implied"),
        pytest.param("--web 0", "run", {"--web": 0}, id="a port"),
        pytest.param("--scenario history", "run", {"--scenario": ("history",)}, id="a value that is a command, too"),
        pytest.param("--quiet compare --force a b", "compare", {"A": "a", "B": "b", "--quiet": True}, id="around"),
        pytest.param("report history", "report", {"RUN": Path("history")}, id="an argument that is one"),
        pytest.param("baseline --file f save x", "baseline", {"NAME": "x", "--file": Path("f")}, id="arguments after"),
        pytest.param("baseline save x --run a b", "baseline", {"--run": ("a", "b")}, id="several words of an option"),
        pytest.param("replay run v1", "replay", {"RUN": Path("run"), "VIOLATION": "v1"}, id="an argument more"),
        pytest.param("replay run", "replay", {"RUN": Path("run")}, id="which can be left out"),
        pytest.param("--no-color --scenario a --scenario b", "run", {"--scenario": ("a", "b")}, id="repeated"),
    ],
)
def test_options_stand_before_or_after_the_command(words: str, command: str, given: dict[str, object]) -> None:
    parsed = parse(words.split(), {})
    values = {each.option.name: each.value for each in parsed.given}
    assert parsed.command.name == command
    assert given.items() <= values.items()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param("histroy", CliMessage.UNKNOWN_COMMAND, id="a command"),
        pytest.param("--results x histroy", CliMessage.UNKNOWN_COMMAND, id="after an option"),
        pytest.param("--user 5", CliMessage.UNKNOWN_OPTION, id="an option"),
        pytest.param("compare a b --forc", CliMessage.UNKNOWN_OPTION, id="of another command"),
        pytest.param("history --users 5", CliMessage.OPTION_OF_OTHERS, id="not there"),
        pytest.param("--metrics-port 1 noise", CliMessage.OPTION_OF_OTHERS, id="before it"),
        pytest.param("compare a", CliMessage.ARGUMENT_MISSING, id="an argument"),
        pytest.param("report", CliMessage.ARGUMENT_MISSING, id="the run"),
        pytest.param("report a b", CliMessage.ARGUMENT_UNEXPECTED, id="one too many"),
        pytest.param("run peak", CliMessage.ARGUMENT_UNEXPECTED, id="the default takes none"),
        pytest.param("history rebild", PlanMessage.NOT_ONE_OF, id="a word"),
        pytest.param("--users", CliMessage.SYNTAX, id="no value"),
        pytest.param("--runs 0", PlanMessage.NOT_WHOLE, id="no run"),
        pytest.param("noise --runs 5", PlanMessage.NOT_WHOLE, id="too few"),
        pytest.param("--processes 65", PlanMessage.NOT_WHOLE, id="processes"),
        pytest.param("--users 9999999", PlanMessage.NOT_WHOLE, id="users"),
        pytest.param("--duration -5", PlanMessage.NOT_A_DURATION, id="negative time"),
        pytest.param("--timeout 2h", PlanMessage.DURATION_TOO_LONG, id="a wait of hours"),
        pytest.param("--stop-timeout 0", PlanMessage.DURATION_NOT_POSITIVE, id="no wait"),
        pytest.param("--web 99999", PlanMessage.NOT_A_PORT, id="a port"),
    ],
)
def test_a_mistake_names_the_option_and_what_is_right(words: str, code: Code) -> None:
    caught = refused(words)
    assert caught.code is code


@every_command
def test_every_command_has_examples_in_its_help_and_they_parse(command: Command) -> None:
    shown = parse([command.name, "--help"], {}).text
    assert "\nexamples:\n" in shown
    for example in command.examples:
        assert f"  python run_performance_tests.py {example}\n" in shown
        assert parse(shlex.split(example), {}).command is command


@every_command
def test_help_is_that_of_the_command_wherever_it_stands(command: Command) -> None:
    assert parse(["--help", command.name], {}).text == help_parser(command).format_help()


@every_command
def test_options_of_one_name_take_as_many_words_in_every_command(command: Command) -> None:
    """One parser reads them all, before it is known which command they belong to."""

    def words(each: Option) -> tuple[bool, bool, bool]:
        return each.switch, each.many, bool(each.implied)

    first = {each.name: each for other in reversed(COMMANDS.values()) for each in options_in(other.options)}
    own = [each for each in options_in(command.options) if not each.is_argument]  # those are read for each command
    assert [each.name for each in own if words(each) != words(first[each.name])] == []


# ── variables and the file ──────────────────────────────────────────────────────────────────────────


def test_the_command_line_wins_over_variables_and_these_over_the_file(scenarios: Path) -> None:
    run_table(scenarios, 'users = 1\nspawn_rate = 2\nduration = "1m"\nquiet = true\nallow_host = ["a", "b"]')
    environment = {"AGENTMITRA_USERS": "10", "AGENTMITRA_SPAWN_RATE": "20"}
    parsed = parse(["--users", "100"], environment)
    plan = parsed.options.plan
    assert (plan.users, plan.spawn_rate, plan.duration_s, plan.allow_hosts) == (100, 20, 60, ("a", "b"))
    assert parsed.options.output.quiet
    assert places(parsed) == {
        "--users": "command line",
        "--spawn-rate": "AGENTMITRA_SPAWN_RATE",
        "--duration": "scenarios.toml, line 5: [run] duration",
        "--quiet": "scenarios.toml, line 6: [run] quiet",
        "--allow-host": "scenarios.toml, line 7: [run] allow_host",
    }


@every_command
def test_every_option_can_come_from_a_variable(command: Command, scenarios: Path) -> None:
    values = {"--demo": "full", "--duration": "9s", "--timeout": "9s", "--stop-timeout": "9s"} | {"--bind": "127.0.0.1"}
    values |= {"--by": "users", "--max-duration": "99s", "--check-correctness": "thorough"}
    arguments = [command.name, *ARGUMENTS.get(command.name, "").split()]
    for each in options_in(command.options):
        if each.is_argument or each.typed_only:
            continue
        text = values.get(each.name, "true" if each.switch else "9")
        name = variable_of(each, command)
        needed = NEEDS.get(each.name, "")
        extra = {f"AGENTMITRA_{needed[2:].upper().replace('-', '_')}": values.get(needed, "9")} if needed else {}
        parsed = parse(arguments, {name: text, **extra})
        assert places(parsed).get(each.name) == name, name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        ("on", True),
        ("0", False),
        ("false", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_switch_in_a_variable(text: str, value: bool) -> None:
    options = parse([], {"AGENTMITRA_QUIET": text, "AGENTMITRA_NO_COLOR": text}).options
    assert (options.output.quiet, options.output.color) == (value, not value)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        pytest.param("SCENARIO", "basic, peak", ("basic", "peak"), id="names, with commas"),
        pytest.param("HEADER", "X-A: a,b\nX-B: c", ("X-A: a,b", "X-B: c"), id="headers may hold commas"),
        pytest.param("DEMO", "true", "embedded", id="an implied value"),
        pytest.param("DEMO", "no", None, id="an implied value, switched off"),
        pytest.param("WEB", "on", 8016, id="an implied port"),
        pytest.param("WEB", "1", 1, id="a port"),
    ],
)
def test_values_of_variables(name: str, text: str, values: object) -> None:
    (given,) = parse([], {f"AGENTMITRA_{name}": text}).given
    assert given.value == values


def test_a_variable_can_switch_off_what_the_file_switches_on(scenarios: Path) -> None:
    run_table(scenarios, "read_only = true")
    assert parse([], {}).options.plan.read_only
    assert not parse([], {"AGENTMITRA_READ_ONLY": "false"}).options.plan.read_only


@pytest.mark.parametrize(
    ("table", "environment", "message"),
    [
        pytest.param("", {"USERS": "many"}, users("many").at("AGENTMITRA_USERS:"), id="a variable"),
        pytest.param(
            "", {"QUIET": "maybe"}, PlanMessage.NOT_A_SWITCH(text="maybe").at("AGENTMITRA_QUIET:"), id="a switch"
        ),
        pytest.param("", {"DEMO": "big"}, "AGENTMITRA_DEMO: must be one of embedded, full", id="a choice"),
        pytest.param("users = 0", {}, users("0").at("scenarios.toml, line 3: [run] users:"), id="a key"),
        pytest.param(
            "users = [1]", {}, CliMessage.SEVERAL_VALUES(place="scenarios.toml, line 3: [run] users"), id="a list"
        ),
        pytest.param("user = 1", {}, "line 3: [run] unknown key 'user', did you mean 'users'?", id="an unknown key"),
        pytest.param("last = 1", {}, "line 3: [run] unknown key 'last'", id="an option that only another command has"),
        pytest.param("i_accept_production_load = true", {}, "[run] unknown key 'i_accept_pro", id="not in a file"),
        pytest.param(
            "quiet = 5",
            {},
            PlanMessage.NOT_A_SWITCH(text="5").at("scenarios.toml, line 3: [run] quiet:"),
            id="a switch in the file",
        ),
        pytest.param('scenario = "peek"', {}, "[run] scenario (--scenario): unknown scenario 'peek'", id="said later"),
        pytest.param("", {"SCENARIO": "peek"}, "AGENTMITRA_SCENARIO (--scenario): unknown scenario", id="likewise"),
        pytest.param("", {"HOST": "here"}, "AGENTMITRA_HOST (--host): ", id="a host"),
        pytest.param(
            "expect_workers = 2",
            {"BIND": "10.0.0.5"},
            "AGENTMITRA_BIND (--bind) 10.0.0.5:5557: beyond this machine AGENTMITRA_WORKER_TOKEN",
            id="no token",
        ),
        pytest.param(
            "expect_workers = 2\nbind = 'load.example'",
            {},
            PlanMessage.NOT_AN_ADDRESS(text="load.example", port=5557).at("scenarios.toml, line 4: [run] bind:"),
            id="a name to bind",
        ),
        pytest.param("", {"FAULT": "pool=2", "DEMO": "1x"}, "AGENTMITRA_DEMO: must be one of", id="of two, the wrong"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_place(
    table: str,
    environment: dict[str, str],
    message: str,
    scenarios: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = (ROOT / "scenarios.toml").read_text(encoding="utf-8").replace("schema = 1", "")
    scenarios.write_text(f"schema = 1\n[run]\n{table}\n", encoding="utf-8")
    if not table or "peek" in table:
        scenarios.write_text(f"{whole.replace('multiple =', 'schema = 1' + chr(10) + 'multiple =')}\n[run]\n{table}\n")
    for name, text in environment.items():
        monkeypatch.setenv(f"AGENTMITRA_{name}", text)
    assert main(["--dry-run"]) == 2
    shown = capfd.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert shown.err.count("\n") <= 2


def test_what_a_command_does_not_have_is_ignored_in_variables_and_the_file(scenarios: Path) -> None:
    run_table(scenarios, "users = 5\nresults = 'there'")
    parsed = parse(["history"], {"AGENTMITRA_SPAWN_RATE": "x", "AGENTMITRA_RELEASE": "1.0", "AGENTMITRA_RUNS": "3"})
    assert places(parsed) == {"--results": "scenarios.toml, line 4: [run] results"}
    assert (parsed.options.archive.results, parsed.options.release) == (Path("there"), None)


def test_an_option_that_only_another_command_has_carries_its_name() -> None:
    assert parse(["history"], {"AGENTMITRA_HISTORY_LAST": "7"}).options.last == 7
    assert parse(["noise"], {"AGENTMITRA_NOISE_RUNS": "8", "AGENTMITRA_RUNS": "2"}).options.runs == 8


@pytest.mark.parametrize(
    ("words", "environment", "kept", "dropped"),
    [
        pytest.param("--demo", {"HOST": "http://a", "CREDENTIALS": "c.csv"}, {"--demo"}, 2, id="a demo, not a host"),
        pytest.param("--host http://a", {"DEMO": "full"}, {"--host"}, 1, id="a host, no demo"),
        pytest.param("--multiple", {"SCENARIO": "peak"}, {"--multiple"}, 1, id="all scenarios"),
        pytest.param("--against http://b", {"BASELINE": "main"}, {"--against"}, 1, id="another target"),
        pytest.param("", {"FAULT": "pool=2"}, set(), 1, id="a fault of no demo"),
        pytest.param("--demo", {"FAULT": "pool=2"}, {"--demo", "--fault"}, 0, id="a fault of a demo"),
        pytest.param("", {"BIND": "127.0.0.1", "EXPECT_WORKERS_MAX_WAIT": "5"}, set(), 2, id="nobody is to join"),
        pytest.param(
            "--expect-workers 2", {"BIND": "127.0.0.1"}, {"--expect-workers", "--bind"}, 0, id="where workers join"
        ),
        pytest.param("", {"DEMO": "no", "HOST": "http://a"}, {"--demo", "--host"}, 0, id="a demo that is switched off"),
    ],
)
def test_what_contradicts_a_stronger_place_is_ignored(
    words: str, environment: dict[str, str], kept: set[str], dropped: int
) -> None:
    parsed = parse(words.split(), {f"AGENTMITRA_{name}": text for name, text in environment.items()})
    assert places(parsed).keys() == kept
    assert len(parsed.ignored) == dropped


def test_the_file_is_that_of_the_option_or_of_its_variable(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    run_table(own, "users = 7")
    assert parse(["--scenarios", str(own)], {}).options.plan.users == 7
    assert parse([], {"AGENTMITRA_SCENARIOS": str(own)}).options.plan.users == 7


def test_a_misspelt_variable_is_noted() -> None:
    environment = {"AGENTMITRA_USER": "5", "AGENTMITRA_TEST_PASSWORD": "x", "AGENTMITRA_REGION": "eu"}
    hint = ", did you mean 'AGENTMITRA_USERS'?"
    assert parse([], environment).notes == (CliMessage.VARIABLE_NOT_READ(name="AGENTMITRA_USER", hint=hint),)


def test_a_dry_run_shows_where_each_value_came_from(
    scenarios: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "scenarios.toml").read_text(encoding="utf-8")
    scenarios.write_text(f'{text}\n[run]\nlabel = "nightly"\n', encoding="utf-8")
    monkeypatch.setenv("AGENTMITRA_HOST", "http://staging.example")
    monkeypatch.setenv("AGENTMITRA_HISTORY", "postgresql://me:secret@db/perf")
    assert main(["--dry-run", "--demo", "--users", "9"]) == 0
    shown = capsys.readouterr().out
    options = [line.split(None, 2) for line in shown.split("Options\n")[1].splitlines()]
    assert ["--users", "9", "command line"] in options
    assert ["--history", "…", "AGENTMITRA_HISTORY"] in options
    assert ["--label", "nightly", f"scenarios.toml, line {text.count(chr(10)) + 3}: [run] label"] in options
    assert CliMessage.IGNORED(place="AGENTMITRA_HOST", other="--demo", where="command line") in shown
    assert "secret" not in shown


def test_a_dry_run_shows_the_workers_and_never_their_token(
    scenarios: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios.write_text((ROOT / "scenarios.toml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("AGENTMITRA_WORKER_TOKEN", "a-token-of-sufficient-length")
    target = ["--host", "http://staging.example.com", "--allow-host", "staging.example.com"]
    assert main(["--dry-run", "--expect-workers", "4", "--bind", "10.0.0.5", *target]) == 0
    shown = capsys.readouterr()
    assert "4 workers from elsewhere, 2 or 3 users each" in shown.out
    assert "a-token" not in shown.out + shown.err


def test_the_plan_keeps_a_command_line_that_needs_no_variable(scenarios: Path) -> None:
    parsed = parse(["--users", "5"], {"AGENTMITRA_READ_ONLY": "1", "AGENTMITRA_MONITOR_POSTGRES": DSN})
    assert parsed.line == (
        "run_performance_tests.py", "--users", "5", "--read-only", "--monitor-postgres", "…"
    )  # fmt: skip
    assert parse(parsed.line[1:4], {}).options.plan.users == 5


# ── what it costs ───────────────────────────────────────────────────────────────────────────────────

HEAVY = "asyncio gevent httptools jinja2 locust msgspec numpy psutil psycopg redis rich scipy sqlalchemy uvicorn"


def imported(*words: str) -> Iterator[str]:
    script = "import sys; from perfsuite.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=180
    )
    yield from done.stderr.split()


@pytest.mark.parametrize("words", ["--help", "--version", "history --help", "noise --help"])
def test_help_imports_the_parser_and_nothing_heavy(words: str) -> None:
    modules = set(imported(*words.split()))
    assert modules.isdisjoint(HEAVY.split())
    assert {name for name in modules if name.startswith("perfsuite.") and "messages" not in name} <= {
        "perfsuite.cli",
        "perfsuite.cli.commands",
        "perfsuite.cli.main",
        "perfsuite.cli.options",
        "perfsuite.cli.parser",
        "perfsuite.cli.terminal",
        "perfsuite.errors",
        "perfsuite.format",
        "perfsuite.plan",
        "perfsuite.plan.option_fields",
        "perfsuite.plan.options",
        "perfsuite.plan.search_options",
        "perfsuite.target",
        "perfsuite.target.hosts",
    }


RUN = "tests/golden/runs/basic_20261129_060032"


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        pytest.param("--dry-run", "jinja2 locust numpy psycopg rich scipy sqlalchemy uvicorn", id="a plan"),
        pytest.param("history", "jinja2 locust numpy psycopg scipy uvicorn", id="a list of runs"),
        pytest.param(f"judge {RUN}", "jinja2 locust scipy sqlalchemy uvicorn", id="a verdict"),
    ],
)
def test_a_command_without_load_imports_what_it_needs(arguments: str, needless: str) -> None:
    assert set(imported(*arguments.split())).isdisjoint(needless.split())


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param(("--users", "5"), ("--users", "5"), id="nothing to hide"),
        pytest.param(("--monitor-postgres", DSN), ("--monitor-postgres", "…"), id="the value is a word of its own"),
        pytest.param((f"--monitor-postgres={DSN}",), ("--monitor-postgres=…",), id="the value follows ="),
        pytest.param(
            ("--monitor-postgres", "host=db password=secret", "--quiet"),
            ("--monitor-postgres", "…", "--quiet"),
            id="a DSN in words",
        ),
        pytest.param(("--monitor-server", "4711"), ("--monitor-server", "4711"), id="a process id is no secret"),
        pytest.param(
            ("--monitor-redis", "redis://:secret@localhost"), ("--monitor-redis", "…"), id="a password without a user"
        ),
        pytest.param(
            ("--monitor-prometheus", "http://localhost:9090"),
            ("--monitor-prometheus", "http://localhost:9090"),
            id="an address without a password",
        ),
        pytest.param(("--header", "X-Api-Key: secret"), ("--header", "X-Api-Key: …"), id="the value of a header"),
        pytest.param(("--header=X-Api-Key:secret", "-q"), ("--header=X-Api-Key: …", "-q"), id="of one after ="),
        pytest.param(("--header", "X-A: b", "--header", "c"), ("--header", "X-A: …", "--header", "…"), id="of each"),
        pytest.param(("--header", "X-A: env:KEY"), ("--header", "X-A: env:KEY"), id="the name of a variable stays"),
        pytest.param(("--proxy", "http://me:secret@proxy:1"), ("--proxy", "…"), id="a proxy's password"),
        pytest.param(("--proxy", "http://proxy:3128"), ("--proxy", "http://proxy:3128"), id="a proxy without one"),
    ],
)
def test_possible_passwords_are_removed(given: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert without_secrets(given) == kept


def test_a_fingerprint_needs_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", "--demo"]) == 2
    assert "--monitor-postgres DSN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("latncy=1s@users.me", "unknown kind 'latncy'; did you mean 'latency'?", id="the kind"),
        pytest.param("latency=1s@users.mee", "'users.mee' is not a route; did you mean 'users.me'?", id="the route"),
        pytest.param("latency=long@users.me", "expected a time, as in latency=200ms", id="the value"),
        pytest.param("-latency", "expected KIND[=VALUE]@ROUTE", id="looks like an option"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("--demo", "--dry-run"), id="the plan of a run"),
        pytest.param(("--demo",), id="a run"),
        pytest.param(("preflight", "--demo"), id="preflight"),
        pytest.param(("backend", "--port", "0"), id="the backend alone"),
    ],
)
def test_a_misspelt_fault_is_reported_before_anything_is_started(
    command: tuple[str, ...], fault: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, f"--fault={fault}"]) == 2
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith(f"--fault '{fault}': ")
    assert said in shown.err


def test_a_correct_fault_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", "--fault", "latency=1s@users.me from 3s", "--fault", "pool=2"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("option", ["--as-deployed", "--fault=pool=2"])
def test_faults_need_the_reference_backend(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dry-run", option]) == 2
    assert "add --demo" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--monitor-postgres", "localhost"), id="no DSN"),
        pytest.param(("--monitor-redis", "localhost:6379"), id="no URL of a Redis"),
        pytest.param(("--monitor-server", "999999999"), id="no such process"),
        pytest.param(("--monitor-prometheus-queries", "queries.toml"), id="queries, and nobody to ask"),
    ],
)
@pytest.mark.parametrize("command", [pytest.param(("--dry-run",), id="a plan"), pytest.param((), id="a run")])
def test_a_wrong_monitor_is_reported_before_anything_is_started(
    command: tuple[str, ...], arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--demo", *command, *arguments]) == 2
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith(arguments[0])


def test_a_fingerprint_of_a_wrong_dsn_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", "--demo", "--monitor-postgres", "localhost"]) == 2
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("--monitor-postgres: ")


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        pytest.param(("--demo", "full"), True, id="a demo with a database"),
        pytest.param(("--demo",), False, id="a demo without PostgreSQL"),
        pytest.param(("--monitor-postgres", DSN), True, id="a database that is watched"),
        pytest.param(("--monitor-postgres", DSN, "--no-fingerprint"), False, id="switched off"),
        pytest.param((), False, id="no database is known"),
    ],
)
def test_a_plan_shows_whether_a_fingerprint_is_taken_before_the_load(
    arguments: tuple[str, ...], taken: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--dry-run"]) == 0
    assert ("before the load: what each operation costs the database" in capsys.readouterr().out) is taken


@pytest.mark.parametrize("command", [pytest.param(("--dry-run",), id="a plan"), pytest.param((), id="a run")])
def test_an_error_in_the_queries_is_reported_before_anything_is_started(
    command: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queries = tmp_path / "queries.toml"
    queries.write_text("[queries]\n\"server.cpu\" = 'up'\n", encoding="utf-8")
    arguments = ("--monitor-prometheus", "http://localhost:9090", "--monitor-prometheus-queries", str(queries))

    assert main(["--demo", *command, *arguments]) == 2

    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith(f"{queries}, line 2: there is no metric 'server.cpu'")
