"""The limit on the memory of a process, from made files of both versions of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.monitor.memory_limit import memory_limit_bytes

PID = 4711


def made(folder: Path, groups: str, limits: dict[str, str]) -> int | None:
    """What is read where the process is in these groups, and these files have these limits."""
    for name, text in {f"proc/{PID}/cgroup": groups, **limits}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return memory_limit_bytes(PID, folder / "proc", folder / "groups")


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        pytest.param("0::/unit\n", {"groups/unit/memory.max": "500000000\n"}, 500_000_000, id="version 2"),
        pytest.param("0::/unit\n", {"groups/unit/memory.max": "max\n"}, None, id="without a limit"),
        pytest.param(
            "0::/slice/unit\n", {"groups/slice/unit/memory.max": "max\n", "groups/slice/memory.max": "400\n"}, 400,
            id="that of a group above it",
        ),
        pytest.param(
            "4:memory:/pod\n0::/\n", {"groups/memory/pod/memory.limit_in_bytes": "600000000\n"}, 600_000_000,
            id="version 1",
        ),
        pytest.param(
            "4:memory:/pod\n", {"groups/memory/pod/memory.limit_in_bytes": "9223372036854771712\n"}, None,
            id="version 1 without a limit",
        ),
        pytest.param("0::/unit\n", {}, None, id="the group cannot be seen from here"),
    ],
)  # fmt: skip
def test_limits(groups: str, limits: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    assert made(tmp_path, groups, limits) == expected


def test_a_process_that_has_ended_has_none(tmp_path: Path) -> None:
    assert memory_limit_bytes(PID, tmp_path) is None
