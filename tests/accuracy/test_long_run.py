"""A load process can run through the night."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.accuracy.lab import ROOT

pytestmark = pytest.mark.integration

_PROGRAM = """
import gevent.monkey; gevent.monkey.patch_all()
from tests.accuracy.long_run import simulated
for sample in simulated(4_000, 100):
    print(sample.second, sample.memory_bytes)
"""
_WARM_AFTER_S = 1_000
_FLAT_BYTES = 2_000_000


def test_memory_stays_flat_whatever_the_target_answers() -> None:
    # In a process of its own: what other tests have left behind has no part in it.
    told = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    samples = [tuple(map(int, line.split())) for line in told.stdout.splitlines()]
    warm = [memory for second, memory in samples if second >= _WARM_AFTER_S]

    assert len(samples) == 40
    assert max(warm) - warm[0] < _FLAT_BYTES
