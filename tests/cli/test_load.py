"""Repeated runs: their order, what each is asked for, and what ends them early."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from perfsuite.cli.commands.load import PAUSE_BETWEEN_S, REST_S, RepeatedRuns, RunMaker, alternate, other_job, repeat
from perfsuite.cli.commands.run import plan_options
from perfsuite.cli.job import Job
from perfsuite.cli.options import FEWEST_NOISE_RUNS, OutputOptions, RunOptions
from perfsuite.cli.parser import parse
from perfsuite.cli.screen import PlainScreen
from perfsuite.cli.terminal import Invocation, Terminal
from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_TARGET, LoadError, TargetError
from perfsuite.history import compare
from perfsuite.messages.cli import CliMessage
from perfsuite.model import ALL, RunReport, Scenario
from perfsuite.model.history import PastRun
from perfsuite.monitor import Watch
from perfsuite.plan.build import Inputs
from perfsuite.plan.options import ArchiveOptions, PlanOptions
from perfsuite.run.context import CommandContext
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts
from perfsuite.target.connection import ConnectionSettings
from tests.history.made_runs import run
from tests.report.example_runs import passed

SCENARIO = Scenario("basic", 10, 2.0, 60.0)


@dataclass
class Field:
    """Where runs are pretended to be made. `trouble` may raise, or do anything else, before run number N."""

    trouble: Callable[[int], None] = lambda number: None
    made: list[tuple[str, bool]] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)
    users: int = 1

    def run(self, job: Job, scenario: Scenario) -> tuple[RunReport, PastRun]:
        number = len(self.made)
        self.trouble(number)
        self.made.append((job.inputs.host, job.options.fingerprint))
        assert job.context.step_summary is None
        made = run(f"run_{number}", {(ALL, ALL): 10.0})
        return passed(), replace(made, conditions=replace(made.conditions, users_by_role={"role_0": self.users}))

    @property
    def maker(self) -> RunMaker:
        return RunMaker(self.run, self.rests.append)

    def alternate(self, hosts: tuple[str, ...], times: int) -> RepeatedRuns:
        jobs = [self.job(host) for host in hosts]
        return alternate(self.call(), jobs, SCENARIO, times, self.maker)

    def call(self, *words: str) -> Invocation[RunOptions]:
        parsed = parse(words, {})
        return Invocation(parsed.options, parsed, Terminal(self.out, self.err), self.interrupts, ErrorCollector())

    def job(self, host: str, *scenarios: Scenario, results: Path = Path("results")) -> Job:
        context = CommandContext(
            Path("results"), PlainScreen(self.out), self.interrupts, step_summary=Path("summary.md")
        )
        options = PlanOptions(fingerprint=True, archive=ArchiveOptions(results))
        output = OutputOptions(quiet=results != Path("results"), color=False)
        return Job(options, output, {}, Inputs(scenarios, (), host, (), ()), context)


def test_runs_alternate_and_the_fingerprint_is_taken_once_per_target() -> None:
    field_ = Field()

    made = field_.alternate(("http://a", "http://b"), 3)

    assert field_.made == [
        ("http://a", True), ("http://b", True),
        ("http://a", False), ("http://b", False),
        ("http://a", False), ("http://b", False),
    ]  # fmt: skip
    assert [[one.run_id for one in side] for side in made.runs] == [
        ["run_0", "run_2", "run_4"],
        ["run_1", "run_3", "run_5"],
    ]
    assert made.codes == [EXIT_PASS] * 6
    assert made.is_whole
    assert field_.rests == [REST_S] * 5
    assert "Run 2 of 3 of B, http://b" in field_.out.getvalue()


def test_runs_on_one_target_alone() -> None:
    field_ = Field()

    made = field_.alternate(("http://a",), 2)

    assert [len(side) for side in made.runs] == [2, 0]
    assert "Run 1 of 2\n" in field_.out.getvalue()


def test_scenarios_are_10_s_apart_also_when_runs_are_repeated() -> None:
    field_ = Field()
    job = field_.job("http://a", SCENARIO, replace(SCENARIO, name="peak"))

    code = repeat(field_.call("--runs", "2"), job, None, field_.maker)

    assert code == EXIT_PASS
    assert field_.rests == [REST_S, PAUSE_BETWEEN_S, REST_S]


def test_runs_that_cannot_be_compared_do_not_exit_as_if_nothing_was_sent() -> None:
    def other_users(number: int) -> None:
        field_.users = 1 + number // 2

    field_ = Field(other_users)

    with pytest.raises(LoadError) as caught:
        repeat(field_.call("--runs", "2"), field_.job("http://a", SCENARIO), field_.job("http://b"), field_.maker)
    assert caught.value.code is CliMessage.RUNS_NOT_COMPARED


def test_a_run_that_fails_ends_the_repetition() -> None:
    def trouble(number: int) -> None:
        if number == 3:
            raise TargetError("the target is gone")

    field_ = Field(trouble)

    made = field_.alternate(("http://a", "http://b"), 5)

    assert made.codes == [EXIT_PASS, EXIT_PASS, EXIT_PASS, EXIT_TARGET]
    assert not made.is_whole
    assert field_.err.getvalue() == "the target is gone\n"


def test_an_interruption_ends_the_repetition() -> None:
    field_ = Field()

    def trouble(number: int) -> None:
        field_.interrupts.count += number == 1

    field_.trouble = trouble

    made = field_.alternate(("http://a", "http://b"), 5)

    assert made.codes == [EXIT_PASS, EXIT_INTERRUPTED]
    assert not made.is_whole


def test_the_page_of_a_ci_job_has_the_runs_and_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    field_ = Field()
    call = field_.call("--runs", "2")

    first, second = (field_.job(host, SCENARIO, results=tmp_path) for host in ("http://a", "http://b"))
    code = repeat(call, first, second, field_.maker)

    shown = step.read_text(encoding="utf-8")
    assert code in (EXIT_PASS, EXIT_INCONCLUSIVE)
    assert shown.count("✅ PASS") == 4
    assert shown.index("### 4 runs") < shown.index("against")


def test_an_unwritable_page_of_a_ci_job_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    field_ = Field()

    assert repeat(field_.call("--runs", "2"), field_.job("http://a", SCENARIO), None, field_.maker) == EXIT_PASS

    assert field_.err.getvalue() == (
        f"$GITHUB_STEP_SUMMARY, {tmp_path}: is a directory; the summary is only in results/index.html\n"
    )


def test_another_target_is_not_watched_by_the_monitors_of_the_first() -> None:
    field_ = Field()
    call = field_.call("--demo", "full", "--against", "http://localhost:8099")
    of_demo = Watch(
        "",
        ConnectionSettings("http://127.0.0.1:1"),
        server="4711",
        postgres_dsn="host=first",
        redis_url="redis://first",
    )
    first = replace(field_.job("http://127.0.0.1:1", SCENARIO), options=plan_options(call))
    first = replace(first, context=replace(first.context, watch=of_demo, request_log=Path("requests.jsonl")))
    assert first.options.fingerprint

    with ExitStack() as stack:
        second = other_job(stack, call.options, first)

    assert second is not None
    assert second.inputs.host == "http://localhost:8099"
    assert second.context.watch is not None
    assert not second.context.watch.wanted
    assert (second.options.fingerprint, second.options.demo, second.context.request_log) == (False, None, None)


def test_noise_needs_as_many_runs_as_its_statistics() -> None:
    assert FEWEST_NOISE_RUNS == compare.FEWEST_NOISE_RUNS
