"""A user who looks once and then thinks for an hour."""

from __future__ import annotations

from dataclasses import replace

from tests.accuracy.roles import ROLES as PROMPT

_HOUR_S = 3600.0

ROLES = tuple(replace(role, think_min_s=_HOUR_S, think_max_s=_HOUR_S) for role in PROMPT)
