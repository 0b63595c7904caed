"""docs/metrics.md lists every number that the suite writes or shows, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from perfsuite.judge import limits
from perfsuite.model import Aborted, AddressConnections, FailurePattern, StageFigures, generator
from perfsuite.model.failures import LONG_WAIT_US
from perfsuite.model.stages import Recovery, Stage, StageSeconds, spans_of
from perfsuite.report.files.csv_files import ARRIVAL_COLUMNS, FAILURE_COLUMNS, HISTORY_COLUMNS, STATS_COLUMNS
from perfsuite.report.files.json_file import summary_dict
from perfsuite.report.page.page import ReportPage, page_of
from perfsuite.report.page.tables import PageTable
from perfsuite.report.text import STATISTIC_FIELDS
from perfsuite.summary.bootstrap import FEWEST_BLOCKS, MOST_BLOCKS, RESAMPLES, SHORTEST_BLOCK_S
from tests.report import example_runs, made_correctness
from tests.report.watched_run import watched

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
TEXT = PAGE.read_text(encoding="utf-8")
ANY_KEY = {"users.by_role", "not_possible", "failures_by_kind", "connections", "environment", "work.weights"}
"""Their keys are names from the run."""


def section(heading: str) -> str:
    return re.split(r"^## ", TEXT.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(heading: str) -> list[str]:
    rows = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip() for row in rows[2:]]


def named(heading: str) -> list[str]:
    return [name for cell in first_cells(heading) for name in re.findall(r"`([^`]+)`", cell)]


FIGURES = named("Figures of a set of requests")
ABOUT = named("Columns that say what a row is about")


def test_columns_of_the_statistics() -> None:
    assert [*ABOUT[:-1], *FIGURES] == list(STATS_COLUMNS)
    assert [ABOUT[-1], *ABOUT[:-1], *FIGURES, *named("Actions of the open model, by second")] == list(HISTORY_COLUMNS)
    assert named("Actions of the open model, by second") == list(ARRIVAL_COLUMNS)


def test_columns_of_the_failures() -> None:
    assert ["role", "operation", *named("failures.csv")] == list(FAILURE_COLUMNS)


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Every key of a dict with the keys above it; "[]" stands for the entries of a list."""
    if isinstance(value, dict) and path not in ANY_KEY:
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from keys(inner, f"{path}[]")
    else:
        yield path


def test_keys_of_the_summary() -> None:
    report = watched(example_runs.open_model())
    report = replace(report, summary=replace(report.summary, correctness=made_correctness.VIOLATED))
    pattern = FailurePattern("timeout", "no answer in time", 1, ("users.me",), ("policyholder",), 0, 0)
    address = AddressConnections("[::1]:80", 0, 1, 2_000.0, 2_000.0)
    report = replace(report, summary=replace(report.summary, failure_patterns=(pattern,), connections=(address,)))
    stage = StageFigures(
        spans_of([Stage("one", 10, 5, held=True)])[0],
        StageSeconds("one", 0, 10, (1, 10)),
        {},
        report.summary.totals,
        recovery=Recovery("before", "high", 10.0, 1.0, 10.0),
    )
    aborted = Aborted("average", "avg_ms", 600.0, 500.0, 30, 0)
    report = replace(report, summary=replace(report.summary, stages=(stage,), aborted=aborted))
    written = set(keys(summary_dict(report)))
    figures = {f"{where}.{name}" for where in ("totals", "operations[]") for name in FIGURES}
    figures |= {f"{where}.{name}" for where in ("totals_ok", "stages[]", "stages[].ok") for name in STATISTIC_FIELDS}
    assert figures <= written
    assert sorted(written - figures) == sorted(named("summary.json"))


def tables_on(page: ReportPage) -> list[PageTable]:
    within = page.distribution.table if page.distribution else None
    checks = page.correctness.not_checked if page.correctness else None
    some = (page.failures, page.suite_errors, page.database.table, within, checks)
    return [table for table in (*page.tables, *some) if table]


def test_titles_of_the_page() -> None:
    shown = {
        name.strip() for cell in first_cells("On screen, in report.html and summary.md") for name in cell.split(",")
    }
    pages = [page_of(example()) for example in example_runs.EXAMPLES.values()]
    tables = [table for page in pages for table in tables_on(page)]
    titles = {column.title for table in tables for column in table.columns}
    assert titles | {figure.label for page in pages for figure in page.figures} <= shown


def test_limits_are_those_of_the_code() -> None:
    told = section("When a run is not valid")
    for text in (
        f"mean > {generator.CPU_MEAN_PERCENT:g} % of a core",
        f"({generator.CPU_OVER_90_LEAST_S:g} at least)",
        f"of its lag > {generator.LOOP_LAG_P99_MS:g} ms",
        f"of their lag > {generator.SEND_LAG_P99_MS:g} ms",
        f"> {generator.GC_SHARE * 100:g} % of the time, or > {generator.GC_LONG_SHARE * 100:g} % with a pause"
        f" > {generator.GC_PAUSE_MS:g} ms",
        f"fewer than {100 - limits.USERS_MISSING_SHARE * 100:g} % of those of a role",
        f"more than {limits.NOT_STARTED_SHARE * 100:g} % fewer actions became due",
        f"more than {limits.LITTLE_SHARE * 100:g} % and two mean cycles",
        f"roles with {limits.LITTLE_ACTIONS} actions at least",
        f"fewer than {limits.FEWEST_REQUESTS} requests, or less than {limits.SHORTEST_STEADY_S:g} s",
    ):
        assert text in told, text
    rule = section("When failed requests fail a run")
    assert rule.startswith(f"\nMore than {limits.UNEXPECTED_SHARE * 100:g} % of the requests")
    assert f"Fewer than {limits.UNEXPECTED_LEAST} requests count as {limits.UNEXPECTED_LEAST}" in rule
    assert limits.CLOSE_FAILURES == 2
    apart = section("Which failures count in the times")
    assert f"more than {limits.SLOW_ERRORS_SHARE * 100:g} % higher" in apart
    assert f"more than {limits.FAST_ERRORS_SHARE * 100:g} % apart" in apart
    assert f"only from {LONG_WAIT_US / 1e6:g} s on" in apart
    assert (limits.LITTLE_CYCLES, limits.CHANCE_SD) == (2, 4)


def test_blocks_are_those_of_the_code() -> None:
    told = section("Confidence intervals")
    assert f"{FEWEST_BLOCKS} to {MOST_BLOCKS} blocks of consecutive seconds, each at least {SHORTEST_BLOCK_S} s" in told
    assert f"{RESAMPLES:,} times" in told
