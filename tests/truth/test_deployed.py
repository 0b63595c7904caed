"""The long run against a backend with the habits of deployed versions, with its rate limiter off and on. `make truth`
only; a short run with the same checks is among the integration tests."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.integration import as_deployed as expected
from tests.integration.deployed_checks import CHECKS, LIMITED, name_of
from tests.integration.programs import Ended
from tests.integration.runs import deployed_run
from tests.truth.conftest import TIMES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.truth,
    pytest.mark.skipif(TIMES not in os.environ, reason="minutes: make truth"),
]
LOAD = (*expected.LOAD, "--duration", expected.SPANS["long"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Rate limiter off."""
    return deployed_run(tmp_path_factory.mktemp("deployed"), *LOAD, seed_factor="1.0")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Rate limiter on: every 101st request fails."""
    faults = (expected.LIMITER_FAULT,)
    return deployed_run(tmp_path_factory.mktemp("limited"), *LOAD, faults=faults, seed_factor="1.0")


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_run_says_what_is_true(check: Callable[[Ended], None], run: Ended) -> None:
    check(run)


@pytest.mark.parametrize("check", LIMITED, ids=name_of)
def test_a_run_behind_the_limiter_says_what_is_true(check: Callable[[Ended], None], limited: Ended) -> None:
    check(limited)
