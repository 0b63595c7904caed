"""`history` and `baseline` as they are typed, and `--baseline` before any load."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perfsuite.cli import main as cli
from perfsuite.history import read_baseline
from perfsuite.model import CapacityKind, Outcome, SearchBy
from perfsuite.model.history import PastCapacity, RunGroup
from perfsuite.run.archive import RunArchive
from tests.history import folders, made

NAME = "basic_20260301_093000"


class Typed:
    """Calls the suite with these results."""

    def __init__(self, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.results, self._capsys = results, capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        code = cli.main([*map(str, words), "--results", str(self.results)])
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.delenv("AGENTMITRA_HISTORY", raising=False)
    return Typed(tmp_path / "results", capsys)


def test_history_shows_the_capacity_of_a_search_and_no_figures_of_many_loads(typed: Typed) -> None:
    known = made.conditions(search_by="users", targets_digest="t")
    found = PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, 240.2, 255.7, 248.0)
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(1, conditions=known, capacity=found))
        history.add(made.run(2))

    _, out, _ = typed("history")

    head, search, plain = out.splitlines()[:3]
    assert "Capacity" in head
    assert search.split()[1:8] == ["–", "–", "–", "–", "–", "240–256", "users"]
    assert plain.split()[1] == "4"


def test_history_shows_the_newest_runs(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        for number in range(1, 4):
            history.add(made.run(number, release=f"1.{number}", outcome=Outcome.REGRESSION))

    code, out, err = typed("history", "--last", 2)

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == [
        "Run",
        "Users",
        "Requests/s",
        "Avg",
        "ms",
        "p95",
        "ms",
        "Failure",
        "rate",
        "Release",
        "Verdict",
    ]
    assert [line.split()[0] for line in lines[1:3]] == [made.run(2).run_id, made.run(3).run_id]
    assert lines[2].split()[1:] == ["4", "8.25", "23", "46", "0.50", "%", "1.3", "REGRESSION"]
    assert lines[-1] == f"1 more in {typed.results / 'history.db'}"


def test_history_of_a_scenario_and_of_a_release(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(1, release="1.1"))
        history.add(made.run(2, run_id="peak", conditions=made.conditions(scenario="peak")))

    assert "peak" not in typed("history", "--release", "1.1")[1]
    assert made.run(1).run_id not in typed("history", "--scenario", "peak")[1]
    where = typed.results / "history.db"
    assert typed("history", "--scenario", "nobody")[1] == f"No run of scenario nobody is in {where}.\n"
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(3, release="1.1"))
    shown = typed("history", "--scenario", "basic", "--release", "1.1", "--last", 1)[1]
    assert shown.splitlines()[-1] == f"1 more of scenario basic of release 1.1 in {where}"


def test_an_empty_history(typed: Typed) -> None:
    assert typed("history") == (0, f"No run is in {typed.results / 'history.db'}.\n", "")
    assert typed("baseline", "list") == (0, f"No baseline is in {typed.results / 'history.db'}.\n", "")
    assert not typed.results.exists()


def test_a_run_is_compared_with_others_only(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        for number in range(1, 4):
            history.add(made.run(number, outcome=Outcome.PASS, release="1.1"))
    newest = made.run(3).run_id

    assert typed("compare", newest, newest)[2].startswith(
        f"{newest}: in both groups, and a run cannot be compared with"
    )
    out = typed("compare", newest, "release:1.1")[1]
    assert f"B  release:1.1  (2 runs: {made.run(1).run_id}, {made.run(2).run_id})" in " ".join(out.split("\n"))


def test_history_rebuild(typed: Typed) -> None:
    folders.folder(typed.results, NAME)
    assert typed("history", "rebuild") == (0, f"  {NAME}\nTaken into the history: 1 run and 0 baselines.\n", "")
    (typed.results / NAME / "plan.json").write_text("{")

    code, out, _err = typed("history", "rebuild")

    assert code == 1
    assert f"skipped: {NAME}: " in out


def test_a_baseline_from_saving_to_removing(typed: Typed, tmp_path: Path) -> None:
    for name in (NAME, f"{NAME}_2"):
        folders.folder(typed.results, name, made.fingerprint(), release="1.0")
    typed("history", "rebuild")
    file = tmp_path / "ci" / "main.json"

    code, out, err = typed("baseline", "save", "main", "--run", "release:1.0", NAME, "--file", file)

    assert (code, err) == (0, "")
    assert "Baseline main: 2 runs\n" in out
    assert [run.run_id for run in read_baseline(file).runs] == [NAME, f"{NAME}_2"]
    assert file.read_bytes() == (typed.results / "baselines" / "main.json").read_bytes()
    assert "in place of the one of that name" in typed("baseline", "save", "main", "--run", NAME)[1]
    assert typed("baseline", "list")[1].splitlines()[1].split()[0] == "main"
    shown = typed("baseline", "show", "main")[1]
    assert "main: 1 run, saved" in shown
    assert "http://staging-api.agentmitra.com, users 100, agents 12, policies\n1,000" in shown
    from_file = typed("baseline", "show", file)[1]
    assert f"{NAME}_2" in from_file
    assert "2 runs, saved 20" in from_file.replace("\n", " ")
    assert "1.0: 2 runs\n" in typed("baseline", "show", "1.0")[1]
    assert typed("baseline", "remove", "main")[:2] == (0, "Baseline main removed; its runs stay.\n")
    assert not (typed.results / "baselines" / "main.json").exists()
    assert typed("baseline", "remove", "main")[0] == 2


def test_a_baseline_whose_file_cannot_be_written_is_saved_nowhere(typed: Typed, tmp_path: Path) -> None:
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(1, run_id="one"))

    code, _out, err = typed("baseline", "save", "main", "--run", "one", "--file", tmp_path)

    assert (code, err) == (2, f"{tmp_path} cannot be written: Is a directory. Name another file with --file\n")
    assert not (typed.results / "baselines").exists()
    assert "No baseline" in typed("baseline", "list")[1]


def test_only_baselines_are_removed(typed: Typed) -> None:
    typed.results.mkdir()
    noise = typed.results / "noise.json"
    noise.write_text("{}")

    code, _out, err = typed("baseline", "remove", "../noise")

    assert (code, noise.exists()) == (2, True)
    assert "'../noise' is no name for a baseline" in err


def test_a_side_of_a_comparison_that_names_nothing(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(1, run_id="one"))

    code, _out, err = typed("compare", ",", "one")

    assert (code, err) == (2, "compare: ',' names no run; name a run, a release or a baseline, as in last:5\n")


def test_runs_that_are_in_both_groups(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        for number in range(1, 4):
            history.add(made.run(number, run_id=f"run-{number}", release="1.1"))

    code, _out, err = typed("compare", "1.1", "run-2,run-3")

    assert code == 2
    assert err.startswith("run-2, run-3: in both groups")
    assert typed("compare", "run-1", "run-2, run-3")[0] == 4
    assert len(list(typed.results.glob("compare_*"))) == 1


def test_a_baseline_outlives_database_and_runs(typed: Typed) -> None:
    folders.folder(typed.results, NAME)
    typed("baseline", "save", "main", "--run", typed.results / NAME)
    (typed.results / "history.db").unlink()
    shutil.rmtree(typed.results / NAME)

    assert typed("history", "rebuild")[:2] == (0, "Taken into the history: 0 runs and 1 baseline.\n")
    assert "main: 1 run" in typed("baseline", "show", "main")[1]


def test_doubts_about_a_baseline_are_reported(typed: Typed) -> None:
    with RunArchive(typed.results).open_history() as history:
        history.add(made.run(1, run_id="one", outcome=Outcome.INCONCLUSIVE))
        history.add(made.run(2, run_id="two", conditions=made.conditions(host="http://other")))
        history.add(made.run(3, run_id="three", outcome=Outcome.FAIL))

    code, out, _err = typed("baseline", "save", "main", "--run", "one", "two", "three")

    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("Note")] == [
        "Note: one was inconclusive",
        "Note: three failed: see its report for the reasons",
        "Note: two and one: other target: http://staging:8015, http://other",
        "Note: none of the runs has a fingerprint: costs at the database will not be compared",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("baseline", "save", "main"), "name its runs", id="no runs"),
        pytest.param(("baseline", "save"), "name the baseline", id="no name"),
        pytest.param(("baseline", "save", "a/b", "--run", "x"), "is no name for a baseline", id="a path for a name"),
        pytest.param(("baseline", "save", "main", "--run", "nobody"), "nobody: neither a run", id="unknown run"),
        pytest.param(("baseline", "show", "main"), "main: neither a run", id="unknown baseline"),
        pytest.param(("baseline", "list", "--run", "x"), "go with baseline save", id="an option of save"),
        pytest.param(("history", "rebuild", "--release", "1"), "--release goes with the list", id="of the list"),
        pytest.param(("history", "index", "--last", "9"), "--last goes with the list", id="of the list, too"),
        pytest.param(("history", "--all"), "--all goes with: history index", id="an option of the page"),
        pytest.param(
            ("noise", "--demo", "--scenario", "basic", "--scenario", "peak"), "one scenario at a time", id="two at once"
        ),
        pytest.param(("history", "--last", "0"), "--last: must be a whole number", id="none"),
        pytest.param(("history", "--history", "mysql://db"), "PostgreSQL URL or a SQLite file", id="another database"),
        pytest.param(("--demo", "--baseline", "nobody"), "nobody: neither a run", id="unknown before the load"),
        pytest.param(("--demo", "--baseline", "last:5"), "last:5: no passing run", id="none before the load"),
    ],
)
def test_mistakes_are_reported_before_anything_is_done(words: tuple[str, ...], message: str, typed: Typed) -> None:
    code, out, err = typed(*words)

    assert (code, out) == (2, "")  # a demo that is started is shown of
    assert message in err
    assert len(err.strip().splitlines()) <= 2


def test_the_history_of_a_team_is_named_by_the_environment(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTMITRA_HISTORY", str(tmp_path / "team.db"))

    assert typed("history")[1] == f"No run is in {tmp_path / 'team.db'}.\n"


def test_a_run_judged_anew_keeps_what_its_baseline_said(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    from perfsuite.run.archive import past_run
    from perfsuite.run.comparison import compare_with_baseline
    from perfsuite.run.load_run import COMPARISON_FILE, load_run, save

    folder = folders.folder(typed.results, NAME, made.fingerprint(23))
    run = past_run(load_run(folder))
    before = made.run(1, conditions=run.conditions, fingerprint=made.fingerprint(3))
    save(folder / COMPARISON_FILE, compare_with_baseline(RunGroup("main", (before,)), [run]))

    code = cli.main(["judge", str(folder)])

    out = capsys.readouterr().out
    assert load_run(folder).report.verdict.exit_code == code == (5 if run.exit_code == 0 else run.exit_code)
    assert "policies.list as policyholder: 3 → 23 queries per request, compared with main" in out.replace("\n    ", " ")
