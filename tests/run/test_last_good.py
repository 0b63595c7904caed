"""Which earlier run is the last good one, and what is said and kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.messages.stability import StabilityMessage
from perfsuite.model import Outcome
from perfsuite.model.stability import GrowthBefore, LastGoodRun, Stability, StabilityOutcome
from perfsuite.report.stability import stability_dicts, stability_lines
from perfsuite.run.archive import RunArchive, past_run
from perfsuite.run.last_good import compared_with_last_good, last_good_run
from perfsuite.run.load_run import LAST_GOOD_FILE, LoadedRun, load, load_run
from perfsuite.stability.last_good import with_last_good
from tests.history import folders

GROWS = Stability(
    "server.memory_bytes", "memory of the backend", "bytes", StabilityOutcome.GROWS,
    StabilityMessage.GROWS(rate="3 MB", low="2 MB", high="4 MB").also(StabilityMessage.LIMIT_IN_ABOUT(low="11 h")),
    3.1e6, (2.4e6, 3.9e6), 300e6, 960e6,
)  # fmt: skip
BEFORE = GrowthBefore("server.memory_bytes", "bytes", 0.2e6, 190e6)


def long_run(results: Path, name: str) -> LoadedRun:
    """A run that took long enough, by its report."""
    run = load_run(folders.folder(results, name))
    return replace(run, report=replace(run.report, stability=(GROWS,)))


def earlier(results: Path, name: str, at: str, outcome: Outcome = Outcome.PASS, **other: str) -> None:
    """A run in the history, with the summary that its folder has."""
    archive, run = RunArchive(results), long_run(results, name)
    past = replace(past_run(run), started_at=at, outcome=outcome)
    past = replace(past, conditions=replace(past.conditions, **other))
    with archive.open_history() as history:
        history.add(past)
    entry = {"metric": BEFORE.metric, "unit": "bytes", "per_minute": 0.2e6, "level": 190e6, "label": "memory"}
    unread = {"metric": "redis.memory_bytes", "unit": "bytes", "per_minute": None}
    (results / name / "summary.json").write_text(json.dumps({"run_id": name, "stability": [entry, unread]}))


@pytest.mark.parametrize(
    ("outcome", "other", "found"),
    [
        pytest.param(Outcome.PASS, {}, True, id="the same scenario, and it passed"),
        pytest.param(Outcome.PASS, {"machine": "another one"}, True, id="load from another machine"),
        pytest.param(Outcome.FAIL, {}, False, id="it failed"),
        pytest.param(Outcome.INCONCLUSIVE, {}, False, id="it was inconclusive"),
        pytest.param(Outcome.PASS, {"host": "http://another.example"}, False, id="another target"),
        pytest.param(Outcome.PASS, {"scenario_digest": "another"}, False, id="the scenario has changed"),
    ],
)
def test_the_last_good_run(outcome: Outcome, other: dict[str, str], found: bool, tmp_path: Path) -> None:
    earlier(tmp_path, "before", "2025-01-01T00:00:00+00:00", outcome, **other)
    last = last_good_run(past_run(long_run(tmp_path, "now")), RunArchive(tmp_path))
    assert last == (LastGoodRun("before", (BEFORE,)) if found else None)


def test_the_newest_of_several_whose_folder_is_there(tmp_path: Path) -> None:
    for name, at in (
        ("first", "2025-01-01"),
        ("second", "2025-01-02"),
        ("gone", "2025-01-03"),
        ("later", "2999-01-01"),
    ):
        earlier(tmp_path, name, f"{at}T00:00:00+00:00")
    (tmp_path / "gone" / "summary.json").unlink()
    last = last_good_run(past_run(long_run(tmp_path, "now")), RunArchive(tmp_path))
    assert last is not None and last.run_id == "second"


def test_it_is_kept_and_shown(tmp_path: Path) -> None:
    earlier(tmp_path, "before", "2025-01-01T00:00:00+00:00")
    run = compared_with_last_good(long_run(tmp_path, "now"), RunArchive(tmp_path))
    kept = load(run.folder / LAST_GOOD_FILE, LastGoodRun)
    assert with_last_good((GROWS,), kept) == run.report.stability
    reason = run.report.stability[0].reason
    assert reason.code is StabilityMessage.GROWS
    assert [each.code for each in reason.details] == [StabilityMessage.LIMIT_IN_ABOUT, StabilityMessage.LAST_GOOD]
    (line,) = stability_lines(run.report)
    assert "200 kB/min" in line and "before" in line
    (entry,) = stability_dicts(run.report)
    assert (entry["last_good_run"], entry["last_good_per_minute"], entry["last_good_level"]) == ("before", 2e5, 1.9e8)


def test_without_a_good_run_nothing_is_claimed(tmp_path: Path) -> None:
    run = long_run(tmp_path, "now")
    assert compared_with_last_good(run, RunArchive(tmp_path)) is run
    assert not (run.folder / LAST_GOOD_FILE).exists()
    (entry,) = stability_dicts(run.report)
    assert (entry["last_good_run"], entry["last_good_per_minute"]) == (None, None)


def test_what_is_steady_has_the_figure_but_no_sentence() -> None:
    steady = replace(GROWS, outcome=StabilityOutcome.STEADY, reason=StabilityMessage.STEADY(most="0"))
    (found,) = with_last_good((steady,), LastGoodRun("before", (BEFORE,)))
    assert (found.last_good, str(found.reason)) == (BEFORE, str(steady.reason))
