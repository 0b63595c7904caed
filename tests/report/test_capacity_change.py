"""Two capacities compared, in words: on the terminal, in Markdown and for CI."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from perfsuite.history.capacity import compare_capacities
from perfsuite.messages import Code
from perfsuite.messages.capacity import CapacityChangeText
from perfsuite.model import CapacityKind, SearchBy
from perfsuite.model.history import ComparedRuns, Comparison, PastCapacity
from perfsuite.report.capacity_change import change_text, past_text
from perfsuite.report.comparison import comparison_md, overall, render_comparison, render_short_comparison
from perfsuite.report.files.junit import comparison_junit_xml
from tests.report.golden_files import assert_golden


def found(low: float | None, high: float | None) -> PastCapacity:
    kind = CapacityKind.INTERVAL if low and high else CapacityKind.AT_LEAST if low else CapacityKind.NONE
    return PastCapacity(SearchBy.USERS, kind, low, high, (low * high) ** 0.5 if low and high else None)


def compared(a: PastCapacity, b: PastCapacity) -> Comparison:
    runs = (ComparedRuns(name, (f"capacity_2026030{day}_090000",)) for name, day in (("1.4.0", 1), ("1.5.0", 2)))
    return Comparison(*runs, (), notes=("a note",), costs_compared=False, capacity=compare_capacities(a, b))


LOWER = compared(found(240.2, 255.7), found(180.1, 189.9))


@pytest.mark.parametrize(
    ("capacity", "text"),
    [
        pytest.param(found(240.2, 255.7), "240–256 users", id="interval, rounded outwards"),
        pytest.param(found(200, None), "at least 200 users", id="open above"),
        pytest.param(found(None, 7), "less than 7 users", id="open below"),
        pytest.param(found(None, None), "not found", id="nothing"),
    ],
)
def test_what_a_search_found(capacity: PastCapacity, text: str) -> None:
    assert past_text(capacity) == text


@pytest.mark.parametrize(
    ("a", "b", "code", "fields"),
    [
        pytest.param((240, 256), (180, 190), CapacityChangeText.LOWER, {"least": "22", "most": "28 %"}, id="lower"),
        pytest.param((180, 190), (240, 256), CapacityChangeText.HIGHER, {"least": "29", "most": "40 %"}, id="higher"),
        pytest.param((300, None), (180, 190), CapacityChangeText.LOWER_BY_AT_LEAST, {"least": "37 %"}, id="open in A"),
        pytest.param((180, 190), (300, None), CapacityChangeText.HIGHER_BY_AT_LEAST, {"least": "58 %"}, id="open in B"),
        pytest.param(
            (240, 256), (241, 257), CapacityChangeText.SAME, {"bound": "10 %", "low": "-4.1 %", "high": "+5.1 %"},
            id="same",
        ),
        pytest.param(
            (240, 256), (200, 300), CapacityChangeText.OVERLAP, {"low": "-20 %", "high": "+21 %"}, id="overlap"
        ),
        pytest.param((200, None), (200, None), CapacityChangeText.OPEN, {}, id="nothing can be said"),
    ],
)  # fmt: skip
def test_what_became_of_it(
    a: tuple[float, float | None], b: tuple[float, float | None], code: Code, fields: dict[str, str]
) -> None:
    text = change_text(compare_capacities(found(*a), found(*b)))

    assert (text.code, dict(text.fields)) == (code, fields)


def test_a_lower_capacity() -> None:
    assert overall(LOWER) == "REGRESSION"
    assert_golden("comparison_capacity.txt", render_comparison(LOWER, width=120))
    assert_golden("comparison_capacity.md", comparison_md(LOWER))


def test_in_short() -> None:
    same = compared(found(240, 256), found(241, 257))

    assert render_short_comparison(same).splitlines()[-1] == "COMPARISON: SAME"
    assert "a note" not in render_short_comparison(same)


@pytest.mark.parametrize(
    ("b", "tags"),
    [
        pytest.param(found(180, 190), ["failure", "failure"], id="lower: the capacity, and the whole"),
        pytest.param(found(290, 310), ["system-out"], id="higher"),
        pytest.param(found(241, 257), ["system-out"], id="same"),
        pytest.param(found(200, 300), ["skipped"], id="cannot tell"),
    ],
)
def test_a_lower_capacity_fails_in_ci(b: PastCapacity, tags: list[str]) -> None:
    root = ET.fromstring(comparison_junit_xml(compared(found(240, 256), b)))  # noqa: S314 - our own text

    assert [case[0].tag for case in root.iter("testcase")] == tags
