"""Rows that the database read for an answer without any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.fingerprint import rows_read_in_vain, write_fingerprint
from perfsuite.model import OperationCheck, PreflightReport, Works
from perfsuite.model.fingerprint import Fingerprint, Known, OperationCost, Spread
from perfsuite.run.fingerprint import with_rows_read
from tests.fingerprint.made import fingerprint, operation

FLAGS = "SELECT feature_flags.flag_id, feature_flags.flag_name FROM feature_flags"
WHO = "SELECT users.user_id, users.role FROM users JOIN roles ON users.role = roles.name WHERE user_id = $1"
COUNT = "SELECT count(*) FROM feature_flags"


def flags_list(*texts: str, answered: int = 0, read: int = 12) -> OperationCost:
    """The list of flags: each of its statements reads `read` rows, a count one."""
    cost = operation("flags.list", *([dict.fromkeys(texts, 1)] * 3), rows=answered)
    rows = {text: 1 if text == COUNT else read for text in texts}
    statements = tuple(
        replace(each, rows=Spread(*[rows[each.text]] * 2)) if each.text in rows else each for each in cost.statements
    )
    return replace(cost, statements=statements)


def me() -> OperationCost:
    return operation("users.me", *([{WHO: 1}] * 3), rows=None)


@pytest.mark.parametrize(
    ("cost", "rows"),
    [
        pytest.param(flags_list(FLAGS), 12, id="rows were read, and the answer is empty"),
        pytest.param(flags_list(FLAGS, WHO, COUNT), 12, id="who asks and a count are no rows of the list"),
        pytest.param(flags_list(FLAGS, read=0), 0, id="there are none"),
        pytest.param(flags_list(FLAGS, answered=12), 0, id="they were answered"),
        pytest.param(replace(flags_list(FLAGS), known=Known.UNKNOWN), 0, id="nobody knows what it costs"),
    ],
)
def test_rows_read_for_nothing(cost: OperationCost, rows: int) -> None:
    assert rows_read_in_vain(fingerprint(me(), cost), "senior_agent", "flags.list") == rows


def _report(*checks: OperationCheck) -> PreflightReport:
    return PreflightReport("http://t", "agent-mitra-backend", "2", (), checks)


def _checks(role: str) -> tuple[OperationCheck, OperationCheck]:
    empty = "GET /feature-flags/all answered []"
    listed = OperationCheck(role, "flags.list", "GET", "/x", Works.YES, 200, empty_answer=empty)
    needs = f"needs a flag_name; {empty}"
    return listed, OperationCheck(role, "flags.update", "PUT", "/y", Works.NO_DATA, message=needs)


def test_the_reason_names_what_the_database_read(tmp_path: Path) -> None:
    write_fingerprint(_known(), tmp_path)
    other = _checks("provider_admin")

    report = with_rows_read(_report(*_checks("senior_agent"), *other), tmp_path)

    listed, update, *untouched = report.checks
    assert listed.told_empty == "GET /feature-flags/all answered [] although the database read 12 rows"
    assert update.message == f"needs a flag_name; {listed.told_empty}"
    assert tuple(untouched) == other  # of that role nothing was measured


def _known() -> Fingerprint:
    return fingerprint(me(), flags_list(FLAGS))


def test_without_a_fingerprint_nothing_is_said_of_the_database(tmp_path: Path) -> None:
    report = _report(*_checks("senior_agent"))

    assert with_rows_read(report, tmp_path) == report
