"""This suite: its real command line, with other roles; for bare requests its HTTP client alone."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from bench.generators.canned import write_accounts
from bench.generators.process_tree import Command
from bench.generators.work import DUE, FRACTIONS, OURS, ROOT, SEND, Kind, Outcome, Percentiles, Work
from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Phase, Requests
from perfsuite.measurements.totals import histogram_of_all
from perfsuite.model import LOGIN
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role

_MODULES = {Kind.MIX: "roles_mix", Kind.IDLE: "roles_idle"}
_ONE_ROLE = "policyholder"
_MOST_STARTED = 500
"""Users a second: faster, the start of 20,000 of them would saturate one core, and processes be taken for lost."""


class Suite:
    """The only generator whose every run goes through preflight, checks, recording, cleanup and report."""

    name = OURS
    kinds = frozenset(Kind)
    beside_s = 4

    def command(self, work: Work) -> Command:
        """Its ramp-up takes a second of the load."""
        cache = work.folder.parent / "cache"  # what a request costs with other roles is of no use to the user
        variables = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "AGENTMITRA_CACHE_DIR": str(cache)}
        if work.kind is Kind.BARE:
            words = ("-m", "bench.generators.bare_client", work.url, str(work.users), str(work.seconds))
            return Command((sys.executable, *words), work.folder, variables, ROOT)
        accounts = work.folder / "accounts.csv"
        several = work.kind in _MODULES
        write_accounts(accounts, users_by_role(work.users, ROLES) if several else {_ONE_ROLE: work.users})
        started = min(work.users, _MOST_STARTED)
        options = {
            "host": work.url,
            "users": work.users,
            "spawn-rate": started,
            "duration": f"{work.seconds}s",
            "credentials": accounts,
            "results": work.folder / "results",
            "processes": work.processes,
            "check-correctness": "off",  # canned answers are not right, and the others check nothing either
            **({"arrival-rate": work.rate} if work.kind is Kind.ARRIVALS else {}),
        }
        words = (
            *("-m", "bench.generators.own_roles", f"bench.generators.{_MODULES.get(work.kind, 'roles_one_get')}"),
            *(word for name, value in options.items() for word in (f"--{name}", str(value))),
            *("--accept-leftovers", "--quiet", "--no-color"),
        )
        return Command((sys.executable, *words), work.folder, variables, ROOT)

    def outcome(self, work: Work, output: str) -> Outcome:
        """From the measurements of its run, which hold every request from the first to the last."""
        if work.kind is Kind.BARE:
            made, failed = output.split()
            return Outcome(int(made), int(failed))
        files = list((work.folder / "results").glob(f"*/{FILE_NAME}"))
        if not files:
            raise ValueError("the run left no measurements")
        return recorded(files[0])


def recorded(file: Path) -> Outcome:
    """All requests of a run but its logins; response times (from when they were due) and service times of the plateau,
    as the suite's own report has them."""
    records = list(read(file))
    found = [record for record in records if isinstance(record, Requests) and record.operation != LOGIN]
    failures = sum(sum(record.failed.counts.values()) for record in found)
    requests = failures + sum(sum(record.ok.counts.values()) for record in found)
    phases = {record.name: record.at for record in records if isinstance(record, Phase)}
    begin = phases.get("plateau", math.inf)
    seconds = range(math.ceil(min(begin, phases.get("ramp-down", 0.0))), math.floor(phases.get("ramp-down", 0.0)))
    steady = [record for record in found if record.second in seconds]
    response = histogram_of_all([times for record in steady for times in (record.ok, record.failed)])
    service = histogram_of_all([record.service for record in steady])
    return Outcome(requests, failures, {SEND: _percentiles(service), DUE: _percentiles(response)}, seconds)


def _percentiles(times: Histogram) -> Percentiles:
    p50, p99, p999 = (us and us / 1000 for us in times.percentiles_us(FRACTIONS))
    return p50, p99, p999
