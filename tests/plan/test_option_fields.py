"""Durations as options write them."""

import pytest

from perfsuite.errors import UsageError
from perfsuite.format import option_duration
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.option_fields import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        pytest.param("90s", 90, "1m30s", id="seconds"),
        pytest.param("5m", 300, "5m", id="minutes"),
        pytest.param("1h", 3600, "1h", id="hours"),
        pytest.param("1h30m", 5400, "1h30m", id="two units"),
        pytest.param("1h2m3s", 3723, "1h2m3s", id="three units"),
        pytest.param(" 2M ", 120, "2m", id="capitals and spaces around"),
        pytest.param("1.5m", 90, "1m30s", id="a fraction"),
        pytest.param("45", 45, "45s", id="a bare number is seconds, as in Locust"),
        pytest.param("0.5s", 0.5, "0.5s", id="less than a second"),
    ],
)
def test_a_duration_is_read_and_shown(text: str, seconds: float, shown: str) -> None:
    assert parse_duration(text) == seconds
    assert option_duration(parse_duration(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("m", id="a unit alone"),
        pytest.param("5x", id="an unknown unit"),
        pytest.param("30s1m", id="units out of order"),
        pytest.param("1m 30s", id="a space inside"),
        pytest.param("-5s", id="negative"),
        pytest.param("nan", id="not a number, though float() reads it"),
        pytest.param("٣s", id="digits of another script"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.code is PlanMessage.NOT_A_DURATION


@pytest.mark.parametrize(
    "text",
    [pytest.param("0s", id="zero seconds"), pytest.param("0", id="bare zero"), pytest.param("9" * 400, id="endless")],
)
def test_zero_and_infinite_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.code is PlanMessage.DURATION_NOT_POSITIVE
