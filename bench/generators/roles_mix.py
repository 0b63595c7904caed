"""The seven roles without think times."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.roles import ROLES as REAL

ROLES = tuple(replace(role, think_min_s=0, think_max_s=0) for role in REAL)
