"""Options and files → plan."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from perfsuite.errors import SafetyError, UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.target import TargetMessage
from perfsuite.model.correctness import CheckLevel, ChecksOff
from perfsuite.plan.build import SuiteFacts, make_plan, new_run_folder, read_inputs, run_id_of, with_demo
from perfsuite.plan.options import ConnectionOptions, PlanOptions, WorkerOptions
from perfsuite.target.connection import connection_settings
from perfsuite.target.hosts import Endpoint
from tests.plan.example import ROLES

FACTS = SuiteFacts(ROLES, ("users.me", "policies.list"), "1.2.3")
LOCAL, EVERYWHERE = Endpoint("127.0.0.1", 5557), Endpoint("::", 5557)
TOKEN = "a-token-of-sufficient-length"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SCENARIOS = """
schema = 1
multiple = ["small", "large"]
[safety]
allowed_hosts = ["qa.example.com"]
[scenario.small]
users = 4
spawn_rate = 2
duration = "1m"
[scenario.large]
users = 40
spawn_rate = 4
duration = "2m"
[scenario.basic]
users = 1
spawn_rate = 1
duration = "10s"
"""
TARGETS = '[[target]]\nname = "average"\nmetric = "avg_ms"\nbelow = 500\n'


@pytest.fixture
def options(tmp_path: Path) -> PlanOptions:
    """Options whose files are there."""
    (tmp_path / "s.toml").write_text(SCENARIOS, encoding="utf-8")
    (tmp_path / "t.toml").write_text("schema = 1\n" + TARGETS, encoding="utf-8")
    (tmp_path / "c.csv").write_text("phone_number,password,role\n1,x,agent\n2,x,customer\n", encoding="utf-8")
    return PlanOptions(
        scenarios_file=tmp_path / "s.toml", targets_file=tmp_path / "t.toml", credentials=tmp_path / "c.csv"
    )


def test_a_plan_holds_all_that_was_asked_for(options: PlanOptions) -> None:
    options = replace(
        options, scenarios=("small",), host="http://qa.example.com/", users=8, read_only=True, command=("--read-only",)
    )
    inputs = read_inputs(options, FACTS)
    plan = make_plan(options, inputs, inputs.scenarios[0], NOW)
    assert plan.run_id == "small_20260304_050607"
    assert plan.host == "http://qa.example.com"
    assert plan.users_by_role == {"agent": 2, "customer": 6}
    assert plan.shared_accounts == {"agent": 1, "customer": 1}
    assert plan.absent_roles == ()
    assert plan.allowed_hosts == ("qa.example.com",)
    assert plan.created_at == "2026-03-04T05:06:07+00:00"
    assert (plan.read_only, plan.command, plan.suite_version) == (True, ("--read-only",), "1.2.3")
    assert [target.name for target in plan.targets] == ["average"]


@pytest.mark.parametrize(
    ("host", "asked", "level", "why_off"),
    [
        pytest.param("http://127.0.0.1:8015", "", CheckLevel.SAMPLE, None, id="the default on this machine"),
        pytest.param("http://qa.example.com", "", CheckLevel.OFF, ChecksOff.REMOTE, id="the default beyond it"),
        pytest.param("http://qa.example.com", "thorough", CheckLevel.THOROUGH, None, id="asked for beyond it"),
        pytest.param("http://127.0.0.1:8015", "off", CheckLevel.OFF, ChecksOff.OPTION, id="switched off"),
    ],
)
def test_how_much_of_the_load_may_be_checks(
    options: PlanOptions, host: str, asked: str, level: CheckLevel, why_off: ChecksOff | None
) -> None:
    options = replace(options, host=host, check_correctness=asked)
    inputs = read_inputs(options, FACTS)
    plan = make_plan(options, inputs, inputs.scenarios[0], NOW)
    assert (plan.check_correctness, plan.checks_off) == (level, why_off)
    assert plan.may_deactivate is bool(asked)


def test_waiting_times_reach_the_plan_and_its_connection(options: PlanOptions) -> None:
    options = replace(options, connection=ConnectionOptions(timeout_s=5.0), stop_timeout_s=2.0)
    inputs = read_inputs(options, FACTS)
    plan = make_plan(options, inputs, inputs.scenarios[0], NOW)
    assert (plan.timeout_s, plan.stop_timeout_s) == (5.0, 2.0)
    assert connection_settings(plan, ()).timeout_s == 5.0


def test_a_plan_holds_no_secret(options: PlanOptions) -> None:
    inputs = read_inputs(replace(options, scenarios=("small",)), FACTS)
    assert "password" not in repr(make_plan(options, inputs, inputs.scenarios[0], NOW))
    assert "'x'" not in repr(inputs)


def test_the_default_scenario_is_basic_and_small_runs_name_absent_roles(options: PlanOptions) -> None:
    inputs = read_inputs(options, FACTS)
    plan = make_plan(options, inputs, inputs.scenarios[0], NOW)
    assert (plan.scenario.name, plan.host) == ("basic", "http://localhost:8015")
    assert plan.absent_roles == ("agent",)


def test_multiple_takes_the_list_of_the_file_and_overrides_hold_for_each(options: PlanOptions) -> None:
    inputs = read_inputs(replace(options, multiple=True, duration_s=5.0), FACTS)
    assert [(s.name, s.users, s.duration_s) for s in inputs.scenarios] == [("small", 4, 5.0), ("large", 40, 5.0)]


def test_a_scenario_may_be_repeated(options: PlanOptions) -> None:
    inputs = read_inputs(replace(options, scenarios=("small", "small")), FACTS)
    assert [scenario.name for scenario in inputs.scenarios] == ["small", "small"]


def test_a_demo_brings_its_own_host_and_accounts(options: PlanOptions, tmp_path: Path) -> None:
    options = replace(options, demo="embedded", credentials=None)
    inputs = read_inputs(options, FACTS)
    assert inputs.host == ""
    own = tmp_path / "demo.csv"
    own.write_text("phone_number,password,role\n7,x,customer\n", encoding="utf-8")
    begun = with_demo(inputs, "http://127.0.0.1:4711", own)
    plan = make_plan(options, begun, begun.scenarios[0], NOW)
    assert (plan.host, plan.demo, plan.shared_accounts) == ("http://127.0.0.1:4711", "embedded", {})
    assert plan.may_deactivate


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"multiple": True, "scenarios": ("small",)}, PlanMessage.ONE_OF_TWO, id="both ways to choose"),
        pytest.param({"demo": "embedded", "host": "http://localhost"}, PlanMessage.ONE_OF_TWO, id="two targets"),
        pytest.param({"demo": "embedded"}, PlanMessage.ONE_OF_TWO, id="two sets of accounts"),
        pytest.param({"faults": ("pool=2",)}, PlanMessage.NEEDS_DEMO, id="a fault of no demo"),
        pytest.param({"as_deployed": True}, PlanMessage.NEEDS_DEMO, id="no demo"),
        pytest.param({"workers": WorkerOptions(bind=LOCAL)}, PlanMessage.NEEDS_WORKERS, id="nobody is to join"),
        pytest.param({"workers": WorkerOptions(max_wait_s=9.0)}, PlanMessage.NEEDS_WORKERS, id="nobody to wait for"),
        pytest.param({"scenarios": ("smal",)}, PlanMessage.UNKNOWN_SCENARIO, id="unknown scenario"),
        pytest.param({"host": "localhost"}, TargetMessage.NO_SCHEME, id="no URL"),
    ],
)
def test_contradicting_options_are_refused(options: PlanOptions, change: dict[str, object], code: Code) -> None:
    with pytest.raises(UsageError) as caught:
        read_inputs(replace(options, **change), FACTS)  # type: ignore[arg-type]
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("users", "processes", "most", "fits"),
    [
        pytest.param(200, 1, 1024, True, id="usual"),
        pytest.param(2000, 1, 1024, False, id="a user too many for a process"),
        pytest.param(2000, 4, 1024, True, id="spread"),
        pytest.param(2000, 1, None, True, id="no limit"),
    ],
)
def test_more_users_than_open_files_are_refused_with_a_fix(
    options: PlanOptions, users: int, processes: int, most: int | None, fits: bool
) -> None:
    asked = replace(options, users=users, processes=processes)
    facts = replace(FACTS, most_open_files=most)
    if fits:
        assert read_inputs(asked, facts).scenarios[0].users == users
        return
    with pytest.raises(UsageError) as caught:
        read_inputs(asked, facts)
    assert (caught.value.code, caught.value.fields["needed"]) == (PlanMessage.TOO_MANY_FILES, 2050)


def test_a_role_without_account_is_refused(options: PlanOptions) -> None:
    assert options.credentials
    options.credentials.write_text("phone_number,password,role\n1,x,agent\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_inputs(replace(options, scenarios=("small",)), FACTS)
    assert caught.value.code is PlanMessage.NO_ACCOUNT_FOR


def test_a_host_that_is_not_allowed_is_refused(options: PlanOptions) -> None:
    with pytest.raises(SafetyError):
        read_inputs(replace(options, host="http://example.com"), FACTS)


def test_a_run_id_is_in_utc_whatever_the_zone() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert run_id_of("basic", datetime(2026, 1, 1, 2, 0, 0, tzinfo=india)) == "basic_20251231_203000"


def test_runs_of_the_same_second_get_their_own_folders(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path / "results", "basic", NOW) for _ in range(3)]
    assert [folder.name for folder in folders] == [
        "basic_20260304_050607",
        "basic_20260304_050607_2",
        "basic_20260304_050607_3",
    ]
    assert all(folder.is_dir() for folder in folders)


def test_unwritable_results_are_refused_with_a_fix(tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.write_text("", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        new_run_folder(file / "deeper", "basic", NOW)
    assert caught.value.code is PlanMessage.RESULTS_UNWRITABLE
    with pytest.raises(UsageError) as caught:
        new_run_folder(file, "basic", NOW)
    assert caught.value.code is PlanMessage.RESULTS_UNWRITABLE


# ── workers elsewhere ───────────────────────────────────────────────────────────────────────────────


def with_token(token: str) -> SuiteFacts:
    return replace(FACTS, environment={"AGENTMITRA_WORKER_TOKEN": token})


@pytest.mark.parametrize(
    ("workers", "processes", "planned"),
    [
        pytest.param(WorkerOptions(), None, (1, 0, "", 60.0), id="a process of this machine"),
        pytest.param(WorkerOptions(), 4, (4, 0, "", 60.0), id="several"),
        pytest.param(WorkerOptions(3), None, (0, 3, "127.0.0.1:5557", 60.0), id="only workers"),
        pytest.param(WorkerOptions(3), 2, (2, 3, "127.0.0.1:5557", 60.0), id="both"),
        pytest.param(
            WorkerOptions(3, Endpoint("::1", 5558), 5.0), None, (0, 3, "[::1]:5558", 5.0), id="with all their options"
        ),
    ],
)
def test_expected_workers_are_planned(
    options: PlanOptions, workers: WorkerOptions, processes: int | None, planned: tuple[int, int, str, float]
) -> None:
    options = replace(options, workers=workers, processes=processes, scenarios=("large",))
    inputs = read_inputs(options, FACTS)
    plan = make_plan(options, inputs, inputs.scenarios[0], NOW)
    assert (plan.processes, plan.expect_workers, plan.bind, plan.expect_workers_max_wait_s) == planned
    assert plan.load_processes == plan.processes + plan.expect_workers


@pytest.mark.parametrize(
    ("bind", "token", "code"),
    [
        pytest.param(None, "", None, id="on this machine no token is needed"),
        pytest.param(LOCAL, TOKEN, None, id="but may be set"),
        pytest.param(EVERYWHERE, TOKEN, None, id="beyond it, with a token"),
        pytest.param(EVERYWHERE, "", PlanMessage.WORKER_TOKEN_MISSING, id="beyond it, without"),
        pytest.param(EVERYWHERE, " \n", PlanMessage.WORKER_TOKEN_MISSING, id="a blank one"),
        pytest.param(EVERYWHERE, "fifteen-letters", PlanMessage.WORKER_TOKEN_SHORT, id="a short one"),
        pytest.param(LOCAL, "fifteen-letters", PlanMessage.WORKER_TOKEN_SHORT, id="a short one on this machine"),
    ],
)
def test_beyond_this_machine_a_token_is_required(
    options: PlanOptions, bind: Endpoint | None, token: str, code: Code | None
) -> None:
    options = replace(options, host="http://qa.example.com", workers=WorkerOptions(2, bind))
    if code is None:
        inputs = read_inputs(options, with_token(token))
        assert inputs.worker_token == token
        assert TOKEN not in repr(inputs)
        assert TOKEN not in repr(make_plan(options, inputs, inputs.scenarios[0], NOW))
        return
    with pytest.raises(UsageError) as caught:
        read_inputs(options, with_token(token))
    assert (caught.value.code, caught.value.fields["variable"]) == (code, "AGENTMITRA_WORKER_TOKEN")
    assert "fifteen-letters" not in str(caught.value)


def test_a_token_has_no_space_of_its_file_around_it(options: PlanOptions) -> None:
    inputs = read_inputs(replace(options, workers=WorkerOptions(2)), with_token(f"{TOKEN}\n"))
    assert inputs.worker_token == TOKEN


def test_a_run_without_workers_ignores_the_token(options: PlanOptions) -> None:
    assert read_inputs(options, with_token("short")).worker_token == ""


def test_a_demo_has_workers_on_this_machine_only(options: PlanOptions) -> None:
    options = replace(options, demo="embedded", credentials=None, workers=WorkerOptions(2))
    assert read_inputs(options, with_token(TOKEN)).worker_token == TOKEN
    with pytest.raises(UsageError) as caught:
        read_inputs(replace(options, workers=WorkerOptions(2, EVERYWHERE)), with_token(TOKEN))
    assert caught.value.code is PlanMessage.WORKERS_OF_DEMO


@pytest.mark.parametrize("host", [None, "http://localhost:8015", "http://127.0.0.1", "http://[::1]:8015"])
def test_workers_elsewhere_need_a_target_that_is_the_same_for_all(options: PlanOptions, host: str | None) -> None:
    options = replace(options, host=host, workers=WorkerOptions(2))
    assert read_inputs(options, with_token(TOKEN)).worker_token == TOKEN
    with pytest.raises(UsageError) as caught:
        read_inputs(replace(options, workers=WorkerOptions(2, EVERYWHERE)), with_token(TOKEN))
    assert caught.value.code is PlanMessage.WORKERS_OF_LOOPBACK


def test_open_files_are_checked_for_processes_of_this_machine(options: PlanOptions) -> None:
    facts = replace(FACTS, most_open_files=1024)
    elsewhere = replace(options, users=4000, workers=WorkerOptions(2))
    assert read_inputs(elsewhere, facts).scenarios[0].users == 4000
    with pytest.raises(UsageError) as caught:
        read_inputs(replace(elsewhere, processes=1), facts)
    assert caught.value.fields["needed"] == 1384
