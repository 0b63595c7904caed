"""What the commands print besides the summary of a run."""

from __future__ import annotations

import pytest

from perfsuite.model import OperationCheck, PreflightReport, Works
from perfsuite.report.terminal.console import render_preflight


@pytest.mark.parametrize("works", Works)
def test_preflight_shows_an_operation_whatever_became_of_it(works: Works) -> None:
    check = OperationCheck("senior_agent", "leads.create", "POST", "/api/v1/leads/", works)

    text = render_preflight(PreflightReport("http://localhost:8015", "agent-mitra", "1", (), (check,)), width=120)

    assert f"1 {works.value}" in text
