"""The alarm of the open model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.child import findings

WAITS = 3


@pytest.fixture(scope="module")
def found() -> Any:
    return findings("in_child_alarm")


@pytest.mark.parametrize("kind", ["of the system", "of the loop"])
def test_an_alarm_goes_off_once_for_each_time_and_never_after_its_end(found: Any, kind: str) -> None:
    assert found[kind]["calls"] == WAITS


def test_it_never_goes_off_before_its_time(found: Any) -> None:
    assert min(found["of the system"]["late_s"]) >= 0
