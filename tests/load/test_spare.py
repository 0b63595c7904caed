"""A worker that takes over users of a lost one."""

from __future__ import annotations

import pytest

from tests.load.child import findings

pytestmark = pytest.mark.integration


def test_in_the_open_model_it_begins_nothing_that_was_due_before_it_took_over() -> None:
    first_s, second_s, *_ = findings("in_child_spare")

    assert first_s == pytest.approx(30.5, abs=0.06)  # of 20 a second; 600 were due before
    assert second_s - first_s == pytest.approx(0.05, abs=0.001)
