"""The runs that many tests look at. Each is a function of a fresh folder; it gives what the run left. They are made by
`made_runs.py`.

Most backends turn bad under load only (`of the load` in a fault), so that preflight finds nothing.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import psutil

from tests.integration.cost_runs import easy
from tests.integration.programs import (
    ROOT,
    Backend,
    Ended,
    Program,
    alive,
    ended,
    family_of,
    run_folders,
    run_suite,
    running_backend,
    suite,
    until,
)

TWENTY_USERS = ("--users", "20", "--spawn-rate", "20")
EARLY_LEADS = ("--seed", "11")
"""With this seed both senior agents of twenty users create a lead within their first three seconds."""
BEGUN_WITHIN_S = 150.0
"""A demo is started, preflight asks for everything once, and users log in: long on a busy machine."""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
FORTY_USERS = ("--users", "40", "--spawn-rate", "40")
KINDS = (
    "wrong_rows@policies.list",
    "wrong_rows@agents.profile",
    "missing_field=personalStats@dashboard.senior_agent",
    "missing_field=lead_status@leads.list",
    "foreign_answer@policies.coverage",
    "cut@agents.performance",
    "redirect@policies.read",
    "error=503:25%@users.me",
)
KINDS_AT = {fault.partition("@")[2] for fault in KINDS}


def acceptance(folder: Path) -> Ended:
    """The run that the suite is accepted by."""
    return run_suite("--demo", "--users", "91", "--spawn-rate", "20", "--duration", "40s", results=folder / "results")


def own_target(folder: Path) -> Ended:
    """A healthy backend of its own, loaded by its address; rows and flags before and after, and its log."""
    with running_backend(folder, seed_factor="0.05") as backend:
        rows, flags = backend.rows(), backend.flags()
        done = run_suite(
            *backend.target,
            *("--users", "40", "--spawn-rate", "20", "--duration", "12s", "--processes", "2", "--raw-samples"),
            *easy(folder),
            results=folder / "results",
        )
        beside = {
            "rows before": rows,
            "flags before": flags,
            "rows": backend.rows(),
            "flags": backend.flags(),
            "log": backend.requests(done.folder.name),
        }
        return replace(done, beside=beside)


def as_deployed(folder: Path) -> Ended:
    """A backend with the habits of deployed versions; its tables before and after, its log and what it said."""
    # With this seed every role that one user plays reaches all of its operations.
    # Of so few requests not even all of its errors that need a crowd are 1 %. How fast it is depends on this machine.
    text = (ROOT / "targets.toml").read_text(encoding="utf-8")
    slow = folder / "slow.toml"
    slow.write_text(re.sub(r'(?m)^(metric = "\w+_ms"\nbelow = \d+)$', r"\g<1>0", text), encoding="utf-8")
    load = (*TWENTY_USERS, "--duration", "24s", "--seed", "5", "--targets", str(slow))
    return deployed_run(folder, *load, faults=("concurrency_error=2",))


def deployed_run(folder: Path, *options: str, faults: Sequence[str] = (), **more: str) -> Ended:
    """A run with these options against such a backend, by its address, so that its files outlive it."""
    with running_backend(folder, "as_deployed", *faults, **more) as backend:
        before = backend.tables()
        watched = ("--monitor-server", str(backend.server.pid))
        done = run_suite(*backend.target, *watched, *options, results=folder / "results")
        return replace(
            done,
            beside={
                "before": before,
                "after": backend.tables(),
                "log": backend.requests(done.folders[-1].name),
                "preflight log": backend.requests(f"{done.folders[-1].name}/preflight"),
                "check log": backend.requests(f"{done.folders[-1].name}/check"),
                "said": backend.program.err,
            },
        )


def searched(folder: Path) -> Ended:
    """A short search by users in front of a queue that is too small for the most of them; the same answer from the
    files of the run alone, in `beside`."""
    options = ("--processes", "2", "--max-duration", "45s", "--max-users", "90")
    # A machine that is too slow for an answer is one of the answers: it is not asked again.
    with running_backend(folder, "capacity=2:50") as backend:
        done = run_suite("capacity", *backend.target, *options, results=folder / "results", attempts=1)
    before = done.summary["capacity"]
    again = run_suite("report", str(done.folder))
    return replace(done, beside={"before": before, "again": again})


def rows_that_stay(folder: Path) -> Ended:
    """A backend that lets nobody delete a lead: a run as usual, one with accepted leftovers, preflight, cleanup."""
    with running_backend(folder, "error=403@leads.delete") as backend:
        rows = backend.rows()
        short = (*backend.target, *TWENTY_USERS, *EARLY_LEADS, *easy(folder), "--duration", "12s")
        done = run_suite(*short, results=folder / "results")
        after = backend.tables()["leads"]
        accepted = run_suite(*short, "--accept-leftovers", results=folder / "accepted")
        beside = {
            "rows before": rows,
            "leads": [lead for lead in after.values() if str(lead["customer_name"]).startswith("PERF-")],
            "accepted": accepted,
            "preflight": run_suite("preflight", *backend.target, "--quiet", results=folder / "looks"),
            "cleanup": run_suite("cleanup", str(done.folder), "--credentials", str(backend.credentials)),
        }
        return replace(done, beside=beside)


def two_scenarios(folder: Path) -> Ended:
    """`--multiple` over a file of two scenarios, of which the second has a target that nothing can meet; where Python
    reads and writes ASCII."""
    folder.joinpath("scenarios.toml").write_text(
        'schema = 1\nmultiple = ["easy", "hard"]\n'
        '[scenario.easy]\nusers = 20\nspawn_rate = 20\nduration = "1m"\n'
        '[scenario.hard]\nusers = 20\nspawn_rate = 20\nduration = "1m"\n',
        encoding="utf-8",
    )
    folder.joinpath("targets.toml").write_text(
        "schema = 1\n"
        '[[target]]\nname = "average"\nmetric = "avg_ms"\nbelow = 5000\n'
        '[[target]]\nname = "no time at all"\nmetric = "avg_ms"\nbelow = 0.001\nscenarios = ["hard"]\n',
        encoding="utf-8",
    )
    files = ("--scenarios", str(folder / "scenarios.toml"), "--targets", str(folder / "targets.toml"))
    named = ("--multiple", "--duration", "8s", "--label", "Prüfung – 1")
    with running_backend(folder) as backend:
        return run_suite(*backend.target, *named, *files, results=folder / "Ergebnis ü", env=ASCII)


# ── backends that go wrong ──────────────────────────────────────────────────────────────────────────


def slow_later(folder: Path) -> Ended:
    """In the middle of the load a route that is asked for often becomes slow, and one that one user asks for a few
    times answers wrongly: less than 1 % of all requests."""
    folder.joinpath("targets.toml").write_text(
        "schema = 1\n"
        '[[target]]\nname = "own account"\nmetric = "avg_ms"\nbelow = 200\noperation = "users.me"\n'
        '[[target]]\nname = "average response time"\nmetric = "avg_ms"\nbelow = 50\n'
        '[[target]]\nname = "failure rate"\nmetric = "failure_rate"\nbelow = 0.01\n',
        encoding="utf-8",
    )
    targets = ("--targets", str(folder / "targets.toml"))
    faults = (
        "latency=2s@users.me from 14s of the load",
        "missing_field=totalAgents@dashboard.provider from 14s of the load",
    )
    return _faulty(folder, faults, *FORTY_USERS, "--duration", "30s", *targets)


def spike(folder: Path) -> Ended:
    """Five connections are enough for six users and far too few for eighty; 14 reads a second are all they allow.

    Then a pause without writes, a ramp to twenty users, and writes again.
    """
    folder.joinpath("scenarios.toml").write_text(
        "schema = 1\n[scenario.rush]\nspawn_rate = 100\nstages = [\n"
        '{ name = "before", duration = "12s", users = 6, held = true },\n'
        '{ name = "rush", duration = "8s", users = 80, held = true },\n'
        '{ name = "after", duration = "18s", users = 6, held = true },\n'
        '{ name = "pause", duration = "5s", users = 6, held = true, read_only = true },\n'
        '{ name = "up", duration = "3s", users = 20 },\n'
        '{ name = "writing", duration = "3s", users = 20, held = true },\n]\n',
        encoding="utf-8",
    )
    rush = ("--scenarios", str(folder / "scenarios.toml"), "--scenario", "rush")
    roles = ("--roles", "senior_agent,junior_agent,policyholder")  # preflight reads as slowly as the load
    with running_backend(folder, "pool=5:350ms", "no_cache") as backend:
        done = run_suite(*backend.target, *rush, *roles, "--processes", "2", results=folder / "results")
        return replace(done, beside={"log": backend.requests(done.folders[-1].name)})


def stopped(folder: Path) -> Ended:
    """Every answer is late for some seconds, and later for good; a target that few requests count for is never met."""
    folder.joinpath("targets.toml").write_text(
        "schema = 1\n"
        '[[target]]\nname = "average"\nmetric = "avg_ms"\nbelow = 800\nabort_after = "10s"\n'
        '[[target]]\nname = "seldom"\nmetric = "p95_ms"\nbelow = 0.001\noperation = "users.me"\nabort_after = "5s"\n',
        encoding="utf-8",
    )
    load = (*TWENTY_USERS, *EARLY_LEADS, "--roles", "senior_agent,policyholder", "--duration", "2m")
    targets = ("--targets", str(folder / "targets.toml"))
    late = ("latency=1500ms@* from 12s to 18s of the load", "latency=1500ms@* from 26s of the load")
    with running_backend(folder, *late) as backend:
        done = run_suite(*backend.target, *load, *targets, results=folder / "results")
        return replace(done, beside={"log": backend.requests(done.folders[-1].name)})


def all_kinds(folder: Path) -> Ended:
    """Under load, each route that is asked for often goes wrong in a way of its own."""
    return _faulty(folder, [f"{fault} of the load" for fault in KINDS], *FORTY_USERS, "--duration", "18s")


def broken(folder: Path) -> Ended:
    """One route is broken from the start, a group of them is not offered, and the pool is small.

    First refused; `beside` holds what came of it. Then tolerated.
    """
    faults = ("error=500@agents.list", "missing_route@support.tickets", "pool=2")
    with running_backend(folder, *faults) as backend:
        load = (*backend.target, *TWENTY_USERS, *easy(folder), "--duration", "10s")
        refused = run_suite(*load, results=folder / "refused")
        table = run_suite("preflight", *backend.target, results=folder / "table")
        done = run_suite(*load, "--tolerate-broken", results=folder / "results")
        health = httpx.get(f"{backend.host}/api/v1/health/database", trust_env=False).json()
        pool, logged = health["database"]["pool_stats"], len(backend.requests(done.folder.name))
        return replace(done, beside={"refused": refused, "table": table, "pool": pool, "logged": logged})


def lost(folder: Path) -> Ended:
    """The backend is killed while it is loaded."""
    with running_backend(folder) as backend:
        run = suite(
            *backend.target, *TWENTY_USERS, *EARLY_LEADS, "--duration", "2m", "--results", str(folder / "results")
        )
        try:
            until(lambda: made_rows(folder / "results") >= 1, BEGUN_WITHIN_S, "rows made by the load")
            until(
                lambda: len(loaded(backend, folder / "results")) > 60, 90, "requests of the load in the backend's log"
            )
            backend.server.send_signal(signal.SIGKILL)
            return ended(run, run.wait(), folder / "results")
        finally:
            run.end()


def killed(folder: Path) -> Ended:
    """The suite is killed with -9 while it loads a backend that goes on; then report, cleanup and judge."""
    with running_backend(folder) as backend:
        rows, flags = backend.rows(), backend.flags()
        load = (*TWENTY_USERS, "--duration", "2m", "--raw-samples")
        run = suite(*backend.target, *load, "--results", str(folder / "results"))
        try:
            until(lambda: made_rows(folder / "results") >= 3, BEGUN_WITHIN_S, "rows made by the load")
            run.look()
            family = family_of(run.process.pid)
            run.process.kill()
            run.process.wait()
            until(lambda: not alive(family), 25, f"the end of {alive(family)}")
            code = int(run.process.returncode)
            left, run_folder = backend.rows(), run_folders(folder / "results")[0]
            report = run_suite("report", str(run_folder))
            summary = (run_folder / "summary.json").read_text(encoding="utf-8")
            cleaned = run_suite("cleanup", str(run_folder), "--credentials", str(backend.credentials))
            beside = {
                "family": [process.pid for process in family],
                "rows before": rows,
                "flags before": flags,
                "rows left": left,
                "report": report,
                "summary": summary,
                "cleanup": cleaned,
                "again": run_suite("cleanup", str(run_folder), "--credentials", str(backend.credentials)),
                "rows": backend.rows(),
                "flags": backend.flags(),
            }
            return replace(ended(run, code, folder / "results"), beside=beside)
        finally:
            run.end()


def hung_cleanup(folder: Path) -> Ended:
    """Nobody can log in any more when the load is over; Ctrl-C while cleanup waits for its login."""
    # By then the load's users have logged in, on a busy machine too, and the load is not over yet.
    with running_backend(folder, "latency=25s@auth.login from 11s of the load") as backend:
        load = (*TWENTY_USERS, *EARLY_LEADS, "--duration", "12s")
        run = suite(*backend.target, *load, "--results", str(folder / "results"))
        try:
            until(lambda: made_rows(folder / "results") >= 1, BEGUN_WITHIN_S, "rows made by the load")
            until(lambda: not any(loads(process) for process in family_of(run.process.pid)), 90, "the end of the load")
            until(lambda: talks_to(run, backend), 20, "the login of cleanup")
            run.interrupt()
            return ended(run, run.wait(22), folder / "results")
        finally:
            run.end()


Logged = tuple[float, float]
"""When a request arrived, UTC epoch s, and how long the target needed for it, s."""


def logged(run: Ended) -> list[Logged]:
    """The requests of the load, as the target logged them."""
    log = run.beside["log"]
    return sorted((datetime.fromisoformat(line["time"]).timestamp(), line["duration_s"]) for line in log)


def loads(process: psutil.Process) -> bool:
    """True for a load process."""
    try:
        return "perfsuite.load" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def talks_to(run: Program, backend: Backend) -> bool:
    """True while the suite itself has a connection to the backend."""
    connections = psutil.Process(run.process.pid).net_connections("tcp")
    return any(connection.raddr and connection.raddr.port == backend.port for connection in connections)


def loaded(backend: Backend, results: Path) -> list[object]:
    """Requests that the load of the one run in `results` has made so far."""
    folders = run_folders(results)
    return list(backend.requests(folders[0].name)) if folders and backend.log.exists() else []


def made_rows(results: Path) -> int:
    """Rows that the load of the one run in `results` has made so far."""
    journals = [path for path in results.glob("*/journal*.jsonl") if path.name != "journal-preflight.jsonl"]
    return sum(journal.read_text(encoding="utf-8").count('"created"') for journal in journals)


def asked_for(run: Ended) -> set[str]:
    """Operations of its steady state."""
    return {row["operation"] for row in run.summary["operations"]}


def _faulty(folder: Path, faults: Sequence[str], *options: str) -> Ended:
    """A run with these options against a backend with these faults."""
    with running_backend(folder, *faults) as backend:
        return run_suite(*backend.target, *options, results=folder / "results")
