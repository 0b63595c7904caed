"""What a user can call the runs that are meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.history import History, Selection, select, write_baseline
from perfsuite.messages import Code
from perfsuite.messages.history import HistoryMessage
from perfsuite.model import Outcome
from perfsuite.model.history import Baseline, Conditions, PastRun
from perfsuite.run.archive import RunArchive, read_past_run
from tests.history import folders, made


def differ(a: Conditions, b: Conditions) -> list[str]:
    return [] if a.users_by_role == b.users_by_role else ["other mix of users"]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """Eight runs: 1 to 3 of release 1.0, 4 failed, 5 inconclusive, 6 with other users, 7 and 8 of release 1.1."""
    opened = History(str(tmp_path / "history.db"))
    changed = {
        4: {"outcome": Outcome.FAIL, "release": "1.1"},
        5: {"outcome": Outcome.INCONCLUSIVE, "release": "1.1"},
        6: {"conditions": made.conditions(users_by_role={"policyholder": 50})},
        7: {"release": "1.1", "fingerprint": made.fingerprint()},
        8: {"release": "1.1"},
    }
    for number in range(1, 9):
        opened.add(replace(made.run(number), run_id=f"run-{number}", **changed.get(number, {})))
    opened.save_baseline(Baseline("main", "", (made.run(2, run_id="run-2"), made.run(3, run_id="run-3"))))
    yield opened
    opened.close()


def found(name: str, where: Selection) -> list[str]:
    group = select(name, where)
    assert group.name == name
    return list(group.run_ids)


def where(history: History, tmp_path: Path, **changed: object) -> Selection:
    return replace(Selection(history, read_past_run, differ, results=tmp_path), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        pytest.param("run-4", ["run-4"], id="a run's id, whatever became of it"),
        pytest.param("run:run-4", ["run-4"], id="a run's id, said so"),
        pytest.param("main", ["run-2", "run-3"], id="a baseline"),
        pytest.param("baseline:main", ["run-2", "run-3"], id="a baseline, said so"),
        pytest.param("1.1", ["run-4", "run-7", "run-8"], id="a release: runs that say something"),
        pytest.param("release:1.1", ["run-4", "run-7", "run-8"], id="a release, said so"),
        pytest.param("last:1", ["run-8"], id="the last that passed"),
        pytest.param("last:3", ["run-3", "run-7", "run-8"], id="the last three, of the same conditions as the newest"),
        pytest.param("last:99", ["run-1", "run-2", "run-3", "run-7", "run-8"], id="as many as there are"),
    ],
)
def test_names(name: str, runs: list[str], history: History, tmp_path: Path) -> None:
    assert found(name, where(history, tmp_path)) == runs


def test_the_last_are_of_the_conditions_asked_for(history: History, tmp_path: Path) -> None:
    other = made.conditions(users_by_role={"policyholder": 50})

    assert found("last:5", where(history, tmp_path, like=other)) == ["run-6"]
    with pytest.raises(UsageError) as none_alike:
        select("last:5", where(history, tmp_path, like=made.conditions(users_by_role={"policyholder": 7})))
    assert (none_alike.value.code, none_alike.value.fields["runs"]) == (HistoryMessage.NONE_ALIKE, 6)
    with pytest.raises(UsageError) as none_passed:
        select("last:5", where(history, tmp_path, like=made.conditions(scenario="peak")))
    assert (none_passed.value.code, none_passed.value.fields["scenario"]) == (HistoryMessage.NO_PASSING_RUN_OF, "peak")


def test_a_run_is_not_compared_with_itself(history: History, tmp_path: Path) -> None:
    without = where(history, tmp_path, without=("run-8",))

    assert found("last:2", without) == ["run-3", "run-7"]
    assert found("release:1.1", without) == ["run-4", "run-7"]


def test_fingerprints_come_along(history: History, tmp_path: Path) -> None:
    runs = select("1.1", where(history, tmp_path)).runs

    assert [run.fingerprint is not None for run in runs] == [False, True, False]


def test_a_folder_and_a_run_that_is_in_no_history(history: History, tmp_path: Path) -> None:
    name = "basic_20260301_093000"
    folder = folders.folder(tmp_path, name)

    assert found(str(folder), where(history, tmp_path)) == [name]
    assert found(name, where(history, tmp_path)) == [name]


def test_a_file(history: History, tmp_path: Path) -> None:
    runs = (made.run(1, run_id="from a file"),)
    path = write_baseline(tmp_path / "ci" / "baseline.json", Baseline("main", "", runs))

    assert found(str(path), where(history, tmp_path)) == ["from a file"]


def test_a_word_is_no_path_though_something_here_is_called_so(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").mkdir()

    assert found("main", where(history, tmp_path)) == ["run-2", "run-3"]


def test_a_release_with_a_slash(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history.add(replace(made.run(9), run_id="run-9", release="release/2.3"))

    assert found("release/2.3", where(history, tmp_path)) == ["run-9"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release" / "2.3").mkdir(parents=True)
    assert found("release:release/2.3", where(history, tmp_path)) == ["run-9"]


def test_two_kinds_of_the_same_name(history: History, tmp_path: Path) -> None:
    history.save_baseline(Baseline("1.1", "", (made.run(1),)))

    with pytest.raises(UsageError) as both:
        select("1.1", where(history, tmp_path))
    assert both.value.code is HistoryMessage.AMBIGUOUS
    assert both.value.fields == {"name": "1.1", "first": "baseline", "second": "release"}
    assert len(found("baseline:1.1", where(history, tmp_path))) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("mian", HistoryMessage.SIMILAR, id="a slip"),
        pytest.param("nobody-knows", HistoryMessage.UNKNOWN, id="unknown"),
        pytest.param("run:1.1", HistoryMessage.SIMILAR, id="another kind"),
        pytest.param("release:", HistoryMessage.UNKNOWN, id="nothing"),
        pytest.param("last:0", HistoryMessage.LAST_HOW_MANY, id="none of the last"),
        pytest.param("last:five", HistoryMessage.LAST_HOW_MANY, id="no number"),
        pytest.param("results/nowhere", HistoryMessage.UNKNOWN_PATH, id="a folder that is not there"),
        pytest.param("nowhere.json", HistoryMessage.UNKNOWN_PATH, id="a file that is not there"),
    ],
)
def test_what_is_not_there(name: str, code: Code, history: History, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as unknown:
        select(name, where(history, tmp_path))
    assert unknown.value.code is code


def test_an_empty_history(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    with archive.open_history() as empty:
        for name in ("main", "last:5"):
            with pytest.raises(UsageError, match=r"history\.db"):
                select(name, archive.selection(empty))


def test_an_archive_asks_for_the_same_conditions(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path)
    with archive.open_history() as history:
        history.add(made.run(1, run_id="small data", conditions=made.conditions(data_size={"users": 10})))
        history.add(made.run(2, run_id="large data", conditions=made.conditions(data_size={"users": 900})))
        runs = select("last:5", archive.selection(history)).runs

    assert [run.run_id for run in runs] == ["large data"]
    assert isinstance(runs[0], PastRun)
