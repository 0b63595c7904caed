"""A CPU limit that holds the load process back, by the files of control groups, version 1 and 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.measurements.health import CpuLimit, Health, Throttled


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class System:
    """The files of a system, below a folder. `groups` and `mounts` as /proc tells them."""

    def __init__(self, folder: Path, groups: str, mounts: str) -> None:
        self.proc, self.root = folder / "proc", folder / "root"
        write(self.proc / "self" / "cgroup", groups)
        write(self.proc / "self" / "mountinfo", mounts)

    def count(self, group: str, periods: int, stopped: int) -> None:
        write(self.root / group / "cpu.stat", f"nr_periods {periods}\nnr_throttled {stopped}\nthrottled_time 7\n")

    def limit(self) -> CpuLimit:
        return CpuLimit(self.proc, self.root)


V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
)
CONTAINER_V1 = "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro,relatime - cgroup cgroup rw,cpu\n"
TOP = "sys/fs/cgroup"


def test_version_2_in_a_container_of_its_own(tmp_path: Path) -> None:
    system = System(tmp_path, "0::/\n", V2)
    write(system.root / TOP / "cpu.max", "50000 100000\n")
    system.count(TOP, 1_000, 400)
    limit = system.limit()
    system.count(TOP, 1_010, 407)

    assert limit.take() == Throttled(pytest.approx(0.7), 0.5)
    assert limit.take() == Throttled(0.0, 0.5), "no period since"


def test_version_2_with_the_limit_on_a_group_above(tmp_path: Path) -> None:
    """As a unit of systemd, or a pod whose limit is that of all its containers."""
    system = System(tmp_path, "0::/kube/pod1/box\n", V2)
    write(system.root / TOP / "kube/pod1/cpu.max", "150000 100000\n")
    write(system.root / TOP / "kube/pod1/box/cpu.max", "max 100000\n")
    system.count(f"{TOP}/kube/pod1", 10, 0)
    system.count(f"{TOP}/kube/pod1/box", 0, 0)
    limit = system.limit()
    system.count(f"{TOP}/kube/pod1", 30, 5)

    assert limit.take() == Throttled(0.25, 1.5)


def test_version_1(tmp_path: Path) -> None:
    system = System(tmp_path, "4:memory:/x\n3:cpu,cpuacct:/load\n0::/\n", V1)
    group = f"{TOP}/cpu,cpuacct/load"
    write(system.root / group / "cpu.cfs_quota_us", "200000\n")
    write(system.root / group / "cpu.cfs_period_us", "100000\n")
    system.count(group, 100, 10)
    limit = system.limit()
    system.count(group, 120, 30)

    assert limit.take() == Throttled(1.0, 2.0)


def test_version_1_in_a_container_that_is_told_the_path_of_the_machine(tmp_path: Path) -> None:
    system = System(tmp_path, "1:cpu:/docker/abc\n", CONTAINER_V1)
    write(system.root / f"{TOP}/cpu/cpu.cfs_quota_us", "-1\n")
    write(system.root / f"{TOP}/cpu/cpu.cfs_period_us", "100000\n")
    system.count(f"{TOP}/cpu", 4, 2)
    limit = system.limit()
    system.count(f"{TOP}/cpu", 8, 3)

    assert limit.take() == Throttled(0.25, None)


@pytest.mark.parametrize(
    ("groups", "mounts"),
    [
        pytest.param("0::/\n", V2, id="a group without a limit counts no periods"),
        pytest.param("0::/\n", "", id="nothing is mounted"),
        pytest.param("", "", id="not Linux"),
    ],
)
def test_no_limit_is_not_known_and_not_zero(groups: str, mounts: str, tmp_path: Path) -> None:
    system = System(tmp_path, groups, mounts)
    write(system.root / TOP / "cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\n" if mounts else "")
    write(system.root / TOP / "cpu.max", "max 100000\n")

    assert system.limit().take() == Throttled(None, None)


def test_a_group_that_is_gone_or_damaged_is_not_known(tmp_path: Path) -> None:
    system = System(tmp_path, "0::/\n", V2)
    system.count(TOP, 10, 1)
    limit = system.limit()
    write(system.root / TOP / "cpu.stat", "nr_periods many\n")

    assert limit.take() == Throttled(None, None)


def test_this_system_is_read_without_a_fault() -> None:
    taken = CpuLimit().take()

    assert taken.share is None or 0 <= taken.share <= 1


def test_late_sends_are_handed_over_once() -> None:
    health = Health()
    try:
        health.add_send_lag(1_500)
        health.add_send_lag(-20)  # a timer that fires early is not late
        first, second = health.take().send_lag, health.take().send_lag
    finally:
        health.close()

    assert (first.sum_us, sum(first.counts.values())) == (1_500, 2)
    assert second.counts == {}
