"""A short run against a backend with the habits of deployed versions; `make truth` makes the long one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.deployed_checks import CHECKS, name_of
from tests.integration.programs import Ended

pytestmark = [pytest.mark.integration, pytest.mark.made("as_deployed")]


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_run_says_what_is_true(check: Callable[[Ended], None], made: Ended) -> None:
    check(made)
