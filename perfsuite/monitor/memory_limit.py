"""The limit on the memory of a process, of its container or its unit."""

from __future__ import annotations

from pathlib import Path

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_NONE_FROM = 1 << 60
"""Version 1 of control groups writes "no limit" as the largest number of pages."""


def memory_limit_bytes(pid: int, proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """The lowest limit of its control group and of those that contain it; None where there is none, or none is seen."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [limit for line in lines for limit in _limits(line, groups)]
    return min(found, default=None)


def _limits(line: str, groups: Path) -> list[int]:
    number, controllers, path = line.split(":", 2)
    if number == "0" and not controllers:
        root, name = groups, "memory.max"
    elif "memory" in controllers.split(","):
        root, name = groups / "memory", "memory.limit_in_bytes"
    else:
        return []
    group = root / path.strip("/")
    return [limit for each in (group, *group.parents) if each.is_relative_to(root) and (limit := _limit(each / name))]


def _limit(file: Path) -> int | None:
    """None for "max", and where there is no such file: the topmost group has none."""
    try:
        limit = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return limit if 0 < limit < _NONE_FROM else None
