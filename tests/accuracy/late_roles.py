"""The caller again, on a machine where one of two load processes takes long to start."""

from __future__ import annotations

import sys
import time

from tests.accuracy.roles import ROLES as PROMPT

LATE_S = 6.5
"""Longer than a load process may be silent once the load has begun."""

if sys.argv[-1] == "worker-2":
    time.sleep(LATE_S)

ROLES = PROMPT
