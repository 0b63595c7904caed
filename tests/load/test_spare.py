"""A worker that takes over users of a lost one."""

from __future__ import annotations

import pytest

from tests.load.child import findings

pytestmark = pytest.mark.integration


def test_in_the_open_model_it_begins_nothing_that_was_due_before_it_took_over() -> None:
    waiting = findings("in_child_spare")

    assert waiting["before"] == 0
    assert 0 < waiting["after"] < 60  # of 20 a second; 600 were due before
