"""What the workers of a machine start with: its own files, options and environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.target import TargetMessage
from perfsuite.model import Account, OwnConnection
from perfsuite.plan.options import ConnectionOptions, PlanOptions
from perfsuite.plan.workers import worker_start
from perfsuite.target.hosts import Endpoint
from tests.plan.example import ROLES

HERE, ELSEWHERE = Endpoint("127.0.0.1", 5557), Endpoint("master.load", 5558)
TOKEN = "a-token-of-sufficient-length"
ENVIRONMENT = {"AGENTMITRA_WORKER_TOKEN": TOKEN, "AGENTMITRA_TEST_PASSWORD": "pass-word", "KEY": "header-value"}
SCENARIOS = """
schema = 1
[safety]
allowed_hosts = ["qa.example.com", "www.example.com"]
[scenario.small]
users = 4
spawn_rate = 2
duration = "1m"
"""


@pytest.fixture
def options(tmp_path: Path) -> PlanOptions:
    """Options whose files are there."""
    (tmp_path / "s.toml").write_text(SCENARIOS, encoding="utf-8")
    (tmp_path / "c.csv").write_text("phone_number,password,role\n1,,agent\n2,x,api_customer\n", encoding="utf-8")
    return PlanOptions(scenarios_file=tmp_path / "s.toml", credentials=tmp_path / "c.csv")


def test_all_that_is_this_machines_own(options: PlanOptions) -> None:
    connection = ConnectionOptions(proxy="http://proxy.here:3128", headers=("X-Key: env:KEY",))
    options = replace(options, connection=connection, allow_hosts=("test.example.com",))

    start = worker_start(options, ELSEWHERE, ROLES, ENVIRONMENT)

    assert (start.master_host, start.master_port, start.token) == ("master.load", 5558, TOKEN)
    assert start.secrets.accounts == (Account("1", "pass-word", "agent"), Account("2", "x", "customer"))
    assert start.secrets.headers == (("X-Key", "header-value"),)
    assert start.connection == OwnConnection(proxy="http://proxy.here:3128")
    assert (start.local, start.index) == (False, None)
    assert all(text not in repr(start) for text in (TOKEN, "pass-word", "header-value"))


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        pytest.param({}, ("qa.example.com",), id="of its file, without what looks like production"),
        pytest.param(
            {"allow_hosts": ("test.example.com",)}, ("qa.example.com", "test.example.com"), id="given as well"
        ),
        pytest.param({"allow_hosts": ("www.example.com",)}, ("qa.example.com",), id="production needs both options"),
        pytest.param(
            {"allow_hosts": ("www.example.com",), "accept_production": True},
            ("qa.example.com", "www.example.com"),
            id="production that is accepted here",
        ),
    ],
)
def test_a_machine_has_its_own_list_of_hosts(
    options: PlanOptions, changed: dict[str, object], allowed: tuple[str, ...]
) -> None:
    start = worker_start(replace(options, **changed), HERE, ROLES, ENVIRONMENT)  # type: ignore[arg-type]
    assert start.allowed_hosts == allowed


@pytest.mark.parametrize(
    ("master", "environment", "changed", "code"),
    [
        pytest.param(ELSEWHERE, {"AGENTMITRA_WORKER_TOKEN": ""}, {}, PlanMessage.WORKER_TOKEN_MISSING, id="no token"),
        pytest.param(HERE, {"AGENTMITRA_WORKER_TOKEN": "x"}, {}, PlanMessage.WORKER_TOKEN_SHORT, id="a short token"),
        pytest.param(HERE, {"JOB_COMPLETION_INDEX": "-1"}, {}, PlanMessage.POD_INDEX, id="no index"),
        pytest.param(HERE, {"JOB_COMPLETION_INDEX": "1²"}, {}, PlanMessage.POD_INDEX, id="a digit that is no number"),
        pytest.param(HERE, {"AGENTMITRA_TEST_PASSWORD": ""}, {}, PlanMessage.NO_PASSWORD, id="no password"),
        pytest.param(HERE, {}, {"allow_hosts": ("http://a",)}, TargetMessage.BAD_NAME, id="a URL is no host"),
        pytest.param(
            HERE, {}, {"connection": ConnectionOptions(ca_file=Path("missing.pem"))},
            PlanMessage.CERTIFICATES_MISSING, id="no such file here",
        ),
        pytest.param(
            HERE, {}, {"connection": ConnectionOptions(headers=("X-Key: env:NOT_SET",))},
            PlanMessage.HEADER_VARIABLE, id="no such variable here",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_refused_before_anything_is_sent(
    options: PlanOptions, master: Endpoint, environment: dict[str, str], changed: dict[str, object], code: Code
) -> None:
    with pytest.raises(UsageError) as caught:
        worker_start(replace(options, **changed), master, ROLES, ENVIRONMENT | environment)  # type: ignore[arg-type]
    assert caught.value.code is code


@pytest.mark.parametrize(("text", "index"), [("0", 0), (" 17\n", 17), ("", None)])
def test_the_index_of_a_pod(options: PlanOptions, text: str, index: int | None) -> None:
    assert worker_start(options, HERE, ROLES, ENVIRONMENT | {"JOB_COMPLETION_INDEX": text}).index == index
