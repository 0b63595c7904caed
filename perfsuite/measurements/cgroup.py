"""Does a CPU limit hold this process back? By `cpu.stat` of its control groups, version 1 and 2.

A container that may use half a core is stopped for a part of each period (100 ms, mostly), however idle its machine is.
A limit may be set on the group of the process or on any above it, so all that can be seen are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc")
_CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Throttled:
    """`share` of the limit's periods since the last look in which it stopped a process of the group, 0 to 1.

    `cores`: what the tightest limit allows. None where no limit holds, or the system does not tell.
    """

    share: float | None = None
    cores: float | None = None


class CpuLimit:
    """Of this process. `proc` and `root`: where the system's files are, other places in tests."""

    def __init__(self, proc: Path = PROC, root: Path = Path("/")) -> None:
        self._groups = list(_groups(proc, root))
        self._seen = {group: _periods(group) for group in self._groups}

    def take(self) -> Throttled:
        """Since the last call, or since this was made; the worst of all groups."""
        shares = []
        for group in self._groups:
            before, now = self._seen[group], _periods(group)
            self._seen[group] = now
            if before is not None and now is not None and now[0] > 0:
                periods, stopped = now[0] - before[0], now[1] - before[1]
                shares.append(min(stopped / periods, 1.0) if periods > 0 else 0.0)
        limits = [cores for group in self._groups if (cores := _cores(group)) is not None]
        return Throttled(max(shares, default=None), min(limits, default=None))


def _groups(proc: Path, root: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, its own first, as far up as they are mounted."""
    paths = _paths(proc)
    for version, mounted, place in _mounts(proc):
        path = paths.get(version)
        if path is None:
            continue
        # A container sees its own group mounted as the top, and may still be told the path from the machine's top.
        within = path.relative_to(mounted) if path.is_relative_to(mounted) else PurePosixPath()
        top = root / place.lstrip("/")
        folder = top / within
        while folder.is_relative_to(top):
            if (folder / "cpu.stat").is_file():
                yield folder
            if folder == top:
                break
            folder = folder.parent


def _paths(proc: Path) -> dict[int, PurePosixPath]:
    """Version → the group of this process, by /proc/self/cgroup."""
    found: dict[int, PurePosixPath] = {}
    for line in _lines(proc / "self" / "cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found[2] = PurePosixPath(path)
        elif _CPU in controllers.split(","):
            found[1] = PurePosixPath(path)
    return found


def _mounts(proc: Path) -> Iterator[tuple[int, PurePosixPath, str]]:
    """Version, the group that is mounted, and where, by /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    for line in _lines(proc / "self" / "mountinfo"):
        before, _separator, after = line.partition(" - ")
        mounted, place = before.split()[3:5]
        kind, _source, options = after.split(maxsplit=2)
        if kind == "cgroup2":
            yield 2, PurePosixPath(mounted), place
        elif kind == "cgroup" and _CPU in options.split(","):
            yield 1, PurePosixPath(mounted), place


def _periods(group: Path) -> tuple[int, int] | None:
    """Periods of its limit so far, and those in which it was stopped; None where there is no limit to count them."""
    counts = dict(line.split(maxsplit=1) for line in _lines(group / "cpu.stat"))
    try:
        return int(counts["nr_periods"]), int(counts["nr_throttled"])
    except (KeyError, ValueError):
        return None


def _cores(group: Path) -> float | None:
    """How many cores the limit of a group allows; None where it has none."""
    both = next(iter(_lines(group / "cpu.max")), "").split()
    if not both:
        both = [line for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for line in _lines(group / name)[:1]]
    try:
        quota, period = (int(text) for text in both)
    except ValueError:
        return None  # "max", or not there
    return quota / period if quota > 0 and period > 0 else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
