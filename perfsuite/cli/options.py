"""One record of options for each command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perfsuite.plan.option_fields import above_zero, argument, group, one_of, option, port, switch, whole
from perfsuite.plan.options import (
    CONNECTION,
    HISTORY,
    LOAD,
    OPERATIONS,
    TARGET,
    WORKER_PORT,
    ArchiveOptions,
    PlanOptions,
)
from perfsuite.plan.search_options import SearchOptions
from perfsuite.target.hosts import Endpoint, endpoint_of

OUTPUT, MONITORS = "output", "monitoring (--demo fills these in)"
LIVE_PAGE_PORT = 8016
MOST_RUNS = 100
SECOND_DEMO = "demo"
"""What --against says for a second demo."""
FEWEST_NOISE_RUNS = 6
"""As perfsuite.history.compare needs."""
_WITHOUT_LOAD = (TARGET, CONNECTION, OPERATIONS, "--scenarios", "--results")
"""The options of commands that call the target without load."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How much is printed, and whether in colour."""

    quiet: bool = switch("--quiet", "print the result only", section=OUTPUT)
    color: bool = switch("--no-color", "no colours; NO_COLOR works, too", default=True, section=OUTPUT)


@dataclass(frozen=True, slots=True)
class MonitorOptions:
    """What to monitor at the target."""

    server: str | None = option(
        "--monitor-server", "the backend's process, or its URL", "PID|URL", secret=True, section=MONITORS
    )
    postgres: str | None = option(
        "--monitor-postgres", "its database; an account with pg_monitor is enough", "DSN", secret=True, section=MONITORS
    )
    redis: str | None = option("--monitor-redis", "its Redis", "URL", secret=True, section=MONITORS)
    prometheus: str | None = option(
        "--monitor-prometheus",
        "a Prometheus that watches it, or its metrics page",
        "URL",
        secret=True,
        section=MONITORS,
    )
    queries_file: Path | None = option(
        "--monitor-prometheus-queries", "TOML file: which series to ask it for", "FILE", kind=Path, section=MONITORS
    )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`run`: the default command."""

    plan: PlanOptions = group(PlanOptions)
    monitors: MonitorOptions = group(MonitorOptions)
    fingerprint: bool = switch(
        "--no-fingerprint",
        "do not measure before the load what each operation costs PostgreSQL",
        default=True,
        section=MONITORS,
    )
    runs: int | None = option(
        "--runs", "the same run N times; with --against default 5", "N", kind=whole(1, MOST_RUNS), section=HISTORY
    )
    other: str | None = option(
        "--against",
        "alternate with the same run on another target, and compare the two; demo: a second demo",
        "URL|demo",
        secret=True,
        section=HISTORY,
    )
    other_faults: tuple[str, ...] = option(
        "--against-fault",
        "a fault of the second demo; see docs/backend.md; repeatable",
        "SPEC",
        default=(),
        several="\n",
        section=HISTORY,
    )
    web: int | None = option(
        "--web",
        f"show the run as a page, on this machine only; default port {LIVE_PAGE_PORT}, 0 takes a free one",
        "PORT",
        kind=port,
        implied=str(LIVE_PAGE_PORT),
        section=OUTPUT,
    )
    metrics_port: int | None = option(
        "--metrics-port",
        "live metrics for Prometheus at http://127.0.0.1:N/metrics; 0 takes a free port and prints it",
        "N",
        kind=port,
        section=OUTPUT,
    )
    dry_run: bool = switch(
        "--dry-run", "print the plan and where each option came from, and stop; nothing is sent", section=OUTPUT
    )
    output: OutputOptions = group(OutputOptions)
    install_deps: bool = switch(
        "--install-deps", "first install what the suite needs into .venv", section=OUTPUT, typed_only=True
    )

    @property
    def has_other_target(self) -> bool:
        """True if runs alternate with runs on another target."""
        return bool(self.other or self.other_faults)


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """`capacity`."""

    search: SearchOptions = group(SearchOptions)
    run: RunOptions = group(
        RunOptions,
        without=[
            *("--users", "--spawn-rate", "--duration", "--arrival-rate", "--multiple", "--no-abort", "--baseline"),
            *("--iterations", "--no-fingerprint", "--runs", "--against", "--against-fault", "--check-correctness"),
        ],
    )


@dataclass(frozen=True, slots=True)
class PreflightOptions:
    """`preflight`."""

    plan: PlanOptions = group(PlanOptions, only=(*_WITHOUT_LOAD, "--check-correctness"))
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class FingerprintOptions:
    """`fingerprint`."""

    run: Path | None = argument("RUN", "show the fingerprint of this run; nothing is sent", kind=Path, optional=True)
    plan: PlanOptions = group(PlanOptions, only=_WITHOUT_LOAD, without=["--tolerate-broken"])
    monitors: MonitorOptions = group(MonitorOptions, only=["--monitor-postgres"])
    before: Path | None = option(
        "--against", "show what differs from the fingerprint of this run; exit with 1 if it got worse", "RUN", kind=Path
    )
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class NoiseOptions:
    """`noise`."""

    plan: PlanOptions = group(PlanOptions, only=(LOAD, *_WITHOUT_LOAD, "--history"), without=["--multiple"])
    runs: int = option(
        "--runs",
        f"how many runs; default 10, at least {FEWEST_NOISE_RUNS}",
        "K",
        default=10,
        kind=whole(FEWEST_NOISE_RUNS, MOST_RUNS),
    )
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """`report`."""

    run: Path = argument("RUN", "folder of the run, results/<scenario>_<time>", kind=Path)
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """`judge`."""

    run: Path = argument("RUN", "folder of the run, results/<scenario>_<time>", kind=Path)
    targets_file: Path | None = option("--targets", "other limits than those of the run", "FILE", kind=Path)
    plan: PlanOptions = group(PlanOptions, only=["--scenarios"])
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """`merge`."""

    runs: tuple[Path, ...] = argument("RUN", "folders of the runs, two or more", default=(), kind=Path, many=True)
    archive: ArchiveOptions = group(ArchiveOptions)
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """`compare`."""

    a: str = argument("A", "the runs before: folders, ids, releases, baselines or their files, last:N; with commas")
    b: str = argument("B", "the runs after, likewise")
    force: bool = switch("--force", "compare runs of different conditions as well, and mark them")
    archive: ArchiveOptions = group(ArchiveOptions)
    output: OutputOptions = group(OutputOptions)


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """`history`."""

    what: str | None = argument(
        "rebuild|index",
        "rebuild: make the database from the folders of the runs; index: make the page of all runs",
        kind=one_of("rebuild", "index"),
        optional=True,
    )
    scenario: str | None = option("--scenario", "only runs of this scenario", "NAME")
    release: str | None = option("--release", "only runs of this release", "TAG")
    last: int | None = option("--last", "how many of the newest; default 20", "N", kind=whole(1, 1_000_000))
    all: bool = switch("--all", "with index: every run, not only the newest")
    archive: ArchiveOptions = group(ArchiveOptions)
    output: OutputOptions = group(OutputOptions, only=["--no-color"])


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """`baseline`."""

    what: str = argument("save|list|show|remove", "what to do", kind=one_of("save", "list", "show", "remove"))
    name: str | None = argument("NAME", "name of the baseline; show also takes a file", optional=True)
    runs: tuple[str, ...] = option(
        "--run",
        "with save: the runs, by folder or id, release:TAG, or last:N passing ones; several",
        "RUN",
        default=(),
        many=True,
    )
    file: Path | None = option("--file", "with save: also write it here, to commit it to git", "PATH", kind=Path)
    archive: ArchiveOptions = group(ArchiveOptions)
    output: OutputOptions = group(OutputOptions, only=["--no-color"])


@dataclass(frozen=True, slots=True)
class CleanupOptions:
    """`cleanup`."""

    run: Path = argument("RUN", "folder of the run, results/<scenario>_<time>", kind=Path)
    plan: PlanOptions = group(
        PlanOptions,
        only=["--credentials", "--allow-host", "--i-accept-production-load", CONNECTION, "--scenarios"],
    )


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """`replay`."""

    run: Path = argument("RUN", "folder of the run, results/<scenario>_<time>", kind=Path)
    violation: str | None = argument("VIOLATION", "id of a violation; without it, they are listed", optional=True)
    host: str | None = option(
        "--host", "send it to another target, instead of the run's", "URL", secret=True, section=TARGET
    )
    plan: PlanOptions = group(
        PlanOptions,
        only=["--credentials", "--allow-host", "--i-accept-production-load", CONNECTION, "--scenarios"],
    )
    output: OutputOptions = group(OutputOptions, only=["--quiet"])


def _master(text: str) -> Endpoint:
    return endpoint_of(text, WORKER_PORT)


@dataclass(frozen=True, slots=True)
class WorkerCommandOptions:
    """`worker`."""

    master: Endpoint | None = option(
        "--master", f"the machine that makes the run; default port {WORKER_PORT}", "HOST:PORT", kind=_master
    )
    plan: PlanOptions = group(
        PlanOptions,
        only=[
            "--processes",
            "--credentials",
            "--allow-host",
            "--i-accept-production-load",
            "--scenarios",
            "--ca-file",
            "--proxy",
            "--header",
            "--mapping",
            "--client-cert",
            "--client-key",
        ],
    )


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """`backend`."""

    port: int = option("--port", "default 8015; 0 takes a free one", "N", default=8015, kind=port)
    database_url: str | None = option("--database-url", "default: SQLite in a temporary folder", "URL", secret=True)
    redis_url: str | None = option("--redis-url", "default: a cache within the process", "URL", secret=True)
    seed_factor: float = option(
        "--seed-factor", "size of the seeded data; default 1", "F", default=1.0, kind=above_zero
    )
    faults: tuple[str, ...] = option(
        "--fault", "make it misbehave; see docs/backend.md; repeatable", "SPEC", default=(), several="\n"
    )
    as_deployed: bool = switch("--as-deployed", "behave as deployed versions do")
    request_log: Path | None = option("--request-log", "write one line per request", "FILE", kind=Path)
    credentials_out: Path | None = option("--credentials-out", "write the seeded accounts", "FILE", kind=Path)
