"""The command on fingerprints that were kept: what it tells, and the code it ends with. Nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.fingerprint.output import write_fingerprint
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import Fingerprint, OperationCost
from tests.fingerprint.made import POLICIES, PREMIUMS, fingerprint, operation

USUAL = operation("policies.list", {POLICIES: 1}, {POLICIES: 1})
N_PLUS_ONE = operation("policies.list", {POLICIES: 1, PREMIUMS: 20}, {POLICIES: 1, PREMIUMS: 20})
CACHED = operation("users.me", {}, {})


def kept(folder: Path, *operations: OperationCost) -> str:
    folder.mkdir()
    made: Fingerprint = fingerprint(*operations)
    write_fingerprint(made, folder)
    return str(folder)


@pytest.mark.parametrize(
    ("before", "after", "code", "reported"),
    [
        pytest.param(
            USUAL,
            N_PLUS_ONE,
            1,
            "senior_agent policies.list: 1 → 21 queries per request; SELECT … FROM premiums WHERE policy_id = $1 ×20",
            id="worse",
        ),
        pytest.param(N_PLUS_ONE, USUAL, 0, "senior_agent policies.list: 21 → 1 queries per request", id="better"),
        pytest.param(USUAL, USUAL, 0, "no difference", id="the same"),
        pytest.param(USUAL, CACHED, 0, "not compared: senior_agent policies.list: not in the later", id="not there"),
    ],
)
def test_compared_with_another(
    before: OperationCost,
    after: OperationCost,
    code: int,
    reported: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    earlier, later = kept(tmp_path / "before", before), kept(tmp_path / "after", after)

    assert main(["fingerprint", later, "--against", earlier]) == code

    shown = capsys.readouterr().out
    assert "\nAgainst basic_1, taken at 2026-03-01T09:30:00Z\n" in shown
    assert reported in shown


def test_that_of_a_run_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", kept(tmp_path / "run", N_PLUS_ONE)]) == 0

    shown = capsys.readouterr().out
    assert "senior_agent  policies.list       21    21      63  5.25  N+1?" in shown
    assert "Against" not in shown


def test_a_run_without_one_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", "--demo", "full", "--against", str(tmp_path)]) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"{FingerprintMessage.NOT_TAKEN(folder=tmp_path, file='fingerprint.json')}\n"
