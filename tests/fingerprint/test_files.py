"""fingerprint.json: written, read back, and what else may be found there."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.fingerprint import read_fingerprint, write_fingerprint
from tests.fingerprint.made import POLICIES, PREMIUMS, fingerprint, operation

MADE = fingerprint(operation("policies.list", {POLICIES: 1, PREMIUMS: 20}, {POLICIES: 1, PREMIUMS: 19}, again={}))


def test_read_as_written(tmp_path: Path) -> None:
    path = write_fingerprint(MADE, tmp_path)

    assert path.name == "fingerprint.json"
    assert read_fingerprint(tmp_path) == read_fingerprint(path) == MADE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b'{"schema": 2}', "schema 2, this version of the suite reads 1", id="a later one"),
        pytest.param(b'{"schema": 1}', "damaged, or written by another version", id="fields missing"),
        pytest.param(b"{", "damaged, or written by another version", id="cut off"),
    ],
)
def test_what_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "fingerprint.json").write_bytes(content)

    with pytest.raises(UsageError, match=message):
        read_fingerprint(tmp_path)


def test_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no fingerprint was taken in this run"):
        read_fingerprint(tmp_path)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_fingerprint(MADE, tmp_path / "gone")
