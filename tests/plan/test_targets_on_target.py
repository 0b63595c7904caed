"""Targets on readings of monitors: what an entry becomes, and errors in it."""

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.model import Target
from perfsuite.plan.files import KnownNames, read_targets

READINGS = ("server.cpu_percent", "postgres.connections_used_percent", "redis.hit_percent")
KNOWN = KnownNames(("agent", "customer"), ("policies.list", "users.me"), ("basic", "stress"), READINGS)


def read(folder: Path, text: str, known: KnownNames = KNOWN) -> Target:
    path = folder / "targets.toml"
    path.write_text(f'schema = 1\n[[target]]\nname = "t"\n{text}\n', encoding="utf-8")
    (target,) = read_targets(path, known)
    return target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        pytest.param(
            'metric = "postgres.connections_used_percent"\nbelow = 80',
            Target("t", "postgres.connections_used_percent max", 80, below=True),
            id="the most counts",
        ),
        pytest.param(
            'metric = "server.cpu_percent"\nstatistic = "p95"\nbelow = 85',
            Target("t", "server.cpu_percent p95", 85, below=True),
            id="or what is named",
        ),
        pytest.param(
            'metric = "redis.hit_percent"\nabove = 70',
            Target("t", "redis.hit_percent min", 70, below=False),
            id="above a limit the least counts",
        ),
        pytest.param(
            'metric = "server.cpu_percent"\nbelow = 85\nscenarios = ["basic"]\ninformation_in = ["stress"]',
            Target("t", "server.cpu_percent max", 85, True, scenarios=("basic",), information_in=("stress",)),
            id="scenarios as with all targets",
        ),
        pytest.param(
            'metric = "max_queries_per_request"\nbelow = 20',
            Target("t", "max_queries_per_request", 20, below=True),
            id="queries of every operation",
        ),
        pytest.param(
            'metric = "max_queries_per_request"\nbelow = 5\noperation = "policies.list"\nrole = "agent"',
            Target("t", "max_queries_per_request", 5, True, role="agent", operation="policies.list"),
            id="queries of one",
        ),
    ],
)
def test_an_entry_becomes_a_target(tmp_path: Path, text: str, target: Target) -> None:
    assert read(tmp_path, text) == target


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('metric = "postgres.connections_used_percnt"\nbelow = 80',
         PlanMessage.UNKNOWN_METRIC),
        ('metric = "cpu_percent"\nbelow = 80',
         PlanMessage.UNKNOWN_METRIC),
        ('metric = "max_query_per_request"\nbelow = 80',
         PlanMessage.UNKNOWN_METRIC),
        ('metric = "nonsense"\nbelow = 80',
         PlanMessage.UNKNOWN_METRIC),
        ('metric = "server.cpu_percent"\nstatistic = "p59"\nbelow = 80',
         TomlMessage.UNKNOWN),
        ('metric = "server.cpu_percent"\nstatistic = "min"\nbelow = 80',
         PlanMessage.OTHER_STATISTIC),
        ('metric = "redis.hit_percent"\nstatistic = "max"\nabove = 80',
         PlanMessage.OTHER_STATISTIC),
        ('metric = "avg_ms"\nstatistic = "max"\nbelow = 80',
         PlanMessage.NO_STATISTIC),
        ('metric = "server.cpu_percent"\nbelow = 80\nrole = "agent"',
         PlanMessage.READING_OF_PART),
        ('metric = "server.cpu_percent"\nbelow = 80\noperation = "users.me"',
         PlanMessage.READING_OF_PART),
        ('metric = "max_queries_per_request"\nabove = 2', PlanMessage.QUERIES_BELOW),
        ('metric = "server.cpu_percent"', PlanMessage.ONE_LIMIT),
    ],
)  # fmt: skip
def test_an_error_in_a_target_on_readings_has_its_code(tmp_path: Path, text: str, code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, text)

    assert raised.value.code is code


def test_readings_are_only_known_where_they_are_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown metric 'server\.cpu_percent'"):
        read(tmp_path, 'metric = "server.cpu_percent"\nbelow = 80', KnownNames((), (), ()))
