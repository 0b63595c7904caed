"""The command line: what is kept of it holds no password, and what it lacks is told."""

from pathlib import Path

import pytest

from perfsuite.cli.commands import command_parser
from perfsuite.cli.main import main
from perfsuite.cli.parser import options_of, run_parser, without_secrets
from perfsuite.plan.build import DEFAULT_SEED

DSN = "postgresql://watcher:secret@localhost/mitra"


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
def test_what_may_be_a_password_is_left_out(given: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert without_secrets(given) == kept


@pytest.mark.parametrize("command", ["report", "judge", "preflight", "fingerprint"])
def test_what_prints_can_be_quiet_and_without_colours(command: str) -> None:
    parser = command_parser(command)
    words = [*(["RUN"] if command in ("report", "judge") else []), "--quiet", "--no-color"]
    asked, default = parser.parse_args(words), parser.parse_args(words[:-2])
    assert (asked.quiet, asked.no_color, default.quiet, default.no_color) == (True, True, False, False)


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
def test_a_misspelt_fault_is_told_before_anything_is_started(
    command: tuple[str, ...], fault: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, f"--fault={fault}"]) == 2
    told = capfd.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith(f"--fault '{fault}': ")
    assert said in told.err


def test_a_right_fault_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", "--fault", "latency=1s@users.me from 3s", "--fault", "pool=2"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("option", ["--as-deployed", "--fault=pool=2"])
def test_only_the_reference_backend_can_be_changed(option: str, capsys: pytest.CaptureFixture[str]) -> None:
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
def test_a_monitor_that_cannot_be_meant_is_told_before_anything_is_started(
    command: tuple[str, ...], arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--demo", *command, *arguments]) == 2
    told = capfd.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith(arguments[0])


def test_a_fingerprint_of_nonsense_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", "--demo", "--monitor-postgres", "localhost"]) == 2
    told = capfd.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith("--monitor-postgres: ")


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
def test_a_plan_tells_whether_a_fingerprint_comes_before_the_load(
    arguments: tuple[str, ...], taken: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--dry-run"]) == 0
    assert ("before the load: what each operation costs the database" in capsys.readouterr().out) is taken


@pytest.mark.parametrize("command", [pytest.param(("--dry-run",), id="a plan"), pytest.param((), id="a run")])
def test_a_mistake_in_the_queries_is_told_before_anything_is_started(
    command: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queries = tmp_path / "queries.toml"
    queries.write_text("[queries]\n\"server.cpu\" = 'up'\n", encoding="utf-8")
    arguments = ("--monitor-prometheus", "http://localhost:9090", "--monitor-prometheus-queries", str(queries))

    assert main(["--demo", *command, *arguments]) == 2

    told = capfd.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith(f"{queries}, line 2: there is no metric 'server.cpu'")


def test_the_seed_reaches_the_plan() -> None:
    options = options_of(run_parser().parse_args(["--seed", "7"]), ())

    assert (options.seed, options_of(run_parser().parse_args([]), ()).seed) == (7, DEFAULT_SEED)
