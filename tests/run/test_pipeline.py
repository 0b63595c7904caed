"""A run in which the suite itself fails, at each of its stages: it ends in order, and never as a target that failed."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from perfsuite.cli.main import main
from perfsuite.cli.screen import PlainScreen
from perfsuite.errors import LoadError, TargetError, UnexpectedError, UsageError
from perfsuite.history import RunQuery
from perfsuite.messages.calibration import ProcessNote
from perfsuite.messages.run import RunMessage
from perfsuite.model import Account, Arrival, Outcome, Plan, PreflightReport, RunReport
from perfsuite.model.history import RunGroup
from perfsuite.plan.processes import too_few
from perfsuite.preflight.probe import TargetInfo
from perfsuite.report.write import FILES, write_all
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.run import pipeline
from perfsuite.run.archive import RunArchive, read_past_run
from perfsuite.run.calibration import calibrated
from perfsuite.run.context import CommandContext, RunContext
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.finish import Outputs, RunEnd, finish
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load import LoadResult
from perfsuite.run.load_run import PREFLIGHT_FILE, Evaluation, LoadedRun, load_run, save
from perfsuite.run.pipeline import STAGES, Stages
from perfsuite.suite_errors import LOG_FILE
from perfsuite.target.journal import FILE_NAME as JOURNAL_FILE
from perfsuite.target.journal import Journal, JournalEntry
from tests.history import folders

NOBODY = "http://127.0.0.1:1"
ADMINS = (Account("9876543200", "geheim12", "super_admin"),)
SECRET_ERROR = "no such thing as geheim12"


def fail(*_given: object, **_named: object) -> NoReturn:
    raise ZeroDivisionError(SECRET_ERROR)


@dataclass
class Run:
    """A run whose load is pretended: its measurements are those of a healthy run, of which one row remains."""

    results: Path
    stages: Stages = STAGES
    plan: Plan = field(default_factory=lambda: folders.plan("", host=NOBODY))
    step_summary: Path | None = None
    baseline: RunGroup | None = None
    said: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)
    made_row: bool = False

    def __post_init__(self) -> None:
        screen = PlainScreen(self.said)
        self.errors = ErrorCollector(self.results)
        self.context = CommandContext(
            self.results, screen, self.interrupts, step_summary=self.step_summary, errors=self.errors
        )
        pretended = {"probe": _probe, "preflight": self._preflight, "load": self._load}
        missing = {
            name: fake for name, fake in pretended.items() if getattr(self.stages, name) is getattr(STAGES, name)
        }
        self.stages = replace(self.stages, **missing)

    def make(self) -> RunReport:
        return pipeline.run(self.context, self.plan, ADMINS, self.baseline, self.stages).report

    @property
    def folder(self) -> Path:
        (folder,) = (path.parent for path in self.results.glob("*/plan.json"))
        return folder

    @property
    def summary(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "summary.json").read_bytes())
        return data

    @property
    def kept(self) -> list[Outcome]:
        """What the history holds of it."""
        with RunArchive(self.results).open_history() as history:
            return [run.outcome for run in history.runs(RunQuery(totals_only=True))]

    def _preflight(self, run: RunContext, _target: TargetInfo) -> PreflightReport:
        if self.made_row:
            book = Journal(run.folder / JOURNAL_FILE)
            book.write(JournalEntry("create", "lead", "PERF-1"))
            book.close()
        seen = PreflightReport(run.plan.host, "Agent Mitra", "2.3.1", (), folders.CHECKS[:1])
        save(run.folder / PREFLIGHT_FILE, seen)
        return seen

    def _load(self, run: RunContext) -> LoadResult:
        folders.measured(run.folder)
        return LoadResult("completed")


def _probe(_run: RunContext) -> TargetInfo:
    return TargetInfo("agent-mitra-backend", "2.3.1", None)


def named(report: RunReport) -> set[str]:
    """What failed, as the summary has it."""
    return {group.message for group in report.summary.suite_errors}


def check_line_and_log(run: Run, *, lines: int = 1) -> None:
    """One line with place and log, and no traceback but in the file; the password is nowhere."""
    said = [line for line in run.said.getvalue().splitlines() if line.startswith("Error of the suite")]
    assert len(said) == lines
    for line in said:
        assert f"{__name__}:" in line and " fail: ZeroDivisionError: no such thing as …; " in line
        assert line.endswith(f"its traceback is in {run.folder / LOG_FILE}")
    log = (run.folder / LOG_FILE).read_text(encoding="utf-8")
    assert log.count("Traceback (most recent call last)") == lines
    assert "geheim" not in log + run.said.getvalue()


def test_a_healthy_run_passes_and_has_no_log(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.make().verdict.outcome is Outcome.PASS
    assert run.kept == [Outcome.PASS]
    assert {path.name for path in run.folder.iterdir()} >= {*FILES, "circumstances.json", "readings.csv"}
    assert not (run.folder / LOG_FILE).exists()
    assert (tmp_path / "index.html").exists()


# ── before the load is over: nothing is reported, and rows go ───────────────────────────────────────


@pytest.mark.parametrize("stage", ["probe", "fingerprint", "preflight", "load"])
def test_an_error_before_there_is_anything_to_report(stage: str, tmp_path: Path) -> None:
    run = Run(tmp_path, stages=replace(STAGES, **{stage: fail}), made_row=stage == "load")
    with pytest.raises(UnexpectedError) as ended:
        run.make()
    assert ended.value.exit_code == 4
    assert str(ended.value).startswith(f"Error of the suite (a stage of the run): {__name__}:")
    assert str(ended.value).endswith(f"its traceback is in {run.folder / LOG_FILE}")
    assert "\n" not in str(ended.value)
    assert (RunMessage.CLEANED_UP(removed=0, created=1) in run.said.getvalue()) == run.made_row
    assert run.kept == []


def test_where_cleanup_fails_as_well_the_command_that_does_it_is_named(tmp_path: Path) -> None:
    def preflight(run: RunContext, _target: TargetInfo) -> PreflightReport:
        (run.folder / JOURNAL_FILE).mkdir()  # cannot be read
        fail()

    run = Run(tmp_path, stages=replace(STAGES, preflight=preflight))
    with pytest.raises(UnexpectedError, match="ZeroDivisionError"):
        run.make()
    first, last = run.said.getvalue().splitlines()
    assert first.startswith("Error of the suite (cleanup): ")
    assert last == RunMessage.ROWS_MAY_REMAIN(folder=run.folder)


def test_what_the_user_can_do_something_about_is_said_as_before(tmp_path: Path) -> None:
    def preflight(_run: RunContext, _target: TargetInfo) -> PreflightReport:
        raise TargetError("nothing listens there")

    run = Run(tmp_path, stages=replace(STAGES, preflight=preflight))
    with pytest.raises(TargetError, match="nothing listens there"):
        run.make()
    assert not (run.folder / LOG_FILE).exists()


def test_an_interruption_that_was_lost_ends_the_run_before_its_load(tmp_path: Path) -> None:
    """Python drops exceptions in some of its callbacks, as while modules are imported."""

    def never(_run: RunContext) -> LoadResult:
        raise AssertionError("a load is made")

    run = Run(tmp_path, stages=replace(STAGES, load=never))
    run.interrupts.count = 1
    with pytest.raises(KeyboardInterrupt):
        run.make()


# ── after the load: everything else is done, and the run is inconclusive ────────────────────────────


@pytest.mark.parametrize(
    ("stage", "during"),
    [
        pytest.param("fingerprint_again", "fingerprint after the load", id="the second fingerprint"),
        pytest.param("cleanup", "cleanup", id="cleanup"),
    ],
)
def test_an_error_between_load_and_report(stage: str, during: str, tmp_path: Path) -> None:
    run = Run(tmp_path, stages=replace(STAGES, **{stage: fail}), made_row=True)
    report = run.make()
    assert (report.verdict.outcome, report.verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    assert named(report) == {f"ZeroDivisionError: no such thing as … ({during})"}
    assert run.summary["cleanup"]["created"] == 1
    assert len(run.summary["cleanup"]["not_removed"]) == 1
    assert f"cleanup {run.folder}" in run.said.getvalue()
    assert run.kept == [Outcome.INCONCLUSIVE]
    check_line_and_log(run)


def test_rows_that_cannot_even_be_listed_are_a_line_with_the_command(tmp_path: Path) -> None:
    def cleanup(run: RunContext, _ended: str) -> NoReturn:
        (run.folder / JOURNAL_FILE).mkdir()
        fail()

    run = Run(tmp_path, stages=replace(STAGES, cleanup=cleanup))
    assert run.make().verdict.outcome is Outcome.INCONCLUSIVE
    assert f"Remove them with: cleanup {run.folder}" in run.said.getvalue()


def finishing(outputs: Outputs) -> Stages:
    def done(run: RunContext, end: RunEnd, baseline: RunGroup | None) -> LoadedRun:
        return finish(run, end, baseline, outputs)

    return replace(STAGES, finish=done)


def reading(**evaluation: Any) -> Outputs:
    def read(folder: Path, errors: ErrorCollector) -> LoadedRun:
        return load_run(folder, errors=errors, evaluation=Evaluation(**evaluation))

    return Outputs(load=read)


def without(name: str) -> Outputs:
    """One of the files of a run cannot be made."""
    files = {**FILES, name: fail}

    def write(report: RunReport, folder: Path, failed: Callable[[Exception, str], None]) -> None:
        write_all(report, folder, failed, files)

    return Outputs(write=write)


def all_but(*names: str) -> set[str]:
    return {*FILES, "history", "index"} - set(names)


@pytest.mark.parametrize(
    ("outputs", "during", "made"),
    [
        pytest.param(reading(find=fail), "findings", all_but(), id="findings"),
        pytest.param(reading(judge=fail), "the verdict", all_but(), id="verdict"),
        *(
            pytest.param(without(name), name, all_but(name), id=name)
            for name in ("stats.csv", "summary.md", "report.html")
        ),
        pytest.param(Outputs(write=fail), "files of the run", {"history", "index"}, id="all files"),
        pytest.param(Outputs(archive=fail), "history", all_but("history"), id="history"),
        pytest.param(Outputs(runs_page=fail), "page of all runs", all_but("index"), id="page of all runs"),
    ],
)
def test_an_error_in_one_output_leaves_the_others(
    outputs: Outputs, during: str, made: set[str], tmp_path: Path
) -> None:
    run = Run(tmp_path, stages=finishing(outputs))
    report = run.make()
    assert (report.verdict.outcome, report.verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    (group,) = report.summary.suite_errors
    assert (group.message, group.count) == (f"ZeroDivisionError: no such thing as … ({during})", 1)
    assert any(group.place in reason for reason in report.verdict.reasons)
    found = {name for name in FILES if (run.folder / name).exists()}
    found |= {"history"} if run.kept == [Outcome.INCONCLUSIVE] else set()
    found |= {"index"} if (tmp_path / "index.html").exists() else set()
    assert found == made
    if "summary.json" in made:
        assert (run.summary["verdict"], run.summary["exit_code"]) == ("inconclusive", 4)
        assert [error["place"] for error in run.summary["suite_errors"]] == [group.place]
    check_line_and_log(run)


@pytest.mark.parametrize("outputs", [reading(find=fail), Outputs(archive=fail), without("junit.xml")])
def test_a_run_that_failed_stays_failed(outputs: Outputs, tmp_path: Path) -> None:
    run = Run(tmp_path, stages=finishing(outputs))
    run.plan = replace(run.plan, targets=tuple(replace(each, limit=1.0) for each in run.plan.targets))
    report = run.make()
    assert (report.verdict.outcome, report.verdict.exit_code) == (Outcome.FAIL, 1)
    assert len(report.summary.suite_errors) == 1
    assert run.summary["exit_code"] == 1


def test_a_comparison_that_fails(tmp_path: Path) -> None:
    earlier = read_past_run(folders.folder(tmp_path / "earlier", "basic_1"))
    run = Run(tmp_path, stages=finishing(Outputs(compare=fail)), baseline=RunGroup("main", (earlier,)))
    report = run.make()
    assert report.verdict.outcome is Outcome.INCONCLUSIVE
    assert named(report) == {"ZeroDivisionError: no such thing as … (comparison with the baseline)"}
    assert report.comparison is None
    check_line_and_log(run)


def test_without_figures_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path, stages=finishing(Outputs(load=fail)))
    with pytest.raises(UnexpectedError) as ended:
        run.make()
    assert ended.value.exit_code == 4
    assert (ended.value.code, ended.value.fields["folder"]) == (RunMessage.REPORT_FAILED, run.folder)
    assert main(["report", str(run.folder), "--quiet"]) == 0
    assert run.summary["verdict"] == "pass"


def test_a_thread_that_dies_before_the_load_is_over_is_in_the_verdict(tmp_path: Path) -> None:
    def again(run: RunContext, _target: TargetInfo, loaded: LoadResult) -> str:
        try:
            fail()
        except ZeroDivisionError as error:
            run.errors.record_unreported(error, "it ended the thread monitor")
        return loaded.ended

    run = Run(tmp_path, stages=replace(STAGES, fingerprint_again=again))
    assert run.make().verdict.outcome is Outcome.INCONCLUSIVE
    # What was measured without it stays doubtful, whenever the run is looked at.
    assert main(["judge", str(run.folder), "--quiet"]) == 4
    check_line_and_log(run)


def test_what_went_wrong_in_a_report_is_over_when_it_is_made_anew(tmp_path: Path) -> None:
    run = Run(tmp_path, stages=finishing(without("junit.xml")))
    run.make()
    assert main(["report", str(run.folder), "--quiet"]) == 0
    assert run.summary["verdict"] == "pass"


# ── the disk, interruptions, and extras ─────────────────────────────────────────────────────────────


def test_a_file_that_cannot_be_written_leaves_the_others(tmp_path: Path) -> None:
    def load(run: RunContext) -> LoadResult:
        (run.folder / "stats.csv").mkdir()
        folders.measured(run.folder)
        return LoadResult("completed")

    run = Run(tmp_path, stages=replace(STAGES, load=load))
    with pytest.raises(LoadError) as ended:
        run.make()
    assert "stats.csv: is a directory" in str(ended.value)
    assert all((run.folder / name).is_file() for name in FILES if name != "stats.csv")
    assert run.kept == [Outcome.PASS]


def test_who_interrupts_the_report_twice_learns_how_to_finish_it(tmp_path: Path) -> None:
    def interrupted(_report: RunReport, _folder: Path, _failed: object) -> None:
        raise KeyboardInterrupt

    run = Run(tmp_path, stages=finishing(Outputs(write=interrupted)))
    with pytest.raises(KeyboardInterrupt) as ended:
        run.make()
    assert str(ended.value) == RunMessage.REPORT_INTERRUPTED(folder=run.folder)
    assert main(["report", str(run.folder), "--quiet"]) == 0
    assert run.summary["verdict"] == "pass"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        pytest.param("folder", "is a directory", id="a folder"),
        pytest.param("nowhere/step.md", "no such file or directory", id="no folder"),
        pytest.param("/dev/full", "no space left on device", id="a full disk"),
        pytest.param("full.md", "nearly full", id="near its limit"),
        pytest.param("fifo", "no such device or address", id="a pipe that nobody reads"),
    ],
)
def test_a_step_summary_that_takes_nothing_is_one_warning(place: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "full.md").write_bytes(b"x" * ((1 << 20) - 10))
    run = Run(tmp_path / "results", step_summary=tmp_path / place)
    assert run.make().verdict.outcome is Outcome.PASS
    assert run.kept == [Outcome.PASS]
    (warning,) = run.said.getvalue().splitlines()
    assert why in warning
    assert warning.endswith(f"the summary is only in {run.folder / 'summary.md'}")
    assert not (run.folder / LOG_FILE).exists()


def test_an_error_in_an_extra_decides_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, stages=finishing(Outputs(append=fail)), step_summary=tmp_path / "step.md")
    assert run.make().verdict.outcome is Outcome.PASS
    check_line_and_log(run)


def test_the_step_summary_is_what_the_run_says(tmp_path: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n", encoding="utf-8")
    run = Run(tmp_path / "results", step_summary=step)
    run.make()
    written = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert step.read_text(encoding="utf-8") == f"before\n\n{written}"


def test_a_history_that_is_away_is_a_line(tmp_path: Path) -> None:
    def away(_archive: RunArchive, _run: LoadedRun) -> list[str]:
        raise PermissionError(13, "Permission denied", "history.db")

    run = Run(tmp_path, stages=finishing(Outputs(archive=away)))
    assert run.make().verdict.outcome is Outcome.PASS
    assert "History: history: history.db: permission denied" in run.said.getvalue()


def test_a_damaged_file_is_the_users_to_know(tmp_path: Path) -> None:
    def damaged(_folder: Path, errors: ErrorCollector) -> LoadedRun:
        raise UsageError("preflight.json: damaged")

    run = Run(tmp_path, stages=finishing(Outputs(load=damaged)))
    with pytest.raises(LoadError) as ended:
        run.make()
    assert (ended.value.code, ended.value.fields) == (RunMessage.AFTER_THE_LOAD, {"why": "preflight.json: damaged"})


def test_load_processes_that_are_too_few_are_said_before_anything_is_sent(tmp_path: Path) -> None:
    run = Run(tmp_path, plan=folders.plan("", host=NOBODY))
    busy = replace(run.plan.scenario, arrival=Arrival(1e6))
    run.plan = replace(run.plan, scenario=busy, users_by_role=users_by_role(busy.users, ROLES))
    said_before_probe: list[str] = []

    def probe(context: RunContext) -> TargetInfo:
        said_before_probe.append(run.said.getvalue())
        raise TargetError(RunMessage.TARGET_SILENT(silent_s=1))

    run.stages = replace(run.stages, probe=probe)
    with pytest.raises(TargetError):
        run.make()

    notes = too_few(run.plan, ROLES, calibrated(run.plan, fail))
    assert {note.code for note in notes} >= {ProcessNote.TOO_FEW}
    assert said_before_probe[0].splitlines() == list(notes)
