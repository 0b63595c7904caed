"""Which work a load does: roles, weights, operations and think times, from the file and from options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.cli.parser import parse
from perfsuite.errors import UsageError
from perfsuite.format import duration
from perfsuite.messages import Code, Message
from perfsuite.messages.plan import PlanMessage, PlannedReason
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.model import Scenario, Target
from perfsuite.plan.build import make_plan, read_inputs
from perfsuite.plan.dry_run import render, why_not_judged
from perfsuite.plan.files import choose, read_scenarios
from perfsuite.plan.options import PlanOptions, WorkOptions
from perfsuite.roles import ROLES
from perfsuite.roles.work import sending_roles

BUSY = ("users.me", "agents.profile", "policies.page", "policies.read", "agents.performance")
"""All that junior agents do."""
TWO = 'roles = ["policyholder", "super_admin"]'


def _written(folder: Path, *lines: str) -> Path:
    path = folder / "scenarios.toml"
    plain = ["users = 20", "spawn_rate = 5", 'duration = "1m"']
    path.write_text("\n".join(["schema = 1", "[scenario.own]", *plain, *lines]), encoding="utf-8")
    return path


def _read(folder: Path, *lines: str) -> Scenario:
    return read_scenarios(_written(folder, *lines)).scenarios["own"]


def test_work_in_the_file(tmp_path: Path) -> None:
    made = _read(
        tmp_path, TWO, "weights = { policyholder = 4 }", 'exclude = ["policies.list"]', "think_time_factor = 0.5"
    )
    assert made == Scenario(
        "own",
        20,
        5,
        60,
        roles=("super_admin", "policyholder"),
        weights={"policyholder": 4},
        exclude=("policies.list",),
        think_time_factor=0.5,
    )
    assert made.work_text == (
        "roles: super_admin, policyholder; weights: policyholder 4; excluded: policies.list; think times: × 0.5"
    )


def test_without_these_keys_nothing_differs(tmp_path: Path) -> None:
    assert _read(tmp_path) == Scenario("own", 20, 5, 60)
    assert _read(tmp_path).work == ()


def test_only_these_operations_and_logins(tmp_path: Path) -> None:
    made = _read(tmp_path, 'roles = ["policyholder"]', 'operations = ["users.me", "login"]')
    assert [made.sends(name) for name in ("users.me", "login", "policies.list")] == [True, True, False]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param('roles = ["policyholdr"]', TomlMessage.UNKNOWN, id="a role that there is not"),
        pytest.param("roles = []", PlanMessage.EMPTY_LIST, id="no role"),
        pytest.param("weights = { agent = 1 }", TomlMessage.UNKNOWN, id="a weight of a role that there is not"),
        pytest.param("weights = { policyholder = 0 }", TomlMessage.NOT_POSITIVE, id="no weight: leave the role out"),
        pytest.param("weights = { policyholder = 1.5 }", TomlMessage.NOT_WHOLE, id="weights are whole numbers"),
        pytest.param(f"{TWO}\nweights = {{ junior_agent = 2 }}", PlanMessage.WEIGHT_OF_NO_ROLE, id="nobody has it"),
        pytest.param("weights = { policyholder = 9999999 }", PlanMessage.TOO_HIGH, id="absurd weight"),
        pytest.param('exclude = ["policies.lst"]', TomlMessage.UNKNOWN, id="an operation that there is not"),
        pytest.param('exclude = ["policies.delete"]', TomlMessage.UNKNOWN, id="no load sends it"),
        pytest.param('exclude = ["login"]', PlanMessage.LOGIN_EXCLUDED, id="nobody could do anything"),
        pytest.param('operations = ["users.me"]', PlanMessage.NOTHING_LEFT_FOR, id="other roles have nothing to do"),
        pytest.param("think_time_factor = -1", TomlMessage.NEGATIVE, id="negative"),
        pytest.param("think_time_factor = nan", TomlMessage.NOT_A_NUMBER, id="no number"),
        pytest.param("think_time_factor = 101", PlanMessage.TOO_HIGH, id="absurd factor"),
        pytest.param("think_time_factor = 2\narrival_rate = 3", PlanMessage.NO_THINK_TIMES, id="nobody thinks"),
        pytest.param("iterations = 0", TomlMessage.NOT_POSITIVE, id="no iteration"),
        pytest.param("iterations = 2.5", TomlMessage.NOT_WHOLE, id="half an iteration"),
        pytest.param("iterations = 2000000", PlanMessage.TOO_HIGH, id="absurdly many iterations"),
        pytest.param("iterations = 2\narrival_rate = 3", PlanMessage.ITERATIONS_OF_RATE, id="the rate says it"),
        pytest.param("iterations = 2\nrefill = true", PlanMessage.ITERATIONS_OF_STAGES, id="a refill has stages"),
    ],
)
def test_what_makes_no_sense_in_the_file(tmp_path: Path, line: str, code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        _read(tmp_path, line)
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code is code
    assert str(raised.value).startswith("scenarios.toml, line")


def _chosen(folder: Path, options: WorkOptions, *lines: str, **more: float) -> Scenario:
    (made,) = choose(read_scenarios(_written(folder, *lines)), ["own"], PlanOptions(work=options, **more))  # type: ignore[arg-type]
    return made


def test_options_replace_roles_and_factor_and_add_exclusions(tmp_path: Path) -> None:
    options = WorkOptions(("policyholder",), ("users.me",), 0.0)
    weights = "weights = { super_admin = 2, policyholder = 3 }"
    made = _chosen(tmp_path, options, TWO, weights, 'exclude = ["policies.list"]', "think_time_factor = 2")
    assert (made.roles, made.weights) == (("policyholder",), {"policyholder": 3})
    assert made.exclude == ("policies.list", "users.me")
    assert made.think_time_factor == 0.0


def test_all_roles_by_name_are_all(tmp_path: Path) -> None:
    slugs = "support_staff policyholder junior_agent senior_agent regional_manager provider_admin super_admin"
    assert _chosen(tmp_path, WorkOptions(roles=tuple(slugs.split())), TWO) == Scenario("own", 20, 5, 60)


@pytest.mark.parametrize(
    ("options", "more", "code"),
    [
        pytest.param(WorkOptions(roles=("agent",)), {}, TomlMessage.UNKNOWN, id="role"),
        pytest.param(WorkOptions(exclude=("nothing",)), {}, TomlMessage.UNKNOWN, id="operation"),
        pytest.param(WorkOptions(exclude=("login",)), {}, PlanMessage.LOGIN_EXCLUDED, id="login"),
        pytest.param(
            WorkOptions(("junior_agent",), BUSY),
            {},
            PlanMessage.NOTHING_LEFT,
            id="nothing left to do",
        ),
        pytest.param(
            WorkOptions(think_time_factor=2.0), {"arrival_rate": 5.0}, PlanMessage.NO_THINK_TIMES, id="open model"
        ),
        pytest.param(WorkOptions(iterations=3), {"arrival_rate": 5.0}, PlanMessage.ITERATIONS_OF_RATE, id="rate"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(tmp_path: Path, options: WorkOptions, more: dict[str, float], code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        _chosen(tmp_path, options, **more)
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code is code


def test_an_arrival_rate_over_a_scenario_with_think_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        _chosen(tmp_path, WorkOptions(), "think_time_factor = 2", arrival_rate=5.0)
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code is PlanMessage.NO_THINK_TIMES


def _parsed(*argv: str, **environment: str) -> WorkOptions:
    variables = {f"AGENTMITRA_{name}": value for name, value in environment.items()}
    found: WorkOptions = parse(argv, variables).options.plan.work
    return found


def test_commas_and_repetition() -> None:
    both = "policyholder", "super_admin"
    assert _parsed("--roles", "policyholder,super_admin").roles == both
    assert _parsed("--roles", "policyholder", "--roles", " super_admin ").roles == both
    assert _parsed("--exclude", "users.me, users.list", "--exclude", "users.read").exclude == (
        "users.me",
        "users.list",
        "users.read",
    )


def test_variables_and_the_run_table(tmp_path: Path) -> None:
    file = _written(tmp_path, "[run]", 'roles = ["policyholder", "junior_agent"]', "think_time_factor = 3")
    assert _parsed("--scenarios", str(file)) == WorkOptions(("policyholder", "junior_agent"), (), 3.0)
    given = {"ROLES": "support_staff,junior_agent", "EXCLUDE": "users.me", "THINK_TIME_FACTOR": "0.25"}
    assert _parsed("--scenarios", str(file), **given) == WorkOptions(
        ("support_staff", "junior_agent"), ("users.me",), 0.25
    )
    assert _parsed("--roles", "policyholder", **given).roles == ("policyholder",)


def test_the_open_model_typed_ignores_a_factor_from_elsewhere() -> None:
    parsed = parse(["--arrival-rate", "5"], {"AGENTMITRA_THINK_TIME_FACTOR": "2"})
    assert parsed.options.plan.work.think_time_factor is None
    assert len(parsed.ignored) == 1


@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "1e9", "fast", ""])
def test_factors_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--think-time-factor") as raised:
        _parsed("--think-time-factor", text)
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code in (PlanMessage.NOT_A_FACTOR, PlanMessage.NOT_A_NUMBER)


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_no_role_is_no_choice(text: str) -> None:
    with pytest.raises(UsageError, match="--roles") as raised:
        _parsed("--roles", text)
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code is PlanMessage.NO_VALUE


def test_users_of_the_roles_that_take_part(tmp_path: Path) -> None:
    file = _written(tmp_path, TWO, "weights = { policyholder = 4 }")
    options = PlanOptions(demo="embedded", scenarios_file=file, scenarios=("own",))
    inputs = read_inputs(options)
    plan = make_plan(options, inputs, inputs.scenarios[0])
    assert plan.users_by_role == {"super_admin": 4, "policyholder": 16}
    assert plan.absent_roles == ()


def test_iterations_take_at_most_the_duration_which_is_ten_minutes_where_nobody_says_it(tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text("schema = 1\n[scenario.own]\nusers = 2\nspawn_rate = 1\niterations = 5\n", encoding="utf-8")
    assert read_scenarios(file).scenarios["own"] == Scenario("own", 2, 1, 600, iterations=5)
    assert _read(tmp_path, "iterations = 5").duration_s == 60
    assert (
        _chosen(tmp_path, WorkOptions(iterations=7), "iterations = 5").work_text == "iterations: 7 per user, within 1m"
    )


def test_stages_have_no_iterations(tmp_path: Path) -> None:
    stages = 'stages = [{ name = "one", duration = "10s", users = 5 }]'
    file = tmp_path / "scenarios.toml"
    file.write_text(f"schema = 1\n[scenario.own]\n{stages}\n", encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        choose(read_scenarios(file), ["own"], PlanOptions(work=WorkOptions(iterations=3)))
    assert isinstance(raised.value.message, Message)
    assert raised.value.message.code is PlanMessage.ITERATIONS_OF_STAGES


def test_the_steady_part_of_iterations_ends_when_the_first_user_is_done(tmp_path: Path) -> None:
    file = _written(tmp_path, 'roles = ["junior_agent"]', "iterations = 20")
    inputs = read_inputs(PlanOptions(demo="embedded", scenarios_file=file, scenarios=("own",)))
    plan = make_plan(PlanOptions(demo="embedded"), inputs, inputs.scenarios[0])
    (role,) = roles = sending_roles(plan.scenario, ROLES)
    done_s = 20 * role.requests_per_action() * 0.5 + 19 * role.think_mean_s
    steady_s = (done_s - 4) * 0.9
    assert 10 < steady_s < 40
    lines = render(plan, roles).splitlines()
    assert f"  steady   {duration(steady_s):>11}   judged, until the first user is done" in lines
    long = replace(plan, scenario=replace(plan.scenario, iterations=500))
    assert "  steady          51 s   judged" in render(long, roles).splitlines(), "nobody is done within the minute"
    short = replace(plan, scenario=replace(plan.scenario, iterations=1))
    p95 = Target("p95", "p95_ms", 2_000, True)
    assert why_not_judged(p95, short, roles) == PlannedReason.NO_STEADY_STATE()


def test_a_dry_run_says_what_is_left_out(tmp_path: Path) -> None:
    file = _written(tmp_path, TWO, 'exclude = ["policies.list"]')
    inputs = read_inputs(PlanOptions(demo="embedded", scenarios_file=file, scenarios=("own",)))
    plan = make_plan(PlanOptions(demo="embedded"), inputs, inputs.scenarios[0])
    roles = sending_roles(plan.scenario, ROLES)
    of_role = Target("of agents", "avg_ms", 100, True, role="junior_agent")
    of_operation = Target("of lists", "avg_ms", 100, True, operation="policies.list")
    assert why_not_judged(of_role, plan, roles) == PlannedReason.ROLE_LEFT_OUT(role="junior_agent")
    assert why_not_judged(of_operation, plan, roles) == PlannedReason.EXCLUDED(operation="policies.list")
    assert "  excluded:    policies.list" in render(plan, roles).splitlines()
