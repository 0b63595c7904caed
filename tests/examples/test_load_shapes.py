"""The scenarios and targets in `examples/load_shapes` are what their page says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.model.stages import falls_back, steady_lengths
from perfsuite.plan.files import read_scenarios

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "load_shapes"
PAGE = (ROOT / "docs" / "load-shapes.md").read_text(encoding="utf-8")


def test_they_are_what_their_comments_say() -> None:
    scenarios = read_scenarios(EXAMPLE / "scenarios.toml").scenarios
    rush, wave, orders, climb = scenarios.values()

    assert (rush.users, rush.spawn_rate, rush.duration_s) == (50, 40, 60)
    assert falls_back(rush.stages)
    assert not steady_lengths(wave.stages, wave.spawn_rate)
    assert orders.arrival is not None
    assert (orders.arrival.rate, orders.arrival.poisson, orders.users) == (20, True, 60)
    assert ([stage.users for stage in climb.stages], climb.users) == ([20, 40, 80, 120], 120)
    assert len(steady_lengths(climb.stages, climb.spawn_rate)) == 4


def test_the_page_quotes_the_files() -> None:
    scenarios, targets = ((EXAMPLE / name).read_text(encoding="utf-8") for name in ("scenarios.toml", "targets.toml"))
    quoted = [block.split("\n```", 1)[0] for block in PAGE.split("```toml\n")[1:]]

    assert tomllib.loads(quoted[0])["scenario"]["rush"] == tomllib.loads(scenarios)["scenario"]["rush"]
    assert tomllib.loads(quoted[1])["target"][0] in tomllib.loads(targets)["target"]


def test_a_dry_run_shows_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--scenarios", str(EXAMPLE / "scenarios.toml"), "--targets", str(EXAMPLE / "targets.toml")]
    assert main(["--demo", *files, "--scenario", "rush", "--dry-run"]) == 0
    out = capsys.readouterr().out

    assert [line.split() for line in out.splitlines() if line.startswith(("  before ", "  rush ", "  after "))] == [
        ["before", "20", "s", "10", "users,", "steady", "for", "17.8", "s"],
        ["rush", "15", "s", "50", "users,", "steady", "for", "12.6", "s"],
        ["after", "25", "s", "10", "users,", "steady", "for", "22.5", "s"],
    ]
    assert "recovery (recovery_s < 10 s): judged" in out


def test_no_abort_leaves_the_rules_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    targets = tmp_path / "targets.toml"
    rule = 'name = "average"\nmetric = "avg_ms"\nbelow = 500\nabort_after = "30s"\n'
    targets.write_text(f"schema = 1\n[[target]]\n{rule}", encoding="utf-8")
    for options, shown in (((), True), (("--no-abort",), False)):
        assert main(["--demo", "--targets", str(targets), "--dry-run", *options]) == 0
        assert ("ends the run once missed for 30 s" in capsys.readouterr().out) is shown
