"""Scales and curves: round ends, ticks, gaps, dots."""

from __future__ import annotations

import math

import pytest

from perfsuite.report.page.charts import Scale, bars, dots, line, linear, logarithmic, steps

TO_100 = linear(100)


@pytest.mark.parametrize(
    ("highest", "lowest", "options", "ticks"),
    [
        pytest.param(96.0, 0.0, {"most": 3}, (0, 50, 100), id="round end above the highest"),
        pytest.param(15.0, 0.0, {"most": 3}, (0, 5, 10, 15), id="the highest is the end"),
        pytest.param(0.0, 0.0, {}, (0, 0.25, 0.5, 0.75, 1), id="nothing but zero"),
        pytest.param(1.0, 0.0, {"whole": True}, (0, 1), id="counts have no ticks between"),
        pytest.param(7.0, 0.0, {"most": 3, "whole": True}, (0, 5, 10), id="counts skip 2.5"),
        pytest.param(0.0051, 0.0, {"most": 3}, (0, 0.002, 0.004, 0.006), id="small ones"),
        pytest.param(173e6, 171e6, {"most": 3}, (140e6, 160e6, 180e6, 200e6), id="a fifth around what hardly moves"),
        pytest.param(99.9, 98.0, {"most": 3, "ceiling": 100.0}, (80, 90, 100), id="never above the ceiling"),
        pytest.param(400.0, 250.0, {"most": 3}, (250, 300, 350, 400), id="what moves needs no more room"),
    ],
)
def test_linear_scales(highest: float, lowest: float, options: dict[str, float], ticks: tuple[float, ...]) -> None:
    scale = linear(highest, lowest, **options)  # type: ignore[arg-type]
    assert scale.ticks == pytest.approx(ticks)
    assert (scale.low, scale.high) == (scale.ticks[0], scale.ticks[-1])
    assert scale.low <= lowest <= highest <= scale.high


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        pytest.param(3.0, 1800.0, Scale(2.0, 2000.0, (10.0, 100.0, 1000.0), log=True), id="powers of ten"),
        pytest.param(
            3.0, 40.0, Scale(2.0, 50.0, (2.0, 5.0, 10.0, 20.0, 50.0), log=True), id="1, 2, 5 where these are few"
        ),
        pytest.param(1.0, 1.0, Scale(1.0, 2.0, (1.0, 2.0), log=True), id="one value"),
    ],
)
def test_logarithmic_scales(lowest: float, highest: float, expected: Scale) -> None:
    assert logarithmic(lowest, highest) == expected


def test_places_on_a_scale() -> None:
    assert [TO_100.y(value) for value in (0, 25, 100, 130, -1)] == [100, 75, 0, 0, 100]
    log = logarithmic(1, 100)
    assert [round(log.y(value), 6) for value in (1, math.sqrt(1 * log.high), log.high)] == [100, 50, 0]


@pytest.mark.parametrize(
    ("values", "path", "alone"),
    [
        pytest.param([0, 50, 100], "M0.5 100L1.5 50L2.5 0", "", id="a line"),
        pytest.param([0, 50, None, 100, 25], "M0.5 100L1.5 50M3.5 0L4.5 75", "", id="a gap is not bridged"),
        pytest.param([None, 50, None, 100], "M1.5 50h0M3.5 0h0", "M1.5 50h0M3.5 0h0", id="what stands alone is a dot"),
        pytest.param([None, None], "", "", id="nothing known"),
        pytest.param([1 / 3], "M0.5 99.67h0", "M0.5 99.67h0", id="two decimals"),
    ],
)
def test_lines_and_dots(values: list[float | None], path: str, alone: str) -> None:
    points = [(at + 0.5, value) for at, value in enumerate(values)]
    assert (line(points, TO_100), dots(points, TO_100)) == (path, alone)


def test_areas_and_bars() -> None:
    assert steps([0, 2, 4], [0, 0], [50, 100], TO_100) == "M0 100V50H2V0H4V100H2V100H0Z"
    assert bars([0, 50, 0, 100], [0, 1, 2, 3, 4], TO_100) == "M1 100V50H2V100ZM3 100V0H4V100Z"
