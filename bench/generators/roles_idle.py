"""The seven roles, whose users think for half an hour once they have logged in and done one thing."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.roles import ROLES as REAL

ROLES = tuple(replace(role, think_min_s=1800, think_max_s=1800) for role in REAL)
