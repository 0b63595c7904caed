"""The limits in `examples/operation_targets` find what limits for all requests together do not show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import EXIT_FAIL, EXIT_PASS
from perfsuite.judge import judge
from perfsuite.model import ALL, TargetOutcome
from perfsuite.plan.files import KnownNames, read_targets
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE
from tests.judge.made_summaries import FIVE, figures, make_plan, make_summary, row

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "operation_targets" / "targets.toml"
TARGETS = read_targets(EXAMPLE, KnownNames([role.slug for role in ROLES], sorted(CATALOGUE), []))


@pytest.mark.parametrize(
    ("targets", "missed", "exit_code"),
    [
        pytest.param(FIVE[:3], [], EXIT_PASS, id="one slow operation among many fast ones hides in the average"),
        pytest.param(TARGETS, ["policy list"], EXIT_FAIL, id="a limit of its own finds it"),
    ],
)
def test_one_slow_operation(targets: tuple[object, ...], missed: list[str], exit_code: int) -> None:
    plan = replace(make_plan(), targets=targets)
    slow = row(ALL, ALL, "policies.list", figures(400, avg_ms=603.0))
    holders = row("policyholder", ALL, ALL, figures(5_000, p95_ms=603.0))
    summary = make_summary(plan, figures(10_000, avg_ms=104.0, p95_ms=604.0), slow, holders)

    verdict = judge(plan, summary, ROLES)

    assert [result.name for result in verdict.targets if result.outcome is TargetOutcome.MISSED] == missed
    assert verdict.exit_code == exit_code
