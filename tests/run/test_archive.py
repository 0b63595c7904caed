"""From the folder of a run to its record, and the history rebuilt from the folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perfsuite.errors import LoadError, UsageError
from perfsuite.history import History, write_baseline
from perfsuite.history.database import database_error
from perfsuite.messages.run import RunMessage
from perfsuite.model import ALL, Arrival, CapacityPlan, CapacityReport, Outcome, Scenario, SearchBy
from perfsuite.model.correctness import CheckLevel, ChecksOff
from perfsuite.model.history import Baseline, Conditions
from perfsuite.model.stages import Stage
from perfsuite.plan.files import read_scenarios
from perfsuite.run.archive import (
    RunArchive,
    add_to_history,
    conditions_of,
    digest_of,
    machine,
    past_run,
    read_past_run,
    rebuild,
)
from perfsuite.run.load_run import load_run
from tests.history import folders, made
from tests.report import made_capacity

NAME = "basic_20260301_093000"


def quiet(_line: str) -> None:
    """Nobody listens."""


def test_the_record_of_a_run(tmp_path: Path) -> None:
    read = load_run(folders.folder(tmp_path, NAME, made.fingerprint(), label="nightly", release="1.0"))

    run = past_run(read)

    assert (run.run_id, run.folder, run.label, run.release) == (NAME, NAME, "nightly", "1.0")
    assert (run.started_at, run.ended_at) == ("2026-03-01T09:30:00+00:00", "2026-03-01T09:30:16+00:00")
    assert run.target_version == "2.3.1"
    assert run.outcome is read.report.verdict.outcome
    assert run.conditions.data_size == {"users": 100, "agents": 12, "policies": 1_000}
    assert run.conditions.left_out == ("support_staff / tickets.update",)
    assert run.conditions.machine == folders.MACHINE
    assert run.fingerprint == made.fingerprint()
    assert run.of(ALL, ALL) == read.report.summary.totals


def test_the_record_has_the_figures_that_targets_were_judged_on(tmp_path: Path) -> None:
    read = load_run(folders.folder(tmp_path, NAME))
    report = read.report
    served = made.statistics(60.0)
    rows = tuple(replace(row, ok=served) for row in report.summary.rows)
    run = past_run(replace(read, report=replace(report, summary=replace(report.summary, rows=rows))))
    assert {one.ok for one in run.measured} == {served}
    assert {one.ok for one in past_run(read).measured} == {None}  # nothing failed


def test_figures_are_those_of_the_report(tmp_path: Path) -> None:
    read = load_run(folders.folder(tmp_path, NAME))
    run, summary = past_run(read), read.report.summary

    keys = [(one.role, one.operation) for one in run.measured]
    assert len(keys) == len(set(keys))
    requests = sum(one.statistics.requests for one in run.measured if ALL not in (one.role, one.operation))
    assert requests == summary.totals.requests  # each operation of each role once, over all its behaviours
    by_role = {one.role: one.statistics for one in run.measured if one.operation == ALL and one.role != ALL}
    assert sum(figures.requests for figures in by_role.values()) == summary.totals.requests
    assert {role for role, _operation in keys} == {ALL, *by_role}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(Scenario("basic", 10, 2, 60, "another purpose"), True, id="what it is for does not matter"),
        pytest.param(Scenario("another", 10, 2, 60), True, id="nor what it is called"),
        pytest.param(Scenario("basic", 11, 2, 60), False, id="users"),
        pytest.param(Scenario("basic", 10, 2.5, 60), False, id="spawn rate"),
        pytest.param(Scenario("basic", 10, 2, 61), False, id="duration"),
        pytest.param(Scenario("basic", 10, 2, 60, roles=("policyholder",)), False, id="roles"),
        pytest.param(Scenario("basic", 10, 2, 60, weights={"policyholder": 1}), False, id="weights"),
        pytest.param(Scenario("basic", 10, 2, 60, operations=("users.me",)), False, id="operations"),
        pytest.param(Scenario("basic", 10, 2, 60, exclude=("users.me",)), False, id="excluded operations"),
        pytest.param(Scenario("basic", 10, 2, 60, think_time_factor=0.5), False, id="think times"),
    ],
)
def test_the_digest_names_the_content_of_a_scenario(other: Scenario, same: bool) -> None:
    usual = Scenario("basic", 10, 2, 60)

    assert (digest_of(other, "perfsuite.roles") == digest_of(usual, "perfsuite.roles")) is same
    assert digest_of(usual, "own.roles") != digest_of(usual, "perfsuite.roles")


def test_what_came_later_does_not_change_the_digests_of_earlier_runs() -> None:
    """As they were before scenarios and stages had further keys: saved baselines have these."""
    scenarios = read_scenarios(Path(__file__).parents[2] / "scenarios.toml").scenarios
    assert {name: digest_of(scenario, "perfsuite.roles") for name, scenario in scenarios.items()} == {
        "basic": "c3a1972921533465",
        "moderate": "ccce603a19289adc",
        "heavy": "44a1cdbc5ca22c26",
        "peak": "51c431a8ed966f31",
        "stress": "c5d1c16274e5dc53",
        "endurance": "208ce7c206339f0a",
        "acceptance": "cd09dc82f3927965",
        "spike": "36d55a3e6c07c465",
        "steps": "afd46db4a41bf565",
    }
    open_model = Scenario("open", 10, 2, 60, arrival=Arrival(5, 10, poisson=True))
    stages = (Stage("one", 60, arrival_rate=10),)
    assert digest_of(replace(open_model, stages=stages), "perfsuite.roles") != digest_of(open_model, "perfsuite.roles")


def test_what_a_search_sets_itself_is_no_condition_of_it() -> None:
    def known(most: float, duration_s: float, **changed: Any) -> Conditions:
        scenario = replace(folders.plan(NAME).scenario, users=int(most), duration_s=duration_s)
        search = CapacityPlan(SearchBy.USERS, 8, most, duration_s)
        return conditions_of(folders.plan(NAME, scenario=scenario, capacity=search, **changed), None, machine())

    usual = known(400, 900)
    stricter = [replace(target, limit=target.limit / 2) for target in folders.plan(NAME).targets]
    renamed = [replace(target, name="other") for target in folders.plan(NAME).targets]

    assert known(800, 1800) == usual
    assert (usual.search_by, conditions_of(folders.plan(NAME), None, machine()).search_by) == ("users", "")
    assert known(400, 900, targets=tuple(stricter)).targets_digest != usual.targets_digest
    assert known(400, 900, targets=tuple(renamed)).targets_digest == usual.targets_digest


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        pytest.param(made_capacity.by_rate, (True, True), id="interval"),
        pytest.param(made_capacity.limited_by_generator, (True, False), id="at least"),
        pytest.param(made_capacity.first_load_fails, (False, True), id="below the lowest load"),
    ],
)
def test_what_a_search_found_is_in_its_record(
    found: Callable[[], CapacityReport], ends: tuple[bool, bool], tmp_path: Path
) -> None:
    run = load_run(folders.folder(tmp_path, NAME))
    searched = made_capacity.run_of(found())
    report = replace(run.report, plan=replace(run.report.plan, capacity=searched.plan.capacity), capacity=found())
    kept = past_run(replace(run, report=report)).capacity

    assert kept is not None
    assert kept.kind is found().answer.kind
    assert (kept.low is not None, kept.high is not None) == ends
    assert past_run(run).capacity is None


def test_before_a_run_nothing_is_known_of_the_data() -> None:
    known = conditions_of(folders.plan(NAME), None, machine())

    assert (known.data_size, known.left_out) == ({}, ())
    assert known.machine == machine() != ""
    assert 0 not in known.users_by_role.values()


@pytest.mark.parametrize(
    ("level", "why_off", "expected"),
    [
        pytest.param(CheckLevel.THOROUGH, None, "thorough", id="on"),
        pytest.param(CheckLevel.OFF, ChecksOff.REMOTE, "off", id="off"),
        pytest.param(CheckLevel.OFF, None, "", id="older than checks"),
    ],
)
def test_how_much_was_checked_is_known(level: CheckLevel, why_off: ChecksOff | None, expected: str) -> None:
    plan = folders.plan(NAME, check_correctness=level, checks_off=why_off)
    assert conditions_of(plan, None, machine()).check_correctness == expected


@pytest.mark.parametrize(
    ("processes", "expect_workers", "made_on", "made_by"),
    [
        pytest.param(4, 0, "this machine", 4, id="here"),
        pytest.param(0, 4, "4 workers elsewhere", 4, id="elsewhere"),
        pytest.param(3, 1, "1 worker elsewhere, 3 × this machine", 4, id="both"),
    ],
)
def test_as_many_processes_elsewhere_are_other_machines(
    processes: int, expect_workers: int, made_on: str, made_by: int
) -> None:
    plan = replace(folders.plan(NAME), processes=processes, expect_workers=expect_workers)

    known = conditions_of(plan, None, "this machine")

    assert (known.machine, known.processes) == (made_on, made_by)


# ── adding ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_history_that_takes_nothing_is_one_note(tmp_path: Path) -> None:
    read = load_run(folders.folder(tmp_path, NAME))
    (tmp_path / "history.db").write_bytes(b"no database" * 500)

    (line,) = RunArchive(tmp_path).add(read)

    assert line.code is RunMessage.NOT_IN_HISTORY
    assert "\n" not in line


def test_a_clock_that_went_backwards_is_a_note(tmp_path: Path) -> None:
    later = made.run(60, run_id="basic_later")
    read = load_run(folders.folder(tmp_path, NAME))
    with RunArchive(tmp_path).open_history() as history:
        assert add_to_history(read, history) == []
        history.add(later)
        (line,) = add_to_history(read, history)

    ended_at = "2026-03-01T09:30:16+00:00"
    assert line == RunMessage.LATER_RUN(other="basic_later", started_at=later.started_at, ended_at=ended_at)


def test_two_runs_at_once_are_no_clock_that_went_backwards(tmp_path: Path) -> None:
    """One that began later has ended earlier."""
    read = load_run(folders.folder(tmp_path, NAME))
    short = made.run(1, started_at="2026-03-01T09:30:05+00:00", ended_at="2026-03-01T09:30:09+00:00")
    with RunArchive(tmp_path).open_history() as history:
        history.add(short)
        assert add_to_history(read, history) == []


def test_a_clock_set_back_in_the_run_is_a_note(tmp_path: Path) -> None:
    folder = folders.folder(tmp_path, NAME)
    read = load_run(folder)
    plan = replace(read.report.plan, created_at="2026-03-01T10:30:00+00:00")
    with RunArchive(tmp_path).open_history() as history:
        (line,) = add_to_history(replace(read, report=replace(read.report, plan=plan)), history)

    assert (line.code, line.fields["started_at"]) == (RunMessage.CLOCK_WENT_BACK, "2026-03-01T10:30:00+00:00")


# ── history rebuild ─────────────────────────────────────────────────────────────────────────────────


def test_the_history_is_rebuilt_from_the_folders(tmp_path: Path) -> None:
    names = [NAME, f"{NAME}_2", "basic_20260302_093000"]
    for name in names:
        folders.folder(tmp_path, name, release="1.0")
    (tmp_path / "preflight_20260301_000000").mkdir()
    with RunArchive(tmp_path).open_history() as history:
        for name in names:
            add_to_history(load_run(tmp_path / name), history)
        before = history.runs()
        assert history.file
        history.file.unlink()

    lines: list[str] = []
    done = rebuild(RunArchive(tmp_path), lines.append)

    assert (done.runs, done.baselines, done.skipped, done.notes) == (3, 0, (), ())
    assert [line.strip() for line in lines] == names
    with RunArchive(tmp_path).open_history() as history:
        assert history.runs() == before


def test_a_damaged_folder_is_named_and_skipped(tmp_path: Path) -> None:
    folders.folder(tmp_path, NAME)
    for number, file in enumerate(("plan.json", "measurements.jsonl.gz", "circumstances.json")):
        broken = folders.folder(tmp_path, f"basic_20260301_09310{number}") / file
        broken.write_bytes(b"\x1f\x8b\x08broken" if file.endswith("gz") else b'{"half')
    (tmp_path / NAME).rename(tmp_path / "a_copied_run")
    folders.folder(tmp_path, NAME)

    done = rebuild(RunArchive(tmp_path), quiet)

    assert done.runs == 1
    assert [line.fields["folder"] for line in done.skipped] == [
        "basic_20260301_093000", "basic_20260301_093100", "basic_20260301_093101", "basic_20260301_093102",
    ]  # fmt: skip
    assert (done.skipped[0].code, done.skipped[0].fields["other"]) == (RunMessage.SAME_RUN, "a_copied_run")
    assert all("\n" not in line for line in done.skipped)


def test_a_damaged_database_is_renamed_and_rebuilt(tmp_path: Path) -> None:
    folders.folder(tmp_path, NAME)
    saved = Baseline("main", "2026-03-02T00:00:00+00:00", (made.run(1),))
    write_baseline(tmp_path / "baselines" / "main.json", saved)
    (tmp_path / "baselines" / "broken.json").write_text("{")
    (tmp_path / "history.db").write_bytes(b"no database" * 500)

    done = rebuild(RunArchive(tmp_path), quiet)

    (aside,) = tmp_path.glob("history.db.damaged-*")
    assert aside.read_bytes() == b"no database" * 500
    assert (done.runs, done.baselines) == (1, 1)
    assert [note.code for note in done.notes] == [RunMessage.HISTORY_RENAMED]
    assert done.skipped[0].fields["folder"] == "baselines/broken.json"
    with RunArchive(tmp_path).open_history() as history:
        assert history.baseline("main") == saved


def test_runs_whose_folders_are_gone_stay(tmp_path: Path) -> None:
    folders.folder(tmp_path, NAME)
    with RunArchive(tmp_path).open_history() as history:
        history.add(made.run(1))

    done = rebuild(RunArchive(tmp_path), quiet)

    assert [(note.code, note.fields["runs"]) for note in done.notes] == [(RunMessage.FOLDERS_GONE, 1)]
    with RunArchive(tmp_path).open_history() as history:
        assert history.count() == 2


@pytest.mark.parametrize("left", [pytest.param(0, id="nothing left"), pytest.param(2_000, id="the first seconds left")])
def test_a_file_cut_short_later_does_not_replace_what_the_history_holds(left: int, tmp_path: Path) -> None:
    path = folders.folder(tmp_path, NAME) / "measurements.jsonl.gz"
    rebuild(RunArchive(tmp_path), quiet)
    with RunArchive(tmp_path).open_history() as history:
        before = history.runs()
    assert len(path.read_bytes()) > 2 * left
    path.write_bytes(path.read_bytes()[:left])

    done = rebuild(RunArchive(tmp_path), quiet)

    assert (done.runs, done.notes) == (0, ())
    assert [line.code for line in done.skipped] == [RunMessage.UNREADABLE_BUT_KEPT]
    with RunArchive(tmp_path).open_history() as history:
        assert history.runs() == before
    with pytest.raises(LoadError) as caught:
        read_past_run(path.parent)
    assert caught.value.code is RunMessage.CUT_SHORT


def test_a_killed_run_has_no_end_and_is_taken_up(tmp_path: Path) -> None:
    folder = folders.folder(tmp_path, NAME)
    path = folder / "measurements.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-2_000])
    (folder / "circumstances.json").unlink()

    done = rebuild(RunArchive(tmp_path), quiet)

    assert (done.runs, done.skipped) == (1, ())


class FullDisk(History):
    """Its database is sound, and its disk is full."""

    def check(self) -> None:
        raise database_error(OSError(28, "No space left on device"), self.where)


def test_a_full_disk_does_not_make_the_database_damaged(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with RunArchive(tmp_path).open_history() as history:
        history.add(made.run(1))

    class FullDiskArchive(RunArchive):
        @contextmanager
        def open_history(self) -> Iterator[History]:
            yield FullDisk(str(file))

    with pytest.raises(UsageError, match="the disk is full"):
        rebuild(FullDiskArchive(tmp_path), quiet)

    assert [path.name for path in tmp_path.glob("history.db*")] == ["history.db"]


def test_a_database_of_a_newer_suite_is_not_rebuilt(tmp_path: Path) -> None:
    import sqlite3

    with RunArchive(tmp_path).open_history() as history:
        history.add(made.run(1))
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()

    with pytest.raises(UsageError, match="newer suite"):
        rebuild(RunArchive(tmp_path), quiet)
    assert list(tmp_path.glob("*damaged*")) == []


def test_a_run_of_the_future_is_a_note(tmp_path: Path) -> None:
    begun = f"{datetime.now(UTC).year + 2}-03-01T09:30:00+00:00"
    folder = folders.folder(tmp_path, NAME)
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace(folders.plan(NAME).created_at, begun))

    done = rebuild(RunArchive(tmp_path), quiet)

    assert done.notes == (RunMessage.IN_THE_FUTURE(run_id=NAME, started_at=begun),)


def test_no_results_give_an_empty_history(tmp_path: Path) -> None:
    done = rebuild(RunArchive(tmp_path / "nowhere"), quiet)

    assert (done.runs, done.skipped) == (0, ())
    history = History(str(tmp_path / "nowhere" / "history.db"))
    assert history.runs() == []
    history.close()


def test_the_outcome_of_a_run_is_kept(tmp_path: Path) -> None:
    run = past_run(load_run(folders.folder(tmp_path, NAME)))

    assert run.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert run.exit_code in (0, 4)
