"""Two bytes for a figure: what they keep of it, and where it stands among the runs."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.model import ALL
from perfsuite.model.history import Measured, PastRun
from perfsuite.report.runs_page.page import METRICS, Series, codes_of, columns_of, figures_of, series_of, value_of
from tests.fingerprint.made import PREMIUMS, fingerprint, operation
from tests.report.made_history import past_run, statistics


def kept(value: float) -> float | None:
    return value_of(int(codes_of(np.asarray([value]))[0]))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.00002, id="a failure in 50,000 requests"),
        pytest.param(0.37, id="less than a millisecond"),
        pytest.param(19.2, id="an average"),
        pytest.param(123_456.0, id="two minutes"),
        pytest.param(9.0e8, id="the longest"),
    ],
)
def test_a_figure_is_kept_within_a_quarter_of_a_thousandth(value: float) -> None:
    assert kept(value) == pytest.approx(value, rel=0.00025)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.0, 0.0, id="no failure is not unknown"),
        pytest.param(float("nan"), None, id="unknown is not zero"),
        pytest.param(float("inf"), None, id="no number"),
        pytest.param(1e-9, 1e-5, id="too small for the scale, yet not zero"),
    ],
)
def test_the_ends_of_the_scale(value: float, expected: float | None) -> None:
    assert kept(value) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("count", [1, 7, 40, 999])
def test_counts_of_queries_come_back_whole(count: int) -> None:
    assert round(kept(float(count)) or 0) == count


def series(runs: list[PastRun]) -> list[Series]:
    return [series_of(column) for column in columns_of(runs, figures_of(runs))]


def decoded(text: str) -> list[float | None]:
    return [value_of(int(code)) for code in np.frombuffer(base64.b64decode(text), dtype="<u2")]


def test_a_series_spans_the_runs_that_have_it_with_gaps_between() -> None:
    everything = Measured(ALL, ALL, statistics(10.0))
    rare = Measured("policyholder", "policies.list", statistics(20.0))
    runs = [
        past_run(0, (everything,)),
        *(past_run(n, (everything, rare) if n != 2 else (everything,)) for n in (1, 2, 3)),
    ]
    total, single = series(runs)
    assert (total.role, total.operation, total.first) == (ALL, ALL, 0)
    assert (single.role, single.operation, single.first) == ("policyholder", "policies.list", 1)
    assert decoded(single.texts[METRICS.index("p95_ms")]) == [
        pytest.approx(40.0, rel=3e-4),
        None,
        pytest.approx(40.0, rel=3e-4),
    ]
    assert decoded(total.texts[METRICS.index("failure_rate")]) == [0.0] * 4
    assert total.texts[METRICS.index("p99_ms")] == ""  # known in no run


def test_queries_come_from_the_fingerprint() -> None:
    taken = fingerprint(operation("policies.list", {PREMIUMS: 3}, {PREMIUMS: 21}))
    both = tuple(Measured(role, "policies.list", statistics(20.0)) for role in (ALL, "senior_agent", "policyholder"))
    run = replace(past_run(0, both), fingerprint=taken)
    queries = {one.role: one.texts[METRICS.index("queries")] for one in series([run])}
    assert decoded(queries[ALL]) == decoded(queries["senior_agent"]) == [pytest.approx(21.0, rel=3e-4)]
    assert queries["policyholder"] == ""
