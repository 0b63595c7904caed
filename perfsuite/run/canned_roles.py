"""The seven roles in a hurry: the load of a calibration. Work and mix are those of a real run."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.roles import ROLES as REAL

HASTE = 20.0
"""Think times are so many times shorter: about a hundred users make 2,000 requests/s."""
ROLES = tuple(
    replace(role, think_min_s=role.think_min_s / HASTE, think_max_s=role.think_max_s / HASTE) for role in REAL
)
