"""`violations.jsonl`: what is written can be read, and nothing else is taken for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.files import FileMessage
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import RunReport
from perfsuite.model.correctness import CheckLevel, CheckStep, Correctness, Exchanged, Invariant, Violation
from perfsuite.report.files.violations import VIOLATIONS_FILE, read_violations, violations_jsonl
from tests.report import example_runs

REQUEST = "GET /api/v1/policies/{policy_id}"
VIOLATION = Violation(
    "v1",
    Invariant.ISOLATION,
    "own rows only",
    "policies.read",
    ("policyholder",),
    "HTTP 403",
    "HTTP 200",
    (Exchanged("policyholder#2", "policies.read", "GET /api/v1/policies/1234…", "ab01", 1_795_985_363.1, 200),),
    1_795_985_363.1,
    3,
    (CheckStep("policyholder#2", "own", "policies.read", REQUEST, (), 1),),
)
OTHER = replace(VIOLATION, id="v2", operation="policies.coverage", under_load_only=True, no_replay="too old")


def report_with(*violations: Violation) -> RunReport:
    report = example_runs.passed()
    correctness = Correctness(CheckLevel.SAMPLE, violations=violations)
    return replace(report, summary=replace(report.summary, correctness=correctness))


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    text = violations_jsonl(report_with(VIOLATION, OTHER))
    (tmp_path / VIOLATIONS_FILE).write_text(text, encoding="utf-8")

    assert read_violations(tmp_path) == (VIOLATION, OTHER)
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["schema"], first["id"], first["invariant"], first["roles"]) == (
        1,
        "v1",
        "isolation",
        ["policyholder"],
    )
    assert (first["count"], first["under_load_only"], second["under_load_only"]) == (3, False, True)
    assert (first["no_replay"], second["no_replay"]) == ("", "too old")
    assert first["steps"][0]["request"] == REQUEST


def test_without_violations_it_is_empty() -> None:
    assert violations_jsonl(report_with()) == ""
    assert violations_jsonl(example_runs.passed()) == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(None, ReplayMessage.NO_FILE, id="missing"),
        pytest.param("{", FileMessage.DAMAGED, id="cut off"),
        pytest.param('{"schema": 2}', FileMessage.DAMAGED, id="another version"),
        pytest.param('{"schema": 1, "id": "v1"}', FileMessage.DAMAGED, id="keys are missing"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str | None, code: Code, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / VIOLATIONS_FILE).write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        read_violations(tmp_path)

    assert caught.value.code is code
