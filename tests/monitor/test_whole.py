"""Everything together, at a full demo and by the real clock."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest

from perfsuite.clock import utc_s
from perfsuite.demo.backend import BackendSettings
from perfsuite.demo.client import running_demo
from perfsuite.demo.programs import FULL_DEMO
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import GENERATOR, METRICS, NETWORK
from perfsuite.monitor import ReadingsWriter, Sampler, SystemClock, Watch, build_sources, read_readings
from perfsuite.target.connection import ConnectionSettings
from tests.monitor.conftest import need
from tests.monitor.fakes import until

pytestmark = pytest.mark.integration

NOT_IN_A_DEMO = {
    "redis.memory_used_percent",  # it has no maxmemory
    "machine.disk_used_percent", "health.up", "prometheus.up",  # read at servers elsewhere
    "application.request_ms", "application.requests_in_progress", "application.requests_per_s",  # it has no /metrics
} | {name for name, metric in METRICS.items() if metric.component in (NETWORK, GENERATOR)}  # fmt: skip
ONLY_WITH_A_LIMIT = "server.memory_limit_bytes"
PARTS = {name for name, metric in METRICS.items() if metric.of_parts}
MAY_BE_ABSENT = {"postgres.waits_by_event", "postgres.table_bytes", ONLY_WITH_A_LIMIT}
"""Where nobody waits; where the server is too busy for looking at its tables within 100 ms, every 10 s."""
MAY_BE_GAPS = {"redis.hit_percent", "postgres.cache_hit_percent", "machine.tcp_retransmitted_percent"}
"""Shares, when there was nothing to have a share of."""


def test_a_full_demo_is_watched_whole_and_a_hanging_redis_disturbs_nobody(tmp_path: Path) -> None:
    need(*FULL_DEMO)
    path, clock = tmp_path / "readings.csv", SystemClock()
    with running_demo("full", BackendSettings(seed_factor=0.05)) as demo:  # premiums: a large table
        watch = Watch("run", ConnectionSettings(demo.host), str(demo.pid), demo.postgres_dsn, demo.redis_url)
        sampler = Sampler(build_sources(watch, clock), clock, ReadingsWriter(path))
        redis = psutil.Process(demo.server_pids["redis"])
        sampler.start()
        try:
            assert sampler.notes() == []
            until(lambda: "redis.up" in sampler.latest() and "postgres.up" in sampler.latest())
            redis.send_signal(signal.SIGSTOP)
            stopped_at = utc_s()
            until(lambda: sampler.latest()["redis.up"].value == 0)
            until(lambda: sampler.latest()["server.cpu_percent"].at_s > stopped_at + 2)
            redis.send_signal(signal.SIGCONT)
            until(lambda: sampler.latest()["redis.up"].value == 1)
            read = {name: one.unit for name, one in sampler.latest().items() if name != ONLY_WITH_A_LIMIT}
            left_out = NOT_IN_A_DEMO | PARTS | {ONLY_WITH_A_LIMIT}
            assert read == {name: metric.unit for name, metric in METRICS.items() if name not in left_out}
        finally:
            redis.send_signal(signal.SIGCONT)
            before_s = utc_s()
            sampler.stop()
            assert utc_s() - before_s < 20
    readings = read_readings(path)
    assert {reading.metric for reading in readings} | MAY_BE_ABSENT == set(METRICS) - NOT_IN_A_DEMO
    assert all(reading.at_s.is_integer() for reading in readings)
    seconds = {one.at_s for one in readings if one.metric == "server.cpu_percent"}
    assert len(seconds) >= 3
    # A second that a busy machine lost is missing everywhere, and one more may be here.
    assert len({one.at_s for one in readings if one.at_s >= min(seconds)} - seconds) <= 1
    gaps = {(one.source, one.at_s) for one in readings if one.value is None and one.metric not in MAY_BE_GAPS}
    assert sum(source == "redis" for source, _ in gaps) >= 1
    # Two seconds may be lost to a machine that has other things to do.
    assert all(count <= 2 for source, count in Counter(source for source, _ in gaps).items() if source != "redis")
    assert MonitorMessage.NO_ANSWER in [note.fields["text"].code for note in sampler.notes()]
    secrets = [str(url).split("@")[0].rsplit(":", 1)[1] for url in (demo.postgres_dsn, demo.redis_url)]
    assert not any(secret in path.read_text() for secret in secrets)
