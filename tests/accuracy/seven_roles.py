"""The seven roles with their weights, each asking /health at short intervals: who is at work shows at once."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.roles import ROLES as REAL
from tests.accuracy.roles import LOOK

ROLES = tuple(replace(role, behaviours=(LOOK,), sources={}, owns={}, think_min_s=0.2, think_max_s=0.4) for role in REAL)
