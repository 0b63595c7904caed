"""The seven roles without think times: the load of a calibration. Their work is that of a real run."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.roles import ROLES as REAL

ROLES = tuple(replace(role, think_min_s=0.0, think_max_s=0.0) for role in REAL)
