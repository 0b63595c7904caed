"""How the runs that many tests look at are made: which of them again, where this machine was too busy for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.as_deployed import EXERCISED_BY_CHANCE, NO_DATA, NOT_OFFERED
from tests.integration.attempts import disturbed, repeated, starved
from tests.integration.cost_runs import against_baseline, compared, useless_monitors
from tests.integration.programs import Ended
from tests.integration.runs import (
    KINDS_AT,
    acceptance,
    all_kinds,
    as_deployed,
    asked_for,
    broken,
    hung_cleanup,
    killed,
    lost,
    own_target,
    rows_that_stay,
    searched,
    slow_later,
    spike,
    stopped,
    two_scenarios,
)


def _does_all(run: Ended) -> bool:
    """Has each behaviour been done in the steady state?"""
    return all(row["actions"] for row in run.summary["behaviours"])


def _reaches(run: Ended) -> bool:
    """Has each operation of `all_kinds` come?"""
    return (
        asked_for(run) >= KINDS_AT
        and sum(row["requests"] for row in run.summary["operations"] if row["operation"] == "users.me") >= 20
    )


def _exercised(run: Ended) -> bool:
    left = {tuple(each.split(" / ")) for each in run.summary["coverage"]["not_exercised"]}
    return left <= NOT_OFFERED | NO_DATA | EXERCISED_BY_CHANCE


def _always(_run: Ended) -> bool:
    return True


Make = Callable[[Path], Ended | None]


def _again(make: Callable[[Path], Ended], tells: Callable[[Ended], bool] = _always, *, healthy: bool = False) -> Make:
    """Made as a whole until the machine had time for it: what its backend did to the first attempt would still be so in
    the second. In one that is healthy nothing is slow by itself."""

    def made(folder: Path) -> Ended:
        return repeated(make, folder, tells, unfit=disturbed if healthy else starved)

    return made


RUNS: dict[str, Make] = {
    "acceptance": _again(acceptance, _does_all, healthy=True),
    "against_baseline": against_baseline,
    "own_target": _again(own_target, healthy=True),
    "compared": compared,
    "slow_later": _again(slow_later),
    "stopped": _again(stopped),
    "spike": _again(spike),
    "searched": searched,
    "killed": killed,
    "rows_that_stay": _again(rows_that_stay),
    "broken": _again(broken),
    "two_scenarios": _again(two_scenarios),
    "hung_cleanup": hung_cleanup,
    "useless_monitors": _again(useless_monitors),
    "as_deployed": _again(as_deployed, _exercised),
    "all_kinds": _again(all_kinds, _reaches),
    "lost": lost,
}
"""Long ones first, so that none is left over at the end."""
