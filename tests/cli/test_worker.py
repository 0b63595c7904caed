"""The command `worker`: what it refuses before it starts a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.cli.parser import parse
from perfsuite.messages import Message
from perfsuite.messages.cli import CliMessage
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.target import TargetMessage
from perfsuite.target.hosts import Endpoint

ELSEWHERE = Endpoint("10.0.0.5", 5557)


@pytest.mark.parametrize(
    ("words", "token", "message"),
    [
        pytest.param(
            [], "",
            CliMessage.WORKER_WITHOUT_MASTER(
                program="run_performance_tests.py", example="worker --master 10.0.0.5:5557"
            ),
            id="no master",
        ),
        pytest.param(
            ["--master", "10.0.0.5:"], "", TargetMessage.NOT_AN_ENDPOINT(text="10.0.0.5:", port=5557).at("--master:"),
            id="no port",
        ),
        pytest.param(
            ["--master", "10.0.0.5"], "",
            PlanMessage.WORKER_TOKEN_MISSING(
                option="--master", address=ELSEWHERE, variable="AGENTMITRA_WORKER_TOKEN"
            ),
            id="no token",
        ),
        pytest.param(
            ["--master", "10.0.0.5"], "fifteen-letters",
            PlanMessage.WORKER_TOKEN_SHORT(variable="AGENTMITRA_WORKER_TOKEN", least=16, length=15),
            id="a short token",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_or_two(
    words: list[str], token: str, message: Message, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENTMITRA_WORKER_TOKEN", token)
    assert main(["worker", *words]) == 2
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", f"{message}\n")
    assert shown.err.count("\n") <= 2
    assert "fifteen-letters" not in shown.err


def test_its_options_come_from_variables_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {
        "AGENTMITRA_WORKER_MASTER": "10.0.0.5",
        "AGENTMITRA_PROCESSES": "3",
        "AGENTMITRA_EXPECT_WORKERS": "9",
    }
    options = parse(["worker"], environment).options
    assert (options.master, options.plan.local_processes) == (ELSEWHERE, 3)
