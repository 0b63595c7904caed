"""Errors of the command line: one or two lines with a fix, before anything is sent or written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.plan.options import MAX_USERS


def users(text: str) -> str:
    return PlanMessage.NOT_WHOLE(low=1, high=MAX_USERS, text=text).at("--users:")


SECRETS = re.compile(r"testpassword|Bearer |eyJ[A-Za-z0-9_-]{8,}\\.|geheim")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(
            ["--scenario", "streß"],
            2,
            "--scenario: unknown scenario 'streß', did you mean 'stress'?\n"
            "Known: basic, moderate, heavy, peak, stress, endurance, acceptance",
            id="scenario",
        ),
        pytest.param(
            ["--scenario", "zzz"], 2, "--scenario: unknown scenario 'zzz'.\nKnown: basic, ", id="scenario, near none"
        ),
        pytest.param(["--users", "0"], 2, users("0"), id="no users"),
        pytest.param(["--users", "abc"], 2, users("abc"), id="users not a number"),
        pytest.param(["--users", "-3"], 2, users("-3"), id="users < 0"),
        pytest.param(["--users", "2.5"], 2, users("2.5"), id="half a user"),
        pytest.param(["--spawn-rate", "fast"], 2, PlanMessage.NOT_A_NUMBER(text="fast").at("--spawn-rate:"), id="rate"),
        pytest.param(["--spawn-rate", "0"], 2, "--spawn-rate: must be above 0, not 0", id="spawn rate 0"),
        pytest.param(["--spawn-rate", "nan"], 2, "--spawn-rate: must be above 0, not nan", id="spawn rate nan"),
        pytest.param(["--duration", "5x"], 2, "'5x' is not a duration. Write it as 90s, 5m, 1h", id="duration"),
        pytest.param(["--user", "5"], 2, "unknown option --user, did you mean '--users'?", id="nearest option"),
        pytest.param(["preflihgt"], 2, "unknown command 'preflihgt', did you mean 'preflight'?", id="command"),
        pytest.param(
            ["--multiple", "--scenario", "peak"],
            2,
            PlanMessage.ONE_OF_TWO(option="--multiple", other="--scenario"),
            id="both",
        ),
        pytest.param(
            ["--demo", "--host", "http://localhost:1"],
            2,
            PlanMessage.ONE_OF_TWO(option="--demo", other="--host"),
            id="two targets",
        ),
        pytest.param(
            ["--demo", "--credentials", "/nowhere/c.csv"],
            2,
            PlanMessage.ONE_OF_TWO(option="--demo", other="--credentials"),
            id="two sets of accounts",
        ),
        pytest.param(
            ["preflight", "--demo", "--credentials", "credentials.csv"],
            2,
            PlanMessage.ONE_OF_TWO(option="--demo", other="--credentials"),
            id="two sets of accounts for preflight",
        ),
        pytest.param(["--fault", "pool=2"], 2, PlanMessage.NEEDS_DEMO(option="--fault"), id="fault, no demo"),
        pytest.param(["--demo", "--fault", "latncy=1s@users.me"], 2, "did you mean 'latency'?", id="unknown fault"),
        pytest.param(["--demo", "maximal"], 2, "--demo: must be one of embedded, full", id="unknown demo"),
        pytest.param(
            ["--host", "https://api.agentmitra.com"],
            6,
            "refused: api.agentmitra.com looks like production (nothing in its name says staging",
            id="production",
        ),
        pytest.param(
            ["--host", "https://api.agentmitra.com", "--allow-host", "api.agentmitra.com"],
            6,
            "refused: api.agentmitra.com looks like production",
            id="production, allowed but not accepted",
        ),
        pytest.param(
            ["--host", "http://staging.example.org"],
            6,
            "refused: staging.example.org",
            id="host not allowed",
        ),
        pytest.param(
            ["--host", "http://a:geheim@localhost"], 2, "must not contain a user name", id="password in the URL"
        ),
        pytest.param(["--host", "localhost:8015"], 2, "Did you mean 'http://localhost:8015'?", id="no scheme"),
        pytest.param(["--targets", "/nowhere/targets.toml"], 2, "/nowhere/targets.toml", id="no targets file"),
        pytest.param(["--credentials", "/nowhere/c.csv"], 2, "/nowhere/c.csv: there is no such file", id="no accounts"),
        pytest.param(["report", "tests"], 2, "tests: not the folder of a run (plan.json is missing)", id="report"),
        pytest.param(["report", "README.md"], 2, "README.md: not the folder of a run", id="report of a file"),
        pytest.param(["judge", "/nowhere"], 2, "/nowhere: not the folder of a run", id="judge"),
        pytest.param(["cleanup", "tests"], 2, "tests: not the folder of a run", id="cleanup"),
        pytest.param(["backend", "--port", "x"], 2, "--port: ", id="backend's port"),
    ],
)
def test_an_error_is_reported_in_one_or_two_lines(
    arguments: list[str], code: int, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    named = arguments[0] not in ("report", "judge", "cleanup", "backend")

    assert main([*arguments, *(("--results", str(results)) if named else ())]) == code

    shown = capfd.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert 1 <= len(shown.err.strip().splitlines()) <= 3
    assert "Traceback" not in shown.err
    assert not SECRETS.search(shown.err)
    assert not results.exists()


FILES = {
    "scenarios.toml": 'schema = 1\n[scenario.basic]\nusers = 10\nspawn_rate = 2\nduration = "1m"\n',
    "targets.toml": 'schema = 1\n[[target]]\nname = "average"\nmetric = "avg_ms"\nbelow = 500\n',
    "credentials.csv": "phone_number,password,role\n9876543200,geheim,super_admin\n",
}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "scenarios.toml",
            "spawn_rate",
            "spawnrate",
            "scenarios.toml, line 4: [scenario.basic] unknown key 'spawnrate', did you mean 'spawn_rate'?",
            id="unknown key",
        ),
        pytest.param(
            "scenarios.toml",
            "= 10",
            '= "ten"',
            TomlMessage.NOT_WHOLE(value='"ten"').at("scenarios.toml, line 3: [scenario.basic] users:"),
            id="wrong type",
        ),
        pytest.param(
            "targets.toml",
            "avg_ms",
            "avg",
            "targets.toml, line 4: [[target]] 'average' metric: unknown metric 'avg', did you mean 'avg_ms'?",
            id="typo",
        ),
        pytest.param(
            "targets.toml", "= 500", "=", "targets.toml: is not valid TOML: Invalid value (at line 5", id="no TOML"
        ),
        pytest.param(
            "credentials.csv",
            ",super_admin",
            ",super_admn",
            "credentials.csv, line 2: ",
            id="no role",
        ),
        pytest.param(
            "credentials.csv",
            "9876543200,geheim,super_admin",
            "9876543200,geheim,super_admin",
            "no account for provider_admin, regional_manager",
            id="accounts lack roles",
        ),
    ],
)
def test_an_error_in_a_file_names_file_line_and_key(
    file: str, old: str, new: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace(old, new) if name == file else text, encoding="utf-8")
    files = [part for name in FILES for part in (f"--{name.split('.')[0]}", str(tmp_path / name))]

    assert main([*files, "--results", str(tmp_path / "results")]) == 2

    shown = capfd.readouterr()
    assert message in shown.err
    assert 1 <= len(shown.err.strip().splitlines()) <= 2
    assert not SECRETS.search(shown.err)
    assert not (tmp_path / "results").exists()
