"""A fingerprint as a table of plain text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.fingerprint.output import read_fingerprint, render_fingerprint, render_short, write_fingerprint
from perfsuite.messages.files import FileMessage
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import CostState, Fingerprint, ForeignStatement
from tests.fingerprint.made import POLICIES, PREMIUMS, UPDATE, fingerprint, operation

MADE = fingerprint(
    operation("users.me", {POLICIES: 1}, {}, arguments=(0, 0), again={}, rows=None),
    operation("users.update", {UPDATE: 1}, {UPDATE: 3}, rows=None, writes=True),
    operation("policies.list", {POLICIES: 1, PREMIUMS: 20}, {POLICIES: 1, PREMIUMS: 20}),
    replace(operation("leads.list"), known=CostState.UNKNOWN, reason="pg_stat_statements was reset meanwhile"),
    foreign=(ForeignStatement("DELETE FROM jobs WHERE id = ?", "cron", 12, 6.0),),
)


def test_the_whole() -> None:
    assert render_fingerprint(MADE, 120) == (
        "What each operation costs the database mitra (PostgreSQL 16.3), per request, one user at a time\n"
        "\n"
        "Role          Operation      Queries  Rows  Blocks    ms\n"
        "senior_agent  users.me             1     1       3  0.25  cached\n"
        "senior_agent  users.update       1–3   1–3     3–9  0.50  write\n"
        "senior_agent  policies.list       21    21      63  5.25  N+1?\n"
        "senior_agent  leads.list                                  unknown: pg_stat_statements was reset meanwhile\n"
        "\n"
        "Looks like N+1\n"
        "  senior_agent policies.list: ×20 per request, 20 rows answered: SELECT … FROM premiums WHERE policy_id = $1\n"
        "\n"
        "Not known\n"
        "  senior_agent leads.list: pg_stat_statements was reset meanwhile\n"
        "\n"
        "Other traffic on the database\n"
        "  6 a second by cron while nothing was asked: DELETE FROM jobs WHERE id = ?\n"
    )


def test_no_line_is_wider_than_asked_for() -> None:
    assert max(len(line) for line in render_fingerprint(MADE, 60).splitlines()) <= 60


@pytest.mark.parametrize(
    ("taken", "reported"),
    [
        pytest.param(fingerprint(MADE.operations[0]), "1 of 1 operations known", id="all is well"),
        pytest.param(
            MADE,
            "3 of 4 operations known, 1 suspected of N+1, other traffic on the database; "
            "most others: pg_stat_statements was reset meanwhile",
            id="what has to be known",
        ),
        pytest.param(
            fingerprint(
                MADE.operations[0], replace(MADE.operations[0], known=CostState.NOT_MEASURED, reason="left out")
            ),
            "1 of 1 operations known",
            id="what was left out was not asked",
        ),
    ],
)
def test_on_one_line(taken: Fingerprint, reported: str) -> None:
    assert render_short(taken) == reported


# ── files ───────────────────────────────────────────────────────────────────────────────────────────


FILED = fingerprint(operation("policies.list", {POLICIES: 1, PREMIUMS: 20}, {POLICIES: 1, PREMIUMS: 19}, again={}))


def test_read_as_written(tmp_path: Path) -> None:
    path = write_fingerprint(FILED, tmp_path)

    assert path.name == "fingerprint.json"
    assert read_fingerprint(tmp_path) == read_fingerprint(path) == FILED


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b'{"schema": 2}', FingerprintMessage.WRONG_SCHEMA, id="a later one"),
        pytest.param(b'{"schema": 1}', FingerprintMessage.DAMAGED, id="fields missing"),
        pytest.param(b"{", FingerprintMessage.DAMAGED, id="cut off"),
    ],
)
def test_what_cannot_be_read(content: bytes, code: FingerprintMessage, tmp_path: Path) -> None:
    (tmp_path / "fingerprint.json").write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read_fingerprint(tmp_path)
    assert caught.value.code is code


def test_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_fingerprint(tmp_path)
    assert caught.value.code is FingerprintMessage.NOT_TAKEN


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_fingerprint(FILED, tmp_path / "gone")
    assert caught.value.code is FileMessage.REFUSED
