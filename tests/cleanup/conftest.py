"""The scene of every test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cleanup.scene import Scene
from tests.target.contract import LEAD, POLICY, TICKET, row


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.target.policies["p1"] = row(POLICY, policy_id="p1", policy_number="PERF-p")
    scene.target.leads["l1"] = row(LEAD, lead_id="l1", customer_name="PERF-l")
    scene.target.tickets["t1"] = row(TICKET, ticket_id="t1", subject="PERF-t")
    return scene
