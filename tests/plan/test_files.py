"""scenarios.toml and targets.toml: their content, and errors in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.model import Scenario, Target
from perfsuite.model.plan import LASTS_AT_LEAST
from perfsuite.plan.build import SuiteFacts, read_inputs
from perfsuite.plan.files import STANDARD_SCENARIOS, KnownNames, choose, read_scenarios, read_targets
from perfsuite.plan.options import PlanOptions
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
READINGS = ("server.cpu_percent", "postgres.connections_used_percent", "redis.hit_percent")
KNOWN = KnownNames(("agent", "customer"), ("policies.list", "users.me"), ("basic", "stress"), READINGS)
SCENARIO = '[scenario.basic]\nusers = 10\nspawn_rate = 2\nduration = "1m"\n'
TARGET = '[[target]]\nname = "t"\nmetric = "avg_ms"\nbelow = 500\n'


def scenario_file(folder: Path, text: str) -> Path:
    path = folder / "scenarios.toml"
    path.write_text(text, encoding="utf-8")
    return path


def target_file(folder: Path, text: str) -> Path:
    path = folder / "targets.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_scenarios_are_those_of_the_manual() -> None:
    file = read_scenarios(ROOT / "scenarios.toml")
    shown = {s.name: (s.users, s.spawn_rate, s.duration_s) for s in file.scenarios.values()}
    assert shown == {
        "basic": (10, 2, 60),
        "moderate": (50, 5, 120),
        "heavy": (100, 10, 180),
        "peak": (100, 10, 300),
        "stress": (200, 20, 600),
        "endurance": (50, 5, 1800),
        "acceptance": (220, 20, 300),
        "spike": (200, 50, 150),
        "steps": (200, 20, 240),
    }
    assert file.multiple == ("basic", "moderate", "heavy", "peak", "stress", "endurance")
    assert file.allowed_hosts == ("staging-api.agentmitra.com",)


def test_the_shipped_targets_are_those_of_the_manual() -> None:
    known = KnownNames((), (), read_scenarios(ROOT / "scenarios.toml").scenarios)
    assert read_targets(ROOT / "targets.toml", known) == (
        Target("average response time", "avg_ms", 500, below=True),
        Target("95th percentile", "p95_ms", 2000, below=True),
        Target("failure rate", "failure_rate", 0.01, below=True, information_in=("stress",)),
        Target("throughput", "rps", 100, below=False),
        Target("concurrent users", "concurrent_users", 200, below=False),
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("schema = 1\n[", TomlMessage.NOT_TOML, id="broken syntax"),
        pytest.param(SCENARIO, TomlMessage.MISSING_KEY, id="no schema"),
        pytest.param("schema = 2\n" + SCENARIO, TomlMessage.OTHER_SCHEMA, id="a later schema"),
        pytest.param("schema = true\n" + SCENARIO, TomlMessage.OTHER_SCHEMA, id="true equals 1 in Python"),
        pytest.param("schema = 1\n", PlanMessage.NO_SCENARIO, id="no scenario"),
        pytest.param(
            "schema = 1\n[scenarios.basic]\n",
            TomlMessage.UNKNOWN,
            id="plural of a table",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nuser = 1\n",
            TomlMessage.UNKNOWN,
            id="unknown key, near another",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nzzz = 1\n",
            TomlMessage.UNKNOWN,
            id="unknown key, near none",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("10", '"ten"'),
            TomlMessage.NOT_WHOLE,
            id="text for a number",
        ),
        pytest.param("schema = 1\n" + SCENARIO.replace("10", "1.5"), TomlMessage.NOT_WHOLE, id="half a user"),
        pytest.param("schema = 1\n" + SCENARIO.replace("10", "true"), TomlMessage.NOT_WHOLE, id="a boolean"),
        pytest.param("schema = 1\n" + SCENARIO.replace("10", "0"), TomlMessage.NOT_POSITIVE, id="no user at all"),
        pytest.param("schema = 1\n" + SCENARIO.replace("= 2", "= -2"), TomlMessage.NOT_POSITIVE, id="negative rate"),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("= 2", "= inf"),
            TomlMessage.NOT_A_NUMBER,
            id="infinite rate",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("1m", "1 minute"),
            PlanMessage.NOT_A_DURATION,
            id="no duration",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace('"1m"', "true"),
            TomlMessage.NOT_A_TEXT,
            id="boolean",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nusers = 1\nspawn_rate = 1\n",
            TomlMessage.MISSING_KEY,
            id="missing key",
        ),
        pytest.param(
            'schema = 1\n[scenario."../x"]\n',
            PlanMessage.SCENARIO_NAME,
            id="a name that leaves the folder",
        ),
        pytest.param(
            'schema = 1\nmultiple = ["basik"]\n' + SCENARIO,
            TomlMessage.UNKNOWN,
            id="unknown scenario in multiple",
        ),
        pytest.param('schema = 1\nsafety = "x"\n' + SCENARIO, TomlMessage.NOT_A_TABLE, id="text for a table"),
        pytest.param(
            'schema = 1\n[safety]\nallowed_hosts = "x"\n' + SCENARIO,
            TomlMessage.NOT_TEXTS,
            id="text for a list",
        ),
    ],
)
def test_an_error_in_the_scenarios_has_its_code(tmp_path: Path, text: str, code: Code) -> None:
    with pytest.raises(UsageError) as caught:
        read_scenarios(scenario_file(tmp_path, text))
    assert caught.value.code is code
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("schema = 1\n", PlanMessage.NO_TARGET, id="no target"),
        pytest.param("schema = 1\n[target]\nname = 't'\n", PlanMessage.TARGETS_FORM, id="one bracket only"),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "p95"),
            PlanMessage.UNKNOWN_METRIC,
            id="unknown metric",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("below = 500\n", ""),
            PlanMessage.ONE_LIMIT,
            id="no limit",
        ),
        pytest.param("schema = 1\n" + TARGET + "above = 3\n", PlanMessage.ONE_LIMIT, id="two limits"),
        pytest.param("schema = 1\n" + TARGET.replace("500", "0"), TomlMessage.NOT_POSITIVE, id="never to be met"),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "failure_rate").replace("500", "5"),
            PlanMessage.RATE_IS_FRACTION,
            id="per cent for a fraction",
        ),
        pytest.param("schema = 1\n" + TARGET + 'role = "agnt"\n', TomlMessage.UNKNOWN, id="unknown role"),
        pytest.param(
            "schema = 1\n" + TARGET + 'operation = "policies.lst"\n',
            TomlMessage.UNKNOWN,
            id="unknown operation",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'scenarios = ["stres"]\n',
            TomlMessage.UNKNOWN,
            id="unknown scenario",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'information_in = ["x"]\n',
            TomlMessage.UNKNOWN,
            id="unknown scenario, near none",
        ),
        pytest.param("schema = 1\n" + TARGET + TARGET, PlanMessage.TARGET_TWICE, id="the same name twice"),
        pytest.param(
            "schema = 1\n[[target]]\nmetric = 'rps'\nabove = 1\n",
            TomlMessage.MISSING_KEY,
            id="a target without name is shown by its place",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "concurrent_users") + 'operation = "users.me"\n',
            PlanMessage.USERS_OF_OPERATION,
            id="users of an operation",
        ),
        pytest.param(
            'schema = 1\npreset = "nielson"\n',
            TomlMessage.UNKNOWN,
            id="unknown preset",
        ),
        pytest.param(
            'schema = 1\npreset = "fast"\n' + TARGET,
            TomlMessage.UNKNOWN,
            id="unknown preset, near none",
        ),
        pytest.param("schema = 1\npreset = 3\n", TomlMessage.NOT_A_TEXT, id="a preset has a name"),
        pytest.param('schema = 1\npresets = "cdr"\n', TomlMessage.UNKNOWN, id="misspelt preset"),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex_500"),
            PlanMessage.APDEX_LIMIT,
            id="less satisfaction",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex_500").replace("below = 500", "above = 1"),
            PlanMessage.APDEX_LIMIT,
            id="more than all satisfied",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex"),
            PlanMessage.UNKNOWN_METRIC,
            id="Apdex without its threshold",
        ),
    ],
)
def test_an_error_in_the_targets_has_its_code(tmp_path: Path, text: str, code: Code) -> None:
    with pytest.raises(UsageError) as caught:
        read_targets(target_file(tmp_path, text), KNOWN)
    assert caught.value.code is code
    assert str(caught.value).startswith("targets.toml")


def test_a_target_for_one_role_and_operation(tmp_path: Path) -> None:
    text = "schema = 1\n" + TARGET + 'role = "agent"\noperation = "users.me"\nscenarios = ["basic"]\n'
    (target,) = read_targets(target_file(tmp_path, text), KNOWN)
    assert (target.role, target.operation, target.scenarios) == ("agent", "users.me", ("basic",))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_scenarios(tmp_path / "nowhere.toml")
    assert caught.value.code is TomlMessage.MISSING_FILE


def test_overrides_are_laid_over_every_chosen_scenario(tmp_path: Path) -> None:
    text = "schema = 1\n" + SCENARIO + SCENARIO.replace("basic", "other")
    file = read_scenarios(scenario_file(tmp_path, text))
    assert choose(file, ("other", "basic"), PlanOptions(users=7, duration_s=5)) == (
        Scenario("other", 7, 2, 5),
        Scenario("basic", 7, 2, 5),
    )


def test_an_unknown_scenario_on_the_command_line_is_named(tmp_path: Path) -> None:
    file = read_scenarios(scenario_file(tmp_path, "schema = 1\n" + SCENARIO))
    with pytest.raises(UsageError) as caught:
        choose(file, ("basc",), PlanOptions())
    assert caught.value.code is PlanMessage.UNKNOWN_SCENARIO


def test_the_targets_of_the_suite_work_with_another_scenario_file(tmp_path: Path) -> None:
    """They name scenarios, such as `stress`, that the file does not hold."""
    own = tmp_path / "own.toml"
    own.write_text('schema = 1\n[scenario.mine]\nusers = 7\nspawn_rate = 7\nduration = "10s"\n')
    options = PlanOptions(scenarios=("mine",), scenarios_file=own, targets_file=ROOT / "targets.toml", demo="embedded")

    assert len(read_inputs(options, SuiteFacts(ROLES, tuple(CATALOGUE))).targets) == 5


def test_the_standard_scenarios_are_those_of_the_file() -> None:
    assert tuple(read_scenarios(ROOT / "scenarios.toml").scenarios) == STANDARD_SCENARIOS


def test_a_preset_adds_the_limits_of_a_published_standard(tmp_path: Path) -> None:
    own = Target("t", "avg_ms", 500, below=True)
    published = Target("Consumer Data Right (Australia): 95 % of calls", "p95_ms", 1500, below=True)
    assert read_targets(target_file(tmp_path, f'schema = 1\npreset = "cdr"\n{TARGET}'), KNOWN) == (own, published)
    assert read_targets(target_file(tmp_path, 'schema = 1\npreset = "cdr"\n'), KNOWN) == (published,)


def test_a_target_for_apdex_names_its_threshold(tmp_path: Path) -> None:
    text = 'schema = 1\n[[target]]\nname = "a"\nmetric = "apdex_300"\nabove = 0.9\nrole = "agent"\n'
    assert read_targets(target_file(tmp_path, text), KNOWN) == (Target("a", "apdex_300", 0.9, False, role="agent"),)


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


def test_a_target_on_how_long_the_target_lasts(tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text('schema = 1\n[[target]]\nname = "a day"\nlasts_at_least = "24h"\n')
    (target,) = read_targets(tmp_path / "targets.toml", KNOWN)

    assert (target.metric, target.limit, target.below) == (LASTS_AT_LEAST, 86_400, False)


def test_such_a_target_has_no_other_limit_and_no_role(tmp_path: Path) -> None:
    for extra in ("below = 3", 'role = "policyholder"', 'metric = "avg_ms"'):
        text = f'schema = 1\n[[target]]\nname = "a day"\nlasts_at_least = "24h"\n{extra}\n'
        (tmp_path / "targets.toml").write_text(text)
        with pytest.raises(UsageError, match=extra.split()[0]):
            read_targets(tmp_path / "targets.toml", KNOWN)
