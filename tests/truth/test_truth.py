"""The findings of real runs name what was made scarce, and healthy runs have none. `make truth` makes all of them."""

from __future__ import annotations

import pytest

from tests.truth.cases import Case
from tests.truth.lab import Seen

pytestmark = [pytest.mark.integration, pytest.mark.truth]


def test_the_first_finding_names_what_was_made_scarce(case: Case, number: int, seen: Seen) -> None:
    assert seen.wrong == "", (
        f"{case.name}, after {seen.attempts} attempts, the machine full in {seen.full:.0%} of the load"
    )
