"""The benchmark of what recording costs runs, and tells a figure in proportion to a whole request."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.accuracy.lab import ROOT

pytestmark = pytest.mark.integration


def test_recording_is_a_small_part_of_a_request() -> None:
    words = ["--requests", "10000", "--rounds", "3", "--hours", "0.2"]
    ended = subprocess.run(
        [sys.executable, "bench/recording_cost.py", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = re.search(r"recording is ([0-9.]+)% of it", ended.stdout)

    assert found, ended.stderr
    # A ratio: how fast the machine is and what else it does takes part in both sides of it.
    assert float(found[1]) < 15
