"""A baseline as a file in git."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.fingerprint.compare import compare
from perfsuite.history import read_baseline, write_baseline
from perfsuite.history.select import slim
from perfsuite.messages import Code
from perfsuite.messages.history import HistoryMessage
from perfsuite.model.history import Baseline
from tests.history import made

SAVED = "2026-03-02T00:00:00+00:00"


def test_a_file_holds_figures_conditions_and_counts(tmp_path: Path) -> None:
    runs = (made.run(1, fingerprint=made.fingerprint()), made.run(2))

    found = read_baseline(write_baseline(tmp_path / "ci" / "main.json", Baseline("main", SAVED, runs)))

    assert (found.name, found.saved_at, found.schema) == ("main", SAVED, 1)
    assert [run.measured for run in found.runs] == [run.measured for run in runs]
    assert [run.conditions for run in found.runs] == [run.conditions for run in runs]
    assert found == slim(found)  # what is in it is slim already


def test_what_is_left_of_a_fingerprint_compares_as_the_whole(tmp_path: Path) -> None:
    whole, worse = made.fingerprint(3), made.fingerprint(23)
    path = write_baseline(tmp_path / "main.json", Baseline("main", SAVED, (made.run(1, fingerprint=whole),)))
    kept = read_baseline(path).runs[0].fingerprint
    assert kept

    assert [(d.metric, d.before, d.after) for d in compare(kept, worse)] == [
        (d.metric, d.before, d.after) for d in compare(whole, worse)
    ]
    assert compare(kept, whole) == []
    (cost,) = kept.operations
    assert [(len(one.text), one.queryids) for one in cost.statements] == [(160, ())]  # BEGIN is gone
    assert (kept.notes, cost.notes) == ((), ())


def test_the_same_runs_give_the_same_file(tmp_path: Path) -> None:
    """So that git shows what changed."""
    baseline = Baseline("main", SAVED, (made.run(1, fingerprint=made.fingerprint()),))
    first, second = (write_baseline(tmp_path / name, baseline).read_bytes() for name in ("a.json", "b.json"))

    assert first == second
    assert first.endswith(b"}\n")
    assert json.loads(first)["schema"] == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param("{", HistoryMessage.NOT_A_BASELINE, id="cut off"),
        pytest.param('{"schema": 1}', HistoryMessage.NOT_A_BASELINE, id="something else"),
        pytest.param('{"schema": 2, "other": 1}', HistoryMessage.FILE_NEWER, id="newer"),
        pytest.param('{"schema": 1, "name": "a", "saved_at": "", "runs": []}', HistoryMessage.NO_RUNS, id="empty"),
        pytest.param("\xff\xfe", HistoryMessage.NOT_A_BASELINE, id="no text"),
    ],
)
def test_other_files_are_refused(content: str, code: Code, tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(UsageError) as error:
        read_baseline(path)
    assert (error.value.code, error.value.fields["path"]) == (code, path)


def test_a_place_that_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError) as written:
        write_baseline(tmp_path / "file" / "main.json", Baseline("main", SAVED, (made.run(1),)))
    with pytest.raises(UsageError) as read:
        read_baseline(tmp_path / "nowhere.json")
    assert (written.value.code, read.value.code) == (HistoryMessage.FILE_NOT_WRITTEN, HistoryMessage.FILE_NOT_READ)
