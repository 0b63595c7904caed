"""Errors in TOML name their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.monitor import read_queries
from perfsuite.plan.files import KnownNames, read_scenarios, read_targets
from perfsuite.toml_tables import key_lines, line_of

TEXT = '''\
# a comment = here
schema = 1
a.b = 2

[safety]   # why
allowed_hosts = [
    "x",
    "y = 3",
]
[scenario."odd name"]
purpose = """
users = 7
"""
users = 5
[[target]]
name = "one"
[[target]]
name = "two"
inline = { deep = 1 }
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("schema",), 2),
        (("a", "b"), 3),
        (("safety",), 5),
        (("safety", "allowed_hosts"), 6),
        (("scenario", "odd name"), 10),
        (("scenario", "odd name", "purpose"), 11),
        (("scenario", "odd name", "users"), 14),
        (("target", "0", "name"), 16),
        (("target", "1", "name"), 18),
        pytest.param(("target", "1", "inline", "deep"), 19, id="within one line: that of the table"),
        pytest.param(("target", "1", "missing"), 17, id="a missing key: where its table begins"),
        pytest.param(("nowhere",), None, id="nothing known"),
    ],
)
def test_line_of_a_key(place: tuple[str, ...], line: int | None) -> None:
    assert line_of(place, key_lines(TEXT)) == line


SCENARIO = 'schema = 1\n\n[scenario.basic]\nusers = 10\nspawn_rate = 2\nduration = "1m"\n'


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        pytest.param(
            SCENARIO.replace("spawn_rate", "spawn_rat"),
            "scenarios.toml, line 5: [scenario.basic]",
            TomlMessage.UNKNOWN,
            id="a typo",
        ),
        pytest.param(
            SCENARIO.replace("10", '"ten"'),
            "scenarios.toml, line 4: [scenario.basic] users:",
            TomlMessage.NOT_WHOLE,
            id="wrong type",
        ),
        pytest.param(
            SCENARIO.replace("10", "0"),
            "scenarios.toml, line 4: [scenario.basic] users:",
            TomlMessage.NOT_POSITIVE,
            id="0 users",
        ),
        pytest.param(
            SCENARIO.replace("1m", "5x"),
            "scenarios.toml, line 6: [scenario.basic] duration:",
            PlanMessage.NOT_A_DURATION,
            id="duration",
        ),
        pytest.param(
            SCENARIO.replace("users = 10\n", ""),
            "scenarios.toml, line 3: [scenario.basic]",
            TomlMessage.MISSING_KEY,
            id="gone",
        ),
    ],
)
def test_an_error_in_a_scenario_names_file_line_and_key(text: str, place: str, code: Code, tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_scenarios(file)
    assert (raised.value.code, raised.value.fields["place"]) == (code, place)


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text(SCENARIO.replace("10", ""), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_scenarios(file)
    assert raised.value.code is TomlMessage.NOT_TOML
    assert "at line 4" in str(raised.value)


def test_the_second_of_two_targets_is_named_by_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "targets.toml"
    one = '[[target]]\nname = "{}"\nmetric = "{}"\nbelow = 5\n'
    file.write_text("schema = 1\n" + one.format("a", "avg_ms") + one.format("b", "avg_m"), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_targets(file, KnownNames([], [], []))
    assert raised.value.code is PlanMessage.UNKNOWN_METRIC
    assert raised.value.fields["place"] == "targets.toml, line 8: [[target]] 'b' metric:"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[queris]\n", ", line 2: unknown key 'queris', did you mean 'queries'?", id="a table"),
        pytest.param(
            '[queries]\n"server.cpu_percent" = "x"\n"server.cpu_percnt" = "x"\n',
            ", line 4: there is no metric 'server.cpu_percnt', did you mean 'server.cpu_percent'?",
            id="a metric",
        ),
        pytest.param("node = 1\n", ", line 2: node has to be a text", id="a type"),
    ],
)
def test_an_error_in_the_queries_for_prometheus(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.toml"
    file.write_text("# mine\n" + text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_queries(file)
    assert str(raised.value) == f"{file}{message}"
