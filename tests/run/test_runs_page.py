"""The page of all runs, made of the history: what is read, what is searched, and what may go wrong."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perfsuite.errors import UsageError
from perfsuite.history import History
from perfsuite.messages.run import RunMessage
from perfsuite.model import ALL, CapacityKind, SearchBy
from perfsuite.model.history import Measured, PastCapacity, PastRun
from perfsuite.report.runs_page.page import METRICS
from perfsuite.run.archive import RunArchive
from perfsuite.run.runs_page import update_runs_page, write_overview
from tests.fingerprint.made import PREMIUMS, fingerprint, operation
from tests.report.made_history import SHIFTED, conditions, few_names, history, past_run, statistics, value_of


def kept(results: Path, runs: list[PastRun]) -> RunArchive:
    """A history of these runs; only the first has its report."""
    archive = RunArchive(results)
    (results / runs[0].folder).mkdir(parents=True)
    (results / runs[0].folder / "report.html").write_text("a report", encoding="utf-8")
    with archive.open_history() as store:
        for run in runs:
            store.add(run)
    return archive


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="runs-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_page_holds_what_the_history_holds(tmp_path: Path) -> None:
    runs = history(30, few_names(), shifted_from=15)
    page = write_overview(kept(tmp_path / "results", runs))
    data = data_of(page)
    assert page == tmp_path / "results" / "index.html"
    assert data["runs"]["id"] == [run.run_id for run in runs]
    assert [address for address in data["runs"]["address"] if address] == [f"./{runs[0].folder}/report.html"]
    totals = [run.of(ALL, ALL) for run in runs]
    assert data["runs"]["avg_ms"] == [round(total.avg_ms or 0, 3) for total in totals if total]
    assert {(role, name) for role, name, *_ in data["series"]} == set(few_names())


def test_change_points_are_searched_among_runs_of_the_same_conditions(tmp_path: Path) -> None:
    runs = history(50, few_names(), shifted_from=25)
    points = data_of(write_overview(kept(tmp_path, runs)))["points"]
    assert {point[1] for point in points} == {SHIFTED}
    assert {point[2] for point in points} == {"avg_ms"}
    overall = [point for point in points if point[0] == ALL]
    basic = [number for number, run in enumerate(runs) if run.conditions.scenario == "basic"]
    assert [point[3] for point in overall if point[3] in basic] == [25]
    before, after = overall[0][4:6]
    assert after / before == pytest.approx(1.5, rel=0.05)


def test_a_change_point_is_found_past_runs_without_the_figure(tmp_path: Path) -> None:
    place = (ALL, SHIFTED)
    runs = history(60, [place], shifted_from=30)
    runs[10] = replace(runs[10], measured=())

    points = data_of(write_overview(kept(tmp_path, runs)))["points"]

    assert [point[3] for point in points] == [30]


def test_a_change_point_of_the_capacity_is_found(tmp_path: Path) -> None:
    known = replace(conditions(), search_by="users", targets_digest="t")
    levels = [250.0 + number % 3 for number in range(12)] + [200.0 + number % 3 for number in range(12)]
    runs = [
        past_run(
            number,
            (Measured(ALL, ALL, statistics(20.0)),),
            known,
            capacity=PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, level - 8, level + 8, level),
        )
        for number, level in enumerate(levels)
    ]
    points = data_of(write_overview(kept(tmp_path, runs)))["points"]

    assert [(point[:4], point[4] > point[5]) for point in points] == [([ALL, ALL, "capacity", 12], True)]


def test_older_runs_are_left_out_and_counted(tmp_path: Path) -> None:
    runs = history(12, few_names())
    archive = kept(tmp_path, runs)
    page = write_overview(archive, latest=5)
    assert data_of(page)["runs"]["id"] == [run.run_id for run in runs[-5:]]
    assert "7 older runs are not shown" in page.read_text(encoding="utf-8")
    assert "older not shown" not in write_overview(archive, latest=None).read_text(encoding="utf-8")


def test_queries_of_the_newest_runs_are_shown(tmp_path: Path) -> None:
    measured = (Measured(ALL, "policies.list", statistics(20.0)),)
    taken = fingerprint(operation("policies.list", {PREMIUMS: 7}, {PREMIUMS: 7}))
    page = write_overview(kept(tmp_path, [replace(past_run(0, measured), fingerprint=taken)]))
    (series,) = data_of(page)["series"]
    low, high = base64.b64decode(series[3 + METRICS.index("queries")])
    assert value_of(low + 256 * high) == pytest.approx(7.0, rel=3e-4)


def test_demos_on_other_ports_are_one_target(tmp_path: Path) -> None:
    given = [replace(conditions(), demo="full", host=f"http://127.0.0.1:{port}") for port in (40001, 40002)]
    runs = [past_run(number, (Measured(ALL, ALL, statistics(20.0)),), one) for number, one in enumerate(given)]
    data = data_of(write_overview(kept(tmp_path, runs)))
    assert [data["texts"][number] for number in data["runs"]["host"]] == ["demo full", "demo full"]
    assert data["group_of"] == [0, 0]


def test_nothing_kept_yet_is_a_page_without_runs(tmp_path: Path) -> None:
    page = write_overview(RunArchive(tmp_path))
    assert "<h1>0 runs</h1>" in page.read_text(encoding="utf-8")
    assert not (tmp_path / "history.db").exists()


def test_a_page_that_cannot_be_written_is_a_note_after_a_run_and_ends_a_command(tmp_path: Path) -> None:
    archive = kept(tmp_path, history(1, few_names()))
    (tmp_path / "index.html").mkdir()
    (line,) = update_runs_page(archive)
    assert line.code is RunMessage.PAGE_NOT_UPDATED
    with pytest.raises(UsageError, match=r"index\.html"):
        write_overview(archive)


def test_a_damaged_history_is_a_note_after_a_run(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database" * 100)
    (line,) = update_runs_page(RunArchive(tmp_path))
    assert line.code is RunMessage.PAGE_NOT_UPDATED
    assert "history.db" in line


def test_figures_without_records_are_those_of_the_records(tmp_path: Path) -> None:
    runs = history(4, few_names())
    with kept(tmp_path, runs).open_history() as store:
        assert isinstance(store, History)
        rows = {(run_id, role, name): values for run_id, role, name, values in store.figures(("avg_ms", "p99_ms"), 2)}
    assert {key[0] for key in rows} == {run.run_id for run in runs[-2:]}
    expected = runs[-1].of(ALL, SHIFTED)
    assert expected is not None
    assert rows[runs[-1].run_id, ALL, SHIFTED] == (expected.avg_ms, None)
