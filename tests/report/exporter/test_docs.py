"""docs/live-metrics.md is held to the code: every metric with type, labels and meaning, and the boundaries."""

from __future__ import annotations

import re
from pathlib import Path

from perfsuite.measurements.histogram import BOUNDARIES_MS
from perfsuite.model import TargetOutcome
from perfsuite.model.monitor import METRICS
from perfsuite.report.exporter import families
from perfsuite.report.exporter.families import base_unit
from perfsuite.summary import live, periods
from tests.report.exporter.declared import FAMILIES, OF_LOAD_AND_TARGETS

PAGE = (Path(__file__).parents[3] / "docs" / "live-metrics.md").read_text(encoding="utf-8")


def rows(prefix: str) -> list[str]:
    return [line for line in PAGE.splitlines() if line.startswith(f"| `{prefix}")]


def test_every_metric_of_load_and_targets_is_explained_as_it_explains_itself() -> None:
    expected = [
        f"| `{family.name}` | {family.type} | "
        f"{' '.join(f'`{label}`' for label in family.labels) or '–'} | {family.meaning} |"
        for family in OF_LOAD_AND_TARGETS
    ]
    assert sorted([*rows("mitra_load_"), *rows("mitra_target_")]) == sorted(expected)


def test_every_reading_has_the_name_and_unit_of_the_rules() -> None:
    written = re.findall(r"^\| `(_\w+)` \| `(_\w+)` \| (\d+|–) \|$", PAGE, re.MULTILINE)
    rules = sorted(written, key=lambda rule: len(rule[0]), reverse=True)
    whole = {name: metric for name, metric in METRICS.items() if not metric.of_parts}
    for name, metric in whole.items():
        ours, theirs, divisor = next((rule for rule in rules if name.endswith(rule[0])), ("", "", "–"))
        expected = f"mitra_reading_{name.removesuffix(ours).replace('.', '_')}{theirs}"
        assert families.READINGS[name].name == expected
        assert base_unit(metric.unit).divisor == (1 if divisor == "–" else int(divisor)), name
    assert {rule[0] for rule in rules if not any(name.endswith(rule[0]) for name in whole)} == set()


def test_names_are_unique_and_follow_the_rules_of_prometheus() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"mitra_(load|target|reading)(_[a-z]+)+", name)] == []
    for family in FAMILIES:
        assert (family.type == "counter") == family.name.endswith("_total"), family.name
        assert (family.type == "histogram") <= family.name.endswith("_seconds"), family.name
        assert not re.search(r"_(ms|s|percent|count|sum|bucket)$", family.name), family.name


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert BOUNDARIES_MS[:6] == (1, 2, 3, 5, 7, 10)
    assert BOUNDARIES_MS[-4:] == (10_000, 20_000, 30_000, 60_000)
    assert {500, 2000} < set(BOUNDARIES_MS)
    assert "33 µs at 0.5 s and 129 µs at 2 s" in PAGE  # tests/report/exporter/test_buckets.py
    assert all(outcome.value in PAGE for outcome in TargetOutcome)


def test_phases_are_those_of_a_run() -> None:
    known = (live.STARTING, periods.RAMP_UP, periods.PLATEAU, periods.RAMP_DOWN, periods.END)
    assert known == families.PHASES
