"""The noise of an environment: what chance makes of a comparison, and what can be found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from perfsuite.cli import main as cli
from perfsuite.errors import UsageError
from perfsuite.history.compare import measure_noise
from perfsuite.model import ALL
from perfsuite.model.history import MetricNoise
from perfsuite.run.comparison import NOISE_FILE, noise_of, save_noise
from tests.history.made_runs import CONDITIONS, NOISE, OPERATIONS, noisy_run, run

PLACE = (ALL, "policies.list")


def floors(seed: int = 1, count: int = 10) -> dict[tuple[str, str, str], MetricNoise]:
    rng = np.random.default_rng(seed)
    noise = measure_noise([noisy_run(rng, f"run_{number}") for number in range(count)])
    return {(one.role, one.operation, one.metric): one for one in noise.metrics}


def chances(count: int) -> list[float]:
    found = [floors(seed, count) for seed in range(4)]
    return [each[ALL, operation, "avg_ms"].chance_rate for each in found for operation in OPERATIONS]


def test_chance_is_that_of_a_comparison_of_5_and_5() -> None:
    of_operations = chances(10)

    # The difference of two means of five has a standard deviation of 3 % × √(2/5); 95 % lie within two of them.
    assert np.mean(of_operations) == pytest.approx(1.96 * NOISE * np.sqrt(2 / 5), rel=0.15)


def test_fewer_runs_tell_the_same_less_surely() -> None:
    of_few = chances(6)

    assert np.mean(of_few) == pytest.approx(1.96 * NOISE * np.sqrt(2 / 5), rel=0.3)


def test_what_can_be_detected_is_near_10_percent_at_3_percent_of_noise() -> None:
    found = floors()
    of_operations = [found[ALL, operation, "avg_ms"].detectable_rate for operation in OPERATIONS]

    # 5 + 5 runs find 10 % in 94 and 9 % in 87 of 100 comparisons: see tests/accuracy/comparing.py.
    assert np.median(of_operations) == pytest.approx(0.095, abs=0.02)
    assert found[ALL, OPERATIONS[0], "p99_ms"].detectable_rate > found[ALL, OPERATIONS[0], "avg_ms"].detectable_rate


def test_runs_that_never_differ_have_no_noise_and_the_bound_remains() -> None:
    (average,) = (
        one for one in measure_noise([run(f"r{n}", {PLACE: 100.0}) for n in range(6)]).metrics if one.metric == "avg_ms"
    )

    assert (average.level, average.chance_rate) == (100.0, 0.0)
    assert average.detectable_rate == pytest.approx(0.05)


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="6 runs are needed"):
        measure_noise([run("r", {PLACE: 100.0})] * 5)


def test_the_newest_of_each_environment_is_kept(tmp_path: Path) -> None:
    noise = measure_noise([run(f"r{number}", {PLACE: 100.0}) for number in range(6)])
    other = msgspec.structs.replace(noise, conditions=replace(CONDITIONS, host="http://staging.example"))
    newer = msgspec.structs.replace(noise, run_ids=("newer",))

    assert noise_of(tmp_path, CONDITIONS) is None
    for one in (noise, other, newer):
        save_noise(tmp_path, one)

    assert noise_of(tmp_path, CONDITIONS) == newer
    assert noise_of(tmp_path, other.conditions) == other
    assert noise_of(tmp_path, replace(CONDITIONS, machine="another")) is None


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / NOISE_FILE).write_text("{", encoding="utf-8")

    with pytest.raises(UsageError, match=r"noise\.json: damaged"):
        noise_of(tmp_path, CONDITIONS)


@pytest.mark.parametrize("words", [("noise", "--demo"), ("--demo", "--runs", "5")])
def test_a_damaged_file_is_reported_before_the_load(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NOISE_FILE).write_text("{", encoding="utf-8")

    assert cli.main([*words, "--results", str(tmp_path)]) == 2
    assert "noise.json: damaged" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [NOISE_FILE]
