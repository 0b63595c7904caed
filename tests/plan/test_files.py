"""The three files of a user: what they say, and how every mistake in them is told."""

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.model import Scenario, Target
from perfsuite.plan.build import Ground, read_inputs
from perfsuite.plan.files import STANDARD_SCENARIOS, KnownNames, choose, read_scenarios, read_targets
from perfsuite.plan.options import PlanOptions
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
KNOWN = KnownNames(("agent", "customer"), ("policies.list", "users.me"), ("basic", "stress"))
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
    told = {s.name: (s.users, s.spawn_rate, s.duration_s) for s in file.scenarios.values()}
    assert told == {
        "basic": (10, 2, 60),
        "moderate": (50, 5, 120),
        "heavy": (100, 10, 180),
        "peak": (100, 10, 300),
        "stress": (200, 20, 600),
        "endurance": (50, 5, 1800),
        "acceptance": (220, 20, 300),
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
    ("text", "message"),
    [
        pytest.param("schema = 1\n[", "scenarios.toml: is not valid TOML", id="broken syntax"),
        pytest.param(SCENARIO, "scenarios.toml: key 'schema' is missing", id="no schema"),
        pytest.param("schema = 2\n" + SCENARIO, "this version reads schema 1, not 2", id="a later schema"),
        pytest.param(
            "schema = true\n" + SCENARIO, "this version reads schema 1, not true", id="true equals 1 in Python"
        ),
        pytest.param("schema = 1\n", "has no scenario. Add a table such as [scenario.basic]", id="no scenario"),
        pytest.param(
            "schema = 1\n[scenarios.basic]\n",
            "unknown key 'scenarios', did you mean 'scenario'?",
            id="plural of a table",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nuser = 1\n",
            "scenarios.toml, line 3: [scenario.a] unknown key 'user', did you mean 'users'?",
            id="unknown key, near another",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nzzz = 1\n",
            "unknown key 'zzz'. Known: users, spawn_rate, duration, purpose",
            id="unknown key, near none",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("10", '"ten"'),
            '[scenario.basic] users: must be a whole number, not "ten"',
            id="text for a number",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("10", "1.5"), "users: must be a whole number, not 1.5", id="half a user"
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("10", "true"), "users: must be a whole number, not true", id="a boolean"
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("10", "0"), "users: must be above 0, not 0", id="no user at all"
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("= 2", "= -2"), "spawn_rate: must be above 0, not -2", id="negative rate"
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("= 2", "= inf"),
            "spawn_rate: must be a number, not inf",
            id="infinite rate",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace("1m", "1 minute"),
            "[scenario.basic] duration: '1 minute' is not a duration. Write it as 90s, 5m, 1h or 1h30m",
            id="no duration",
        ),
        pytest.param(
            "schema = 1\n" + SCENARIO.replace('"1m"', "true"),
            "duration: must be a text in quotes, not true",
            id="boolean",
        ),
        pytest.param(
            "schema = 1\n[scenario.a]\nusers = 1\nspawn_rate = 1\n",
            "[scenario.a] key 'duration' is missing",
            id="missing key",
        ),
        pytest.param(
            'schema = 1\n[scenario."../x"]\n',
            "may hold letters, digits, _ and - only",
            id="a name that leaves the folder",
        ),
        pytest.param(
            'schema = 1\nmultiple = ["basik"]\n' + SCENARIO,
            "scenarios.toml, line 2: multiple: unknown scenario 'basik', did you mean 'basic'?",
            id="unknown scenario in multiple",
        ),
        pytest.param(
            'schema = 1\nsafety = "x"\n' + SCENARIO, 'safety: must be a table, [safety], not "x"', id="text for a table"
        ),
        pytest.param(
            'schema = 1\n[safety]\nallowed_hosts = "x"\n' + SCENARIO,
            "[safety] allowed_hosts: must be a list of texts",
            id="text for a list",
        ),
    ],
)
def test_a_mistake_in_the_scenarios_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_scenarios(scenario_file(tmp_path, text))
    assert message in str(caught.value)
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("schema = 1\n", "has no target, so nothing could be judged", id="no target"),
        pytest.param(
            "schema = 1\n[target]\nname = 't'\n", "written as [[target]], with two brackets", id="one bracket only"
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "p95"),
            "targets.toml, line 4: [[target]] 't' metric: unknown metric 'p95', did you mean 'p95_ms'?",
            id="unknown metric",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("below = 500\n", ""),
            "[[target]] 't' needs exactly one of 'below' and 'above'",
            id="no limit",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + "above = 3\n", "needs exactly one of 'below' and 'above'", id="two limits"
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("500", "0"), "below: must be above 0, not 0", id="never to be met"
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "failure_rate").replace("500", "5"),
            "a failure rate is a fraction: write 0.05 for 5 %",
            id="per cent for a fraction",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'role = "agnt"\n', "unknown role 'agnt', did you mean 'agent'?", id="unknown role"
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'operation = "policies.lst"\n',
            "unknown operation 'policies.lst', did you mean 'policies.list'?",
            id="unknown operation",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'scenarios = ["stres"]\n',
            "scenarios: unknown scenario 'stres', did you mean 'stress'?",
            id="unknown scenario",
        ),
        pytest.param(
            "schema = 1\n" + TARGET + 'information_in = ["x"]\n',
            "information_in: unknown scenario 'x'. Known: basic, stress",
            id="unknown scenario, near none",
        ),
        pytest.param("schema = 1\n" + TARGET + TARGET, "two targets are called 't'", id="the same name twice"),
        pytest.param(
            "schema = 1\n[[target]]\nmetric = 'rps'\nabove = 1\n",
            "[[target]] number 1 key 'name' is missing",
            id="a target without name is told by its place",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "concurrent_users") + 'operation = "users.me"\n',
            "users are not counted by operation",
            id="users of an operation",
        ),
        pytest.param(
            'schema = 1\npreset = "nielson"\n',
            "targets.toml, line 2: preset: unknown preset 'nielson', did you mean 'nielsen'?",
            id="unknown preset",
        ),
        pytest.param(
            'schema = 1\npreset = "fast"\n' + TARGET,
            "unknown preset 'fast'. Known: apdex, nielsen, ttfb, google-sre, cdr, open-finance-uae, kubernetes",
            id="unknown preset, near none",
        ),
        pytest.param("schema = 1\npreset = 3\n", "preset: must be a text in quotes, not 3", id="a preset has a name"),
        pytest.param('schema = 1\npresets = "cdr"\n', "'presets', did you mean 'preset'?", id="misspelt preset"),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex_500"),
            "below: an Apdex score lies between 0 and 1, and more is better: write above = 0.85",
            id="less satisfaction",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex_500").replace("below = 500", "above = 1"),
            "above: an Apdex score lies between 0 and 1",
            id="more than all satisfied",
        ),
        pytest.param(
            "schema = 1\n" + TARGET.replace("avg_ms", "apdex"),
            "unknown metric 'apdex', did you mean 'apdex_500'?",
            id="Apdex without its threshold",
        ),
    ],
)
def test_a_mistake_in_the_targets_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_targets(target_file(tmp_path, text), KNOWN)
    assert message in str(caught.value)
    assert str(caught.value).startswith("targets.toml")


def test_a_target_for_one_role_and_operation(tmp_path: Path) -> None:
    text = "schema = 1\n" + TARGET + 'role = "agent"\noperation = "users.me"\nscenarios = ["basic"]\n'
    (target,) = read_targets(target_file(tmp_path, text), KNOWN)
    assert (target.role, target.operation, target.scenarios) == ("agent", "users.me", ("basic",))


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: there is no such file"):
        read_scenarios(tmp_path / "nowhere.toml")


def test_overrides_are_laid_over_every_chosen_scenario(tmp_path: Path) -> None:
    text = "schema = 1\n" + SCENARIO + SCENARIO.replace("basic", "other")
    file = read_scenarios(scenario_file(tmp_path, text))
    assert choose(file, ("other", "basic"), PlanOptions(users=7, duration_s=5)) == (
        Scenario("other", 7, 2, 5),
        Scenario("basic", 7, 2, 5),
    )


def test_an_unknown_scenario_on_the_command_line_is_named(tmp_path: Path) -> None:
    file = read_scenarios(scenario_file(tmp_path, "schema = 1\n" + SCENARIO))
    with pytest.raises(UsageError, match="--scenario: unknown scenario 'basc', did you mean 'basic'"):
        choose(file, ("basc",), PlanOptions())


def test_the_suites_targets_go_with_a_scenario_file_of_ones_own(tmp_path: Path) -> None:
    """They name scenarios, such as `stress`, that the file does not hold."""
    own = tmp_path / "own.toml"
    own.write_text('schema = 1\n[scenario.mine]\nusers = 7\nspawn_rate = 7\nduration = "10s"\n')
    options = PlanOptions(scenarios=("mine",), scenarios_file=own, targets_file=ROOT / "targets.toml", demo="embedded")

    assert len(read_inputs(options, Ground(ROLES, tuple(CATALOGUE))).targets) == 5


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
