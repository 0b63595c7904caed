"""The rule that docs/correctness.md shows how to add: it runs, holds, and finds what it is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from perfsuite.correctness.check import Check, CheckActor, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.model.correctness import Invariant
from tests.correctness.carriers import BareContext, SameAnswer

PAGE = Path(__file__).parents[2] / "docs" / "correctness.md"


def checks_on_the_page() -> list[Check]:
    (module,) = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    exec(compile(module, str(PAGE), "exec"), names)  # noqa: S102  our own page
    checks: Callable[[], Iterable[Check]] = names["checks"]
    return list(checks())


def test_a_check_for_every_role() -> None:
    found = checks_on_the_page()
    assert {check.key[:3] for check in found} == {(Invariant.CACHES, "one's own account", "users.me")}
    assert len({check.roles for check in found}) == len(found) == 7


@pytest.mark.parametrize(
    ("status", "user_id", "outcome"),
    [
        pytest.param(200, "id of junior_agent#1", Held(), id="their own"),
        pytest.param(404, "", NotChecked("HTTP 404"), id="no account at all"),
        pytest.param(503, "", NotChecked("HTTP 503"), id="too busy"),
    ],
)
def test_what_holds_and_what_has_no_result(status: int, user_id: str, outcome: Outcome) -> None:
    check = next(check for check in checks_on_the_page() if check.actors == (CheckActor("junior_agent"),))
    assert carry_out(check, BareContext(), SameAnswer(status, {"user_id": user_id})) == outcome


def test_somebody_elses_account_is_found() -> None:
    check = next(check for check in checks_on_the_page() if check.actors == (CheckActor("junior_agent"),))
    found = carry_out(check, BareContext(), SameAnswer(200, {"user_id": "another"}))
    assert isinstance(found, Violated)
    assert (found.expected, found.seen) == ("the account's own id", "user_id: another")
