"""The options of a plan, as a record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from perfsuite.errors import UsageError
from perfsuite.format import setting
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.option_fields import (
    MAX_USERS,
    above_zero,
    data_file,
    group,
    one_of,
    option,
    parse_duration,
    seconds_to_wait,
    switch,
    text_of,
    whole,
)
from perfsuite.plan.search_options import SearchOptions
from perfsuite.target.hosts import Endpoint, endpoint_of, is_address, is_local

DEFAULT_HOST = "http://localhost:8015"
DEFAULT_SEED = 1
WORKER_PORT = 5557
"""Where workers join; Locust's own."""
DEMOS = ("embedded", "full")
MAX_PROCESSES = 64
MAX_WORKERS = 10_000
MOST_THINK_TIME_FACTOR = 100.0
MOST_ITERATIONS = 1_000_000

LOAD, TARGET, CONNECTION = "load", "target", "connection to the target"
OPERATIONS, HISTORY, FILES = "roles, operations and rows", "history and comparison", "files"


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The connection to the target, besides its address. Plain Locust has these options, too."""

    ca_file: Path | None = option(
        "--ca-file",
        "trust the certificates in this PEM file as well; SSL_CERT_FILE and SSL_CERT_DIR work, too",
        "FILE",
        kind=Path,
        section=CONNECTION,
    )
    proxy: str | None = option(
        "--proxy",
        "send every request through this proxy; HTTP_PROXY is ignored",
        "URL",
        secret=True,
        section=CONNECTION,
    )
    headers: tuple[str, ...] = option(
        "--header",
        "add a header to every request; env:VARIABLE as the value reads it from the environment; repeatable",
        '"NAME: VALUE"',
        default=(),
        several="\n",
        secret=True,
        section=CONNECTION,
    )
    mapping_file: Path | None = option(
        "--mapping",
        "TOML file: where the deployed API differs from the contract (paths, role names, permissions, rules)",
        "FILE",
        kind=Path,
        section=CONNECTION,
    )
    client_cert: Path | None = option(
        "--client-cert",
        "client certificate (PEM) for targets that require one; may contain its key as well",
        "FILE",
        kind=Path,
        section=CONNECTION,
    )
    client_key: Path | None = option(
        "--client-key",
        "its key (PEM); the password of an encrypted one comes from AGENTMITRA_CLIENT_KEY_PASSWORD",
        "FILE",
        kind=Path,
        section=CONNECTION,
    )
    retry: bool = switch(
        "--no-retry",
        "never repeat a GET whose idle connection the target closed at the moment of sending",
        default=True,
        section=CONNECTION,
    )
    timeout_s: float | None = option(
        "--timeout",
        "how long to wait for an answer; default 60 s under load, 30 s before and after it",
        "S",
        kind=seconds_to_wait,
        section=CONNECTION,
    )

    def of_demo(self) -> None:
        """Raise UsageError for an option that does not apply to a demo."""
        given = {
            "--ca-file": self.ca_file,
            "--proxy": self.proxy,
            "--header": self.headers,
            "--mapping": self.mapping_file,
            "--client-cert": self.client_cert,
            "--client-key": self.client_key,
        }
        for name, value in given.items():
            if value:
                raise UsageError(PlanMessage.DEMO_HAS_ITS_OWN(option=name))


def _address_to_bind(text: str) -> Endpoint:
    """An address of this machine, with the port where workers join."""
    found = endpoint_of(text, WORKER_PORT)
    if found.host == "localhost":
        return replace(found, host="127.0.0.1")
    if not is_address(found.host):
        raise UsageError(PlanMessage.NOT_AN_ADDRESS(text=text, port=WORKER_PORT))
    return found


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Load processes that join from elsewhere."""

    expected: int = option(
        "--expect-workers",
        "wait for N workers that join from elsewhere, started there with worker --master",
        "N",
        default=0,
        kind=whole(1, MAX_WORKERS),
        section=LOAD,
    )
    bind: Endpoint | None = option(
        "--bind",
        f"where they join, default 127.0.0.1:{WORKER_PORT}; beyond this machine AGENTMITRA_WORKER_TOKEN is required",
        "ADDR:PORT",
        kind=_address_to_bind,
        section=LOAD,
    )
    max_wait_s: float | None = option(
        "--expect-workers-max-wait",
        "how long to wait for them, else exit code 4; default 60 s",
        "S",
        kind=seconds_to_wait,
        section=LOAD,
    )

    @property
    def endpoint(self) -> Endpoint:
        """Where they join."""
        return self.bind or Endpoint("127.0.0.1", WORKER_PORT)

    def check(self, demo: str | None) -> None:
        """Raise UsageError for an option that does not go with the others."""
        if not self.expected:
            for name, given in (("--bind", self.bind), ("--expect-workers-max-wait", self.max_wait_s)):
                if given is not None:
                    raise UsageError(PlanMessage.NEEDS_WORKERS(option=name))
        elif demo and not self.endpoint.is_local:
            raise UsageError(PlanMessage.WORKERS_OF_DEMO(address=self.endpoint))

    def check_target(self, host: str) -> None:
        """Raise UsageError for a target that is another one on every machine. `host`: its URL."""
        if self.expected and not self.endpoint.is_local and is_local(urlsplit(host).hostname or ""):
            raise UsageError(PlanMessage.WORKERS_OF_LOOPBACK(address=self.endpoint, host=host))


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What is kept of single requests. Plain Locust has this option, too."""

    raw: bool = switch(
        "--raw-samples", "also write every request to a compressed CSV file, at most 2 GB per run", section=FILES
    )


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """Folder and history of finished runs."""

    results: Path = option(
        "--results",
        "folder of the results; default ./results",
        "DIR",
        default=Path("results"),
        kind=Path,
        section=FILES,
    )
    history: str = option(
        "--history",
        "PostgreSQL URL or SQLite file of the history; default history.db in the results",
        "URL",
        default="",
        secret=True,
        section=FILES,
    )


def _factor(text: str) -> float:
    """A number from 0 on that think times are multiplied by."""
    try:
        value = float(text)
    except ValueError:
        raise UsageError(PlanMessage.NOT_A_NUMBER(text=text)) from None
    if not 0 <= value <= MOST_THINK_TIME_FACTOR:  # neither is NaN
        raise UsageError(PlanMessage.NOT_A_FACTOR(most=MOST_THINK_TIME_FACTOR, text=text))
    return value


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """Which work to do, and how fast, instead of what the scenario says."""

    roles: tuple[str, ...] = option(
        "--roles", "only these roles, instead of the scenario's", "A,B", default=(), several=",", section=OPERATIONS
    )
    exclude: tuple[str, ...] = option(
        "--exclude",
        "never send this operation, in addition to what the scenario excludes; repeatable",
        "OPERATION",
        default=(),
        several=",",
        section=OPERATIONS,
    )
    think_time_factor: float | None = option(
        "--think-time-factor",
        f"multiply all think times: 0.5 is half, 0 is none, at most {setting(MOST_THINK_TIME_FACTOR)}",
        "F",
        kind=_factor,
        section=LOAD,
    )
    iterations: int | None = option(
        "--iterations",
        "every user performs N actions and is done; the duration is then the most that the run may take",
        "N",
        kind=whole(1, MOST_ITERATIONS),
        section=LOAD,
    )


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of a plan. A command has some of them; the others keep their defaults."""

    scenarios: tuple[str, ...] = option(
        "--scenario",
        "scenario of scenarios.toml, default basic; repeatable",
        "NAME",
        default=(),
        several=",",
        section=LOAD,
    )
    multiple: bool = switch("--multiple", "run the six standard scenarios in turn, 10 s apart", section=LOAD)
    users: int | None = option(
        "--users", "virtual users, instead of the scenario's", "N", kind=whole(1, MAX_USERS), section=LOAD
    )
    spawn_rate: float | None = option("--spawn-rate", "users started per second", "R", kind=above_zero, section=LOAD)
    duration_s: float | None = option(
        "--duration", "length of the run, ramp-up included", "90s/5m/1h", kind=parse_duration, section=LOAD
    )
    arrival_rate: float | None = option(
        "--arrival-rate",
        "open model: R actions per second begin at their times, however slow the answers are; --users are sessions",
        "R",
        kind=above_zero,
        section=LOAD,
    )
    work: WorkOptions = group(WorkOptions)
    processes: int | None = option(
        "--processes",
        "load processes on this machine; default 1, with --expect-workers none",
        "N",
        kind=whole(1, MAX_PROCESSES),
        section=LOAD,
    )
    workers: WorkerOptions = group(WorkerOptions)
    stop_timeout_s: float | None = option(
        "--stop-timeout",
        "how long requests in flight may take when the load ends; default 30 s",
        "S",
        kind=seconds_to_wait,
        section=LOAD,
    )
    seed: int = option(
        "--seed",
        f"which user does what, and when actions arrive, follow from it; default {DEFAULT_SEED}",
        "N",
        default=DEFAULT_SEED,
        kind=whole(0, 2**63 - 1),
        section=LOAD,
    )
    check_correctness: str = option(
        "--check-correctness",
        "check answers during the load, with 2 or 10 % more requests; default sample on this machine, else off",
        "off|sample|thorough",
        default="",
        kind=one_of("off", "sample", "thorough"),
        section=LOAD,
    )

    host: str | None = option(
        "--host", f"address of the target; default {DEFAULT_HOST}", "URL", secret=True, section=TARGET
    )
    allow_hosts: tuple[str, ...] = option(
        "--allow-host", "a further host that may be loaded; repeatable", "HOST", default=(), several=",", section=TARGET
    )
    accept_production: bool = switch(
        "--i-accept-production-load", "load a host that looks like production", section=TARGET
    )
    demo: str | None = option(
        "--demo",
        "start the reference backend for this run: embedded (SQLite, the default) or full (private PostgreSQL, Redis)",
        "embedded|full",
        kind=one_of(*DEMOS),
        implied=DEMOS[0],
        section=TARGET,
    )
    faults: tuple[str, ...] = option(
        "--fault",
        "with --demo: a fault of the backend, to try the suite; see docs/backend.md; repeatable",
        "SPEC",
        default=(),
        several="\n",
        section=TARGET,
    )
    as_deployed: bool = switch("--as-deployed", "with --demo: behave as deployed versions do", section=TARGET)
    credentials: Path | None = option(
        "--credentials",
        "CSV phone_number,password,role; default credentials.csv; an empty password is AGENTMITRA_TEST_PASSWORD",
        "FILE",
        kind=Path,
        section=TARGET,
    )
    connection: ConnectionOptions = group(ConnectionOptions)

    read_only: bool = switch("--read-only", "leave out every operation that writes", section=OPERATIONS)
    accept_leftovers: bool = switch(
        "--accept-leftovers", "also create rows that cannot be removed afterwards", section=OPERATIONS
    )
    tolerate_broken: bool = switch(
        "--tolerate-broken",
        "leave out operations that fail before the load, and report them, instead of stopping",
        section=OPERATIONS,
    )

    targets_file: Path = option(
        "--targets",
        "the limits to meet; default targets.toml",
        "FILE",
        default=partial(data_file, "targets.toml"),
        kind=Path,
        section=FILES,
    )
    scenarios_file: Path = option(
        "--scenarios",
        "scenarios, allowed hosts and defaults of options; default scenarios.toml",
        "FILE",
        default=partial(data_file, "scenarios.toml"),
        kind=Path,
        section=FILES,
    )
    abort: bool = switch("--no-abort", "ignore abort_after of targets", default=True, section=FILES)
    archive: ArchiveOptions = group(ArchiveOptions)
    samples: SampleOptions = group(SampleOptions)

    label: str = option(
        "--label", "text kept with the run in the history", "TEXT", default="", kind=text_of, section=HISTORY
    )
    release: str = option(
        "--release", "version of the backend, kept in the same way", "TAG", default="", kind=text_of, section=HISTORY
    )
    baseline: str = option(
        "--baseline",
        "compare the run with it and exit with 5 on a regression; also last:N, or a file of baseline save",
        "RUN|RELEASE|NAME",
        default="",
        section=HISTORY,
    )

    fingerprint: bool = False
    """Measure before the load what each operation costs the database."""
    command: tuple[str, ...] = ()
    """The command line, without secrets."""
    search: SearchOptions | None = None
    """Search for the capacity, instead of the scenario's own load."""

    @property
    def local_processes(self) -> int:
        """Load processes on this machine."""
        return self.processes if self.processes is not None else 0 if self.workers.expected else 1
