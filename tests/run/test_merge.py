"""One run from the runs of several masters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfsuite.cli.main import main as suite
from perfsuite.errors import LoadError, UsageError
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Ledger, Phase, Record, Requests, WorkerJoined, WorkerLost
from perfsuite.messages import Code
from perfsuite.messages.merge import MergeMessage
from perfsuite.model import (
    CUT_OFF,
    INTERRUPTED,
    Access,
    Arrival,
    Cleanup,
    OperationCheck,
    Plan,
    PreflightReport,
    Target,
    Works,
)
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.monitor import Reading
from perfsuite.model.periods import PLATEAU
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import add_readings, read_readings
from perfsuite.roles import ROLES
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PLAN_FILE, PREFLIGHT_FILE, load, load_run, save
from perfsuite.run.merge import merged_records
from perfsuite.run.merge_checks import check_parts, read_part
from perfsuite.summary.summarize import Circumstances, build
from tests.judge.healthy_runs import Healthy, records_of

A = Healthy(users=12, duration_s=24, spawn_rate=12, median_ms=30, memory=0.2, level_sd=0.05, seed=5)
B = replace(A, users=9, spawn_rate=3, seed=6)
CHECK = OperationCheck("policyholder", "policies.list", "GET", "/api/v1/policies/", Works.YES, 200)
COMPLETED = Circumstances()
LATER_S = 2
"""So much later the second run begins."""


def shifted(records: Sequence[Record], by_s: int) -> list[Record]:
    """The same, at another time."""
    found = []
    for record in records:
        name = "second" if hasattr(record, "second") else "at"
        more = {name: getattr(record, name) + by_s} if hasattr(record, name) else {}
        found.append(msgspec.structs.replace(record, **more))
    return found


def run_folder(
    folder: Path,
    run: Healthy,
    *,
    later_s: int = 0,
    records: Sequence[Record] | None = None,
    circumstances: Circumstances | None = COMPLETED,
    preflight: PreflightReport | None = None,
    **planned: Any,
) -> Path:
    """The folder of a run of one master."""
    folder.mkdir(parents=True)
    plan = replace(run.plan(), run_id=folder.name, suite_version="0.1.0", **planned)
    save(folder / PLAN_FILE, plan)
    writer = measurements_file.Writer(folder / measurements_file.FILE_NAME, folder.name)
    for record in shifted(records_of(run), later_s) if records is None else records:
        writer.write(record)
    writer.close()
    if circumstances is not None:
        save(folder / CIRCUMSTANCES_FILE, circumstances)
    if preflight is not None:
        save(folder / PREFLIGHT_FILE, preflight)
    return folder


def both(tmp_path: Path, **of_second: Any) -> list[Path]:
    return [
        run_folder(tmp_path / "a" / "basic_1", A),
        run_folder(tmp_path / "b" / "basic_1", B, **{"later_s": LATER_S} | of_second),
    ]


def merged(folders: Sequence[Path], tmp_path: Path, *more: str) -> tuple[int, Path]:
    """The exit code of the command, and the folder of the new run."""
    results = tmp_path / "results"
    code = suite(["merge", *map(str, folders), "--results", str(results), "--quiet", *more])
    [folder] = (path for path in results.iterdir() if path.is_dir())
    return code, folder


def test_its_figures_are_those_of_one_master(tmp_path: Path) -> None:
    folders = both(tmp_path)
    code, folder = merged(folders, tmp_path)
    found = load_run(folder).report

    everything = [
        msgspec.structs.replace(record, worker=f"{number}/{record.worker}")
        for number, one in enumerate(folders, start=1)
        for record in measurements_file.read(one / measurements_file.FILE_NAME)
    ]
    expected = build(found.plan, Aggregate.of(everything), preflight=None, roles=ROLES)
    assert found.summary == expected
    assert found.summary.users.peak == found.plan.scenario.users == A.users + B.users
    assert code == found.verdict.exit_code


def test_the_steady_state_is_the_time_in_which_all_had_theirs(tmp_path: Path) -> None:
    folders = both(tmp_path)
    _code, folder = merged(folders, tmp_path)

    summary = load_run(folder).report.summary
    first, second = (load_run(one).report.summary for one in folders)
    assert summary.steady_start is not None
    assert second.steady_start is not None
    assert summary.steady_end == first.steady_end
    assert summary.steady_start >= second.steady_start - 1  # the settling time is a share of a shorter plateau


def test_what_was_planned_adds_up(tmp_path: Path) -> None:
    folders = both(tmp_path, shared_accounts={"policyholder": 2}, processes=3)
    _code, folder = merged(folders, tmp_path)
    plan, a, b = (load(path / PLAN_FILE, Plan) for path in (folder, *folders))

    assert plan.run_id == folder.name
    assert plan.scenario == replace(a.scenario, users=21, spawn_rate=15)
    assert plan.users_by_role == {role: a.users_by_role[role] + b.users_by_role[role] for role in a.users_by_role}
    assert (plan.processes, plan.merged_from) == (4, tuple(map(str, folders)))
    assert plan.shared_accounts == {"policyholder": a.users_by_role["policyholder"] + 2}


def test_names_stay_unique(tmp_path: Path) -> None:
    extra: list[Record] = [
        WorkerJoined("coordinator", 5, "worker-1", "host", 1, 1_772_357_400.0),
        WorkerLost("coordinator", 6, "worker-2", 1_772_357_410.0, 1, "silent", 1),
        Ledger("coordinator", 7, "worker-1", "host", 9, 9, 0, 5, 5, None, None),
    ]
    folders = [
        run_folder(tmp_path / name / "basic_1", run, records=[*records_of(run), *extra])
        for name, run in (("a", A), ("b", B))
    ]
    aggregate = Aggregate.of(merged_records([read_part(folder) for folder in folders]))

    assert aggregate.ledger.keys() == {"1/worker-1", "2/worker-1"}
    assert {one.lost for one in aggregate.lost} == {"1/worker-2", "2/worker-2"}
    assert {one.joined for one in aggregate.joined} == {"1/worker-1", "2/worker-1"}
    assert aggregate.lost_reports == 0


def test_what_is_known_besides_is_put_together(tmp_path: Path) -> None:
    first = Circumstances(Cleanup(3, 2, ("lead 1",)), 10, environment={"machine": "A", "suite": "1"})
    second = Circumstances(Cleanup(4, 4), 20, INTERRUPTED, {"machine": "B", "suite": "1"}, clock_set_s=-2.0)
    folders = [
        run_folder(tmp_path / "a" / "basic_1", A, circumstances=first),
        run_folder(tmp_path / "b" / "basic_1", B, circumstances=second),
    ]
    _code, folder = merged(folders, tmp_path)

    found = load(folder / CIRCUMSTANCES_FILE, Circumstances)
    assert found == Circumstances(
        Cleanup(7, 6, ("lead 1",)), 30, INTERRUPTED, {"machine": "A | B", "suite": "1"}, clock_set_s=-2.0
    )


def test_a_source_that_both_watched_is_read_once(tmp_path: Path) -> None:
    folders = both(tmp_path)
    at = 1_772_357_410.0
    mine = [Reading(at + each, "server", "server.cpu_percent", 10.0, "percent") for each in range(3)]
    theirs = [Reading(at, "server", "server.cpu_percent", 90.0, "percent")]
    only_theirs = [Reading(at, "postgres", "postgres.connections_active", 5.0, "count")]
    add_readings(folders[0] / READINGS_FILE, mine)
    add_readings(folders[1] / READINGS_FILE, [*theirs, *only_theirs])
    _code, folder = merged(folders, tmp_path)

    found = [one for one in read_readings(folder / READINGS_FILE) if not one.is_of_load]
    assert sorted(found, key=lambda one: (one.source, one.at_s)) == [*only_theirs, *mine]


def test_preflights_of_several_roles_are_put_together(tmp_path: Path) -> None:
    other = replace(CHECK, role="support_staff")
    preflights = [PreflightReport("http://h", "s", "1", ("policies.list",), (check,)) for check in (CHECK, other)]
    folders = [
        run_folder(tmp_path / name / "basic_1", run, preflight=preflight)
        for name, run, preflight in zip("ab", (A, B), preflights, strict=True)
    ]
    _code, folder = merged(folders, tmp_path)

    assert {check.role for check in load(folder / PREFLIGHT_FILE, PreflightReport).checks} == {
        "policyholder",
        "support_staff",
    }


def test_a_run_that_never_had_all_its_users_leaves_no_steady_state(tmp_path: Path) -> None:
    records = [one for one in records_of(B) if not (isinstance(one, Phase) and one.name == PLATEAU)]
    code, folder = merged(both(tmp_path, records=records), tmp_path)

    assert load_run(folder).report.summary.steady_s == 0
    assert code == 4


def test_a_run_that_was_cut_off_ends_the_steady_state(tmp_path: Path) -> None:
    whole = [one for one in records_of(B) if not isinstance(one, Phase) or one.name in ("ramp-up", PLATEAU)]
    start = min(one.second for one in whole if isinstance(one, Requests))
    records = [one for one in whole if getattr(one, "second", 0) < start + 15]
    code, folder = merged(both(tmp_path, records=records, circumstances=None), tmp_path)

    summary = load_run(folder).report.summary
    assert summary.steady_end == start + 14
    assert (summary.ended, code) == (CUT_OFF, 4)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param({"host": "http://staging-b"}, MergeMessage.HOST, id="another target"),
        pytest.param({"demo": "embedded"}, MergeMessage.DEMO, id="a demo of its own"),
        pytest.param({"targets": (Target("p95", "p95_ms", 1.0, True),)}, MergeMessage.TARGETS, id="other limits"),
        pytest.param(
            {"scenario": replace(B.plan().scenario, name="peak")}, MergeMessage.SCENARIO, id="another scenario"
        ),
        pytest.param(
            {"scenario": replace(B.plan().scenario, duration_s=25.0)}, MergeMessage.SCENARIO_FIELD, id="longer"
        ),
        pytest.param(
            {"scenario": replace(B.plan().scenario, arrival=Arrival(5.0))}, MergeMessage.SCENARIO_FIELD, id="open"
        ),
        pytest.param({"read_only": True}, MergeMessage.OPTION, id="one of them writes nothing"),
        pytest.param({"check_correctness": CheckLevel.SAMPLE}, MergeMessage.OPTION, id="one of them checks"),
        pytest.param({"access": Access(proxy="http://proxy")}, MergeMessage.OPTION, id="through a proxy"),
        pytest.param({"later_s": 60}, MergeMessage.NOT_TOGETHER, id="one after the other"),
        pytest.param(
            {"preflight": PreflightReport("h", "s", "1", (), (replace(CHECK, works=Works.BROKEN),))},
            MergeMessage.LEFT_OUT, id="one left out what the other did",
        ),
    ],
)  # fmt: skip
def test_runs_that_do_not_fit_are_refused_with_what_differs(changed: dict[str, Any], why: Code, tmp_path: Path) -> None:
    seen = PreflightReport("h", "s", "1", (), (CHECK,))
    a = run_folder(tmp_path / "a" / "basic_1", A, preflight=seen)
    b = run_folder(tmp_path / "b" / "basic_1", B, **changed)

    with pytest.raises(UsageError) as refused:
        check_parts([read_part(folder) for folder in (a, b)])
    assert refused.value.message.code is MergeMessage.DO_NOT_FIT  # type: ignore[union-attr]
    assert refused.value.message.fields["why"].code is why  # type: ignore[union-attr]


def test_runs_of_other_versions_do_not_fit(tmp_path: Path) -> None:
    parts = [read_part(folder) for folder in both(tmp_path)]
    older = replace(parts[1], plan=replace(parts[1].plan, suite_version="0.0.9"))
    for other in (older, replace(parts[1], schema=3)):
        with pytest.raises(UsageError) as refused:
            check_parts([parts[0], other])
        assert refused.value.message.fields["why"].code in (MergeMessage.VERSION, MergeMessage.SCHEMA)  # type: ignore[union-attr]


def test_a_rate_that_changes_has_to_begin_in_both_at_once(tmp_path: Path) -> None:
    scenarios = [replace(run.plan().scenario, arrival=Arrival(5.0, 10.0)) for run in (A, B)]
    a, b = (
        run_folder(tmp_path / name / "basic_1", run, scenario=scenario, later_s=later)
        for name, run, scenario, later in zip("ab", (A, B), scenarios, (0, 2), strict=True)
    )
    with pytest.raises(UsageError) as refused:
        check_parts([read_part(a), read_part(b)])
    assert refused.value.message.fields["why"].code is MergeMessage.RATE_BEGAN_APART  # type: ignore[union-attr]


def test_the_same_run_is_not_merged_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _other = both(tmp_path)

    assert suite(["merge", str(folder), str(folder), "--results", str(tmp_path / "results")]) == 2
    assert str(MergeMessage.SAME_RUN()) in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("given", "lacks"), [([], "RUN is missing"), (["basic_1"], "two runs")])
def test_it_takes_two_runs(given: list[str], lacks: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert suite(["merge", *given]) == 2
    assert lacks in capsys.readouterr().err


def test_a_folder_without_measurements_is_no_part(tmp_path: Path) -> None:
    folder, _other = both(tmp_path)
    (folder / measurements_file.FILE_NAME).unlink()

    with pytest.raises(LoadError):
        read_part(folder)


def test_cleanup_names_the_single_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = both(tmp_path)
    _code, folder = merged(folders, tmp_path)

    assert suite(["cleanup", str(folder)]) == 2
    assert str(folders[1]) in capsys.readouterr().err


def test_the_folder_has_every_file_of_a_run(tmp_path: Path) -> None:
    _code, folder = merged(both(tmp_path), tmp_path)

    assert {path.name for path in folder.iterdir()} >= {"report.html", "summary.json", "stats.csv", "junit.xml"}
    content = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert any("merged from 2 runs" in note for note in content["notes"])
