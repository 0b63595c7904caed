"""How many simulated runs a test looks at: some in `make test`, all that it names in `make accuracy`."""

from __future__ import annotations

import os

ALL = os.environ.get("MITRA_REPETITIONS") == "all"


def repetitions(some: int, *, of: int) -> int:
    """`of` where all are wanted, else `some`. Seeds are fixed: the first ones are the same in both."""
    return of if ALL else some
