"""A comparison for the terminal and as Markdown, and the noise of an environment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perfsuite.history.compare import compare, measure_noise
from perfsuite.messages.history import ComparisonMessage
from perfsuite.model import ALL
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import Comparison
from perfsuite.report.comparison import (
    comparison_md,
    comparison_sentence,
    overall,
    render_comparison,
    render_noise,
    render_short_comparison,
)
from tests.history.made_runs import groups, run
from tests.report.golden_files import assert_golden

JITTER = (0.0, 0.004, -0.004, 0.008, -0.008)
BEFORE = {
    (ALL, ALL): 60.0,
    ("policyholder", ALL): 60.0,
    (ALL, "policies.list"): 42.0,
    ("policyholder", "policies.list"): 42.0,
    (ALL, "claims.create"): 80.0,
}
N_PLUS_ONE = Difference("policyholder", "policies.list", "queries", Spread(3, 3), Spread(23, 23))


def compared(after_ms: float, *, runs: int = 5) -> Comparison:
    after = {**BEFORE, (ALL, "policies.list"): after_ms, ("policyholder", "policies.list"): after_ms}
    a, b = (
        [
            run(
                f"basic_2026030{number + 1}_{hour}0000",
                {place: value * (1 + JITTER[number]) for place, value in of.items()},
            )
            for number in range(runs)
        ]
        for of, hour in ((BEFORE, "09"), (after, "10"))
    )
    return compare(*groups(a, b))


def test_a_regression() -> None:
    comparison = replace(compared(104), costs=(N_PLUS_ONE,))

    assert overall(comparison) == "REGRESSION"
    assert_golden("comparison_slower.txt", render_comparison(comparison, width=120))
    assert_golden("comparison_slower.md", comparison_md(comparison))


@pytest.mark.parametrize(
    ("comparison", "result", "sentence"),
    [
        pytest.param(compared(42), "SAME", "Averages of 2 operations: 2 the same.", id="nothing changed"),
        pytest.param(compared(30), "FASTER", "Averages of 2 operations: 1 faster, 1 the same.", id="faster"),
        pytest.param(compared(104), "REGRESSION", "Averages of 2 operations: 1 slower, 1 the same.", id="slower"),
        pytest.param(compared(104, runs=1), "CANNOT TELL", "Averages of 2 operations: 2 unclear.", id="one run"),
        pytest.param(
            replace(compared(42), changes=(), costs=(N_PLUS_ONE,)),
            "REGRESSION",
            "No times were compared.",
            id="costs alone",
        ),
        pytest.param(replace(compared(42), changes=()), "CANNOT TELL", "No times were compared.", id="nothing"),
    ],
)
def test_overall_result_and_sentence(comparison: Comparison, result: str, sentence: str) -> None:
    assert overall(comparison) == result
    assert comparison_sentence(comparison) == sentence
    assert render_comparison(comparison).endswith(f"COMPARISON: {result}")
    assert result in comparison_md(comparison).splitlines()[0]


def test_in_short() -> None:
    text = render_short_comparison(replace(compared(42), costs=(N_PLUS_ONE,)), width=120)

    assert text.splitlines() == [
        "Averages of 2 operations: 2 the same.",
        "- policies.list, policyholder: queries per request 3 → 23 (+20), worse",
        "COMPARISON: REGRESSION",
    ]


def test_short_output_says_why_no_times_were_compared() -> None:
    other = f"times are not compared: {ComparisonMessage.PROCESSES(a=1, b=2)}"

    assert render_short_comparison(replace(compared(42), changes=(), notes=(other,)), width=120).splitlines() == [
        "No times were compared.",
        f"- {other}",
        "COMPARISON: CANNOT TELL",
    ]


def test_a_forced_comparison_is_marked() -> None:
    forced = replace(compared(42), mismatches=("other target: http://a, http://b",))

    assert "compared by force: other target: http://a, http://b" in render_comparison(forced)
    assert "- Forced: other target" in comparison_md(forced)


def test_text_from_outside_is_escaped() -> None:
    odd = replace(compared(42), notes=("a | b <script> \x1b[31m",))

    assert "\x1b" not in render_comparison(odd)
    assert "<script>" not in comparison_md(odd)


def test_noise() -> None:
    rng = np.random.default_rng(1)
    runs = [run(f"r{number}", {k: v * np.exp(rng.normal(0, 0.03)) for k, v in BEFORE.items()}) for number in range(10)]

    text = render_noise(measure_noise(runs), width=100)

    assert_golden("noise.txt", text + "\n")
    assert "Smallest change that can be detected here:" in text
