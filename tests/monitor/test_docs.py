"""docs/monitoring.md is held to the code: every figure, the grants, and the cost that is promised."""

from __future__ import annotations

import re
from pathlib import Path

from perfsuite.model.monitor import METRICS
from perfsuite.monitor import machine, postgres, server
from perfsuite.monitor.postgres_queries import APPLICATION_NAME, FEWEST_ROWS, MOST_TABLES
from perfsuite.monitor.prometheus import DEFAULT_QUERIES, read_queries
from perfsuite.monitor.redis import PASSWORD_VARIABLE
from perfsuite.monitor.sampler import LIMIT_S
from perfsuite.report.exporter.families import base_unit
from tests.monitor import test_postgres, test_redis

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")


def test_every_figure_is_explained_as_in_the_catalogue() -> None:
    expected = [f"| `{metric.name}` | {metric.meaning} |" for metric in METRICS.values()]
    rows = [line for line in PAGE.splitlines() if re.match(r"\| `[a-z]+\.\w+` \| [^`]", line)]
    assert sorted(rows) == sorted(expected)


def test_the_unit_of_a_figure_is_the_end_of_its_name() -> None:
    ends = re.findall(r"`(_\w+)`", PAGE.split("The name ends with the unit (", 1)[1].split(")", 1)[0])
    for metric in METRICS.values():
        assert metric.name.endswith(base_unit(metric.unit).suffix), metric.name
        assert metric.name.endswith(tuple(ends)) == (metric.unit != "count"), metric.name


def test_the_rights_are_those_that_the_tests_use() -> None:
    for grant in test_postgres.GRANTS:
        assert f"{grant};" in PAGE
    assert f"-@all {' '.join(test_redis.RIGHTS)}\n" in PAGE


def test_numbers_and_names_in_the_text_are_those_of_the_code() -> None:
    assert f"calls itself `{APPLICATION_NAME}`" in PAGE
    assert f"ends any statement of its own after {postgres.STATEMENT_TIMEOUT_MS} ms" in PAGE
    assert f"no answer within {LIMIT_S * 1000:.0f} ms" in PAGE
    assert f"at most {machine.MOST_PARTS} cores and {server.MOST_PARTS} processes are shown" in PAGE
    assert f"holds {FEWEST_ROWS:,} rows or more when the monitor connects; the {MOST_TABLES} largest" in PAGE
    assert f"`{PASSWORD_VARIABLE}`" in PAGE


def test_the_cost_that_was_measured_is_below_the_bound() -> None:
    rows = re.findall(r"\| (application|PostgreSQL|Redis) \|.*\| (-?[\d.]+) % \|", PAGE)
    assert {name for name, _ in rows} == {"application", "PostgreSQL", "Redis"}
    assert all(float(percent) < 1 for _, percent in rows)


def test_the_queries_are_those_that_are_asked() -> None:
    rows = re.findall(r"^\| `([a-z]+\.\w+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
    assert dict(rows) == DEFAULT_QUERIES


def test_the_file_of_queries_is_read_as_it_says(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "queries.toml"
    path.write_text(example, encoding="utf-8")
    expressions = read_queries(path).expressions()

    node, process = 'job="linux",instance="db1:9100"', 'job="agentmitra-api"'
    assert expressions["machine.memory_available_bytes"] == f"sum(node_memory_MemAvailable_bytes{{{node}}})"
    assert expressions["server.threads"] == f"sum(process_threads{{{process}}})"
    assert expressions.keys() - DEFAULT_QUERIES == {"server.threads", "pool.used_percent"}
    assert DEFAULT_QUERIES.keys() - expressions == {"server.descriptors"}
