"""Plain Locust as a user starts it, and the runs that it leaves beside its locustfile."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.integration.programs import ROOT, read_json

COMMAND = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py")]
RESULTS = ROOT / "results"


def folders_of(host: str) -> list[Path]:
    """The runs that plain Locust made against one target, oldest first."""
    plans = sorted(RESULTS.glob("locust_*/plan.json"))
    return [plan.parent for plan in plans if read_json(plan)["host"] == host]


@contextmanager
def removed_afterwards(host: str) -> Iterator[None]:
    """Remove the runs against this target, and the folder of results where it was not there before."""
    was_there = RESULTS.exists()
    yield
    for folder in folders_of(host):
        shutil.rmtree(folder)
    if not was_there and RESULTS.exists() and not any(RESULTS.iterdir()):
        RESULTS.rmdir()


def answers(client: httpx.Client) -> bool:
    """Locust's page is there."""
    try:
        return client.get("/").status_code == 200
    except httpx.TransportError:
        return False
