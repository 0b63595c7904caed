"""Comparisons, noise and change points of made runs with a known truth, in numbers that tests have no time for."""

from __future__ import annotations

import numpy as np

from perfsuite.history.change_points import change_points
from perfsuite.history.compare import measure_noise
from perfsuite.history.figures import AVERAGE
from perfsuite.model import ALL
from tests.accuracy.table import Row, equal_row
from tests.history.made_runs import NOISE, noisy_run
from tests.history.published import NILE, NILE_FROM, ecp_example, splits
from tests.history.simulated import simulate

_WITHIN = 1
"""Runs by which a change point may be off."""


def comparison_rows(comparisons: int) -> list[Row]:
    """Whole comparisons of 30 operations, 5 + 5 runs, 3 % noise between runs; every figure counts as an alarm."""
    quiet = simulate(0.0, comparisons=comparisons, seed=11)
    rows = [_share("identical", "whole comparisons with a false alarm", quiet.alarms / comparisons, most=0.05)]
    for percent, least in ((15, 0.9), (10, None), (8, None)):
        found = simulate(percent / 100, comparisons=comparisons, seed=12)
        name = f"one of 30 slower by {percent} %"
        rows.append(_share(name, "found", found.found / comparisons, least=least))
        rows.append(_share(name, "another operation called slower", found.elsewhere / comparisons, most=0.05))
    return rows


def noise_rows(comparisons: int) -> list[Row]:
    """What ten runs say can be found, and how often that is found."""
    rng = np.random.default_rng(13)
    told = []
    for _ in range(20):
        noise = measure_noise([noisy_run(rng, f"r{number}") for number in range(10)])
        operations = [one for one in noise.metrics if one.metric == AVERAGE.metric and one.role == ALL != one.operation]
        told.append(np.median([one.detectable_rate for one in operations]))
    rate = float(np.mean(told))
    found = simulate(rate, comparisons=comparisons, seed=14)
    name = f"noise of 10 runs: {rate * 100:.1f} % can be detected"
    return [_share(name, "found (9 of 10 promised)", found.found / comparisons, least=0.85)]


def change_point_rows(series: int) -> list[Row]:
    """Series of averages with 3 % noise."""
    rng = np.random.default_rng(15)
    false = [len(change_points(100 * np.exp(rng.normal(0, NOISE, 500)), AVERAGE)) for _ in range(series)]
    rows = [
        Row("500 quiet runs", "most change points in a series", "0", str(max(false)), "at most 1", max(false) <= 1),
        Row("500 quiet runs", f"change points in {series} series", "0", str(sum(false))),
    ]
    for percent, least in ((15, 0.99), (10, None)):
        near = sum(_is_near(rng, percent / 100) for _ in range(series))
        rows.append(_share(f"level + {percent} %", "found within ± 1 run", near / series, least=least))
    return rows


def published_rows() -> list[Row]:
    """What others print of series that anybody can make again."""
    ecp = [at + 1 for at in splits(ecp_example(), least=30, count=4)]
    nile = [NILE_FROM + at for at, *_ in change_points(np.array(NILE, dtype=float), AVERAGE)]
    return [
        equal_row(
            "James & Matteson 2014, section 3.1.1", "order found, then considered last", [201, 308, 108, 358], ecp
        ),
        equal_row("flow of the Nile", "year of the change", [1899], nile),
    ]


def _is_near(rng: np.random.Generator, rate: float) -> bool:
    at = int(rng.integers(20, 180))
    values = 100 * np.exp(rng.normal(0, NOISE, 200))
    values[at:] *= 1 + rate
    found = [place for place, *_ in change_points(values, AVERAGE)]
    return len(found) == 1 and abs(found[0] - at) <= _WITHIN


def _share(experiment: str, what: str, share: float, *, least: float | None = None, most: float | None = None) -> Row:
    bound = f"≥ {least:.0%}" if least is not None else f"≤ {most:.0%}" if most is not None else ""
    holds = share >= least if least is not None else share <= most if most is not None else None
    return Row(experiment, what, "", f"{share:.1%}", bound, holds)
