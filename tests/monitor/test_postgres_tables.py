"""Which tables are shown, and how often their sizes are read."""

from __future__ import annotations

import pytest

from perfsuite.monitor.postgres_tables import EVERY_S, LARGEST, MOST, TABLE_BYTES, TableSizes

Row = dict[str, object]


def rows(**sizes: float | None) -> list[Row]:
    return [{"id": number, "name": name, "bytes": size} for number, (name, size) in enumerate(sizes.items())]


def many(count: int, grown_by: float = 0.0) -> list[Row]:
    return [{"id": n, "name": f"t{n}", "bytes": 1e6 * (n + 1) + grown_by} for n in range(count)]


def test_the_largest_tables_are_shown() -> None:
    shown = TableSizes().take(many(30))
    assert sorted(shown) == sorted(f"t{n}" for n in range(30 - LARGEST, 30))
    assert shown["t29"] == {TABLE_BYTES: 30e6}


def test_a_small_table_that_grows_is_shown_from_then_on() -> None:
    sizes = TableSizes()
    sizes.take([*many(30), {"id": 99, "name": "audit", "bytes": 0.0}])
    assert "audit" in sizes.take([*many(30), {"id": 99, "name": "audit", "bytes": 8192.0}])
    assert "audit" in sizes.take([*many(30), {"id": 99, "name": "audit", "bytes": 8192.0}])


def test_there_is_a_limit_to_how_many_are_shown() -> None:
    sizes = TableSizes()
    sizes.take(many(30))
    assert len(sizes.take(many(30, grown_by=1.0))) == MOST


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        pytest.param({"a": None}, [], id="it was dropped while its size was read"),
        pytest.param({}, [], id="it is gone"),
    ],
)
def test_tables_that_are_gone(later: dict[str, float | None], shown: list[str]) -> None:
    sizes = TableSizes()
    assert list(sizes.take(rows(a=1e6))) == ["a"]
    assert list(sizes.take(rows(**later))) == shown


def test_sizes_are_read_every_ten_seconds() -> None:
    sizes = TableSizes()
    assert [sizes.is_due(100.0 + at) for at in (0, 1, EVERY_S - 1, EVERY_S, EVERY_S + 1)] == [
        True, False, False, True, False
    ]  # fmt: skip
