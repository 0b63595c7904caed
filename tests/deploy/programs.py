"""A real Prometheus on this machine that scrapes an exposition of ours, and the questions to it."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from perfsuite.clock import utc_s
from perfsuite.report.exporter import Exposition, serving
from tests.integration.programs import free_port, until
from tests.report.exporter.made_run import MadeRun

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "prometheus.yml"
SCRAPED_AT = "127.0.0.1:9764"
"""Where prometheus.yml expects the suite."""
SCRAPE_INTERVAL = "scrape_interval: 5s"

PACE = 5
"""Seconds of the made run that pass in a real one."""
_READY_WITHIN_S = 90.0
_TRIES = 3


def needed(program: str) -> str:
    """The program's path. The test is skipped where it is missing, and fails in CI, which has to have it."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed: apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


Result = list[tuple[dict[str, str], list[float]]]
"""Labels → values, oldest first, of each series."""


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that is ready."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer; the test fails with what Prometheus says when it is not one."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters)
        body = answer.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]

    def now(self, expression: str) -> Result:
        """An expression as it stands."""
        found = self.ask("query", query=expression)
        assert found["resultType"] == "vector", expression
        return [(series["metric"], [float(series["value"][1])]) for series in found["result"]]

    def lately(self, expression: str, seconds: float = 2.0) -> Result:
        """An expression over the last seconds, four times each."""
        now_s = utc_s()
        span = {"start": str(now_s - seconds), "end": str(now_s), "step": "0.25"}
        found = self.ask("query_range", query=expression, **span)
        return [(series["metric"], [float(value) for _, value in series["values"]]) for series in found["result"]]


@contextmanager
def running_prometheus(config: str, folder: Path) -> Iterator[Prometheus]:
    """Debian's Prometheus on a free port of this machine, ended by its id."""
    path = folder / "prometheus.yml"
    path.write_text(config, encoding="utf-8")
    command = [needed("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder / 'data'}"]
    said = folder / "prometheus.log"
    for _ in range(_TRIES):
        address = f"127.0.0.1:{free_port()}"  # which somebody else may take before Prometheus does
        with said.open("wb") as log:
            process = subprocess.Popen(
                [*command, f"--web.listen-address={address}"], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            until(partial(_ready_or_ended, f"http://{address}", process), _READY_WITHIN_S, "Prometheus")
            if process.poll() is None:
                yield Prometheus(f"http://{address}")
                return
        finally:
            process.kill()
            process.wait()
    pytest.fail(f"Prometheus ended; it said:\n{said.read_text(encoding='utf-8')}")


def _ready_or_ended(url: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        return True
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def config_for(address: str) -> str:
    """deploy/prometheus.yml, with another port and in more of a hurry."""
    text = CONFIG.read_text(encoding="utf-8")
    assert text.count(SCRAPED_AT) == 1
    assert text.count(SCRAPE_INTERVAL) == 1
    return text.replace(SCRAPED_AT, address).replace(SCRAPE_INTERVAL, "scrape_interval: 250ms")


@dataclass(frozen=True)
class Scraped:
    """A made run that goes on, and the Prometheus that scrapes it."""

    run: MadeRun
    prometheus: Prometheus
    instance: str


@contextmanager
def scraped(folder: Path) -> Iterator[Scraped]:
    """The made run at its pace, under a Prometheus."""
    run = MadeRun(Exposition())
    run.begin()
    over = threading.Event()
    with serving(run.exposition, 0) as url:
        instance = url.removeprefix("http://").removesuffix("/metrics")
        with running_prometheus(config_for(instance), folder) as prometheus:
            until(lambda: prometheus.now("mitra_load_run_info"), _READY_WITHIN_S, "the first scrape")
            thread = threading.Thread(target=_go_on, args=(run, over))
            thread.start()
            try:
                yield Scraped(run, prometheus, instance)
            finally:
                over.set()
                thread.join()


def _go_on(run: MadeRun, over: threading.Event) -> None:
    """As many seconds as have passed, however busy this machine is."""
    start_s, told = utc_s(), 0
    while not over.wait(0.05):
        due = math.floor((utc_s() - start_s) * PACE)
        run.go_on(due - told)
        told = due
