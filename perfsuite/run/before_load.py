"""What checks under load are compared with: how the target refuses, and what its figures count, before the load."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from perfsuite.correctness.check import Check
from perfsuite.correctness.client import CheckClient
from perfsuite.correctness.errors import statuses
from perfsuite.correctness.lists import uncounted
from perfsuite.correctness.possible import possible_in
from perfsuite.correctness.thread_concurrency import ThreadConcurrency
from perfsuite.model import PreflightReport
from perfsuite.model.correctness import CheckLevel
from perfsuite.roles import ROLES
from perfsuite.run.context import RunContext
from perfsuite.target.journal import PREFLIGHT_JOURNAL, Journal


def with_state_before(report: PreflightReport, run: RunContext) -> PreflightReport:
    """The report with the statuses of requests that are refused, and what figures do not count; as it is where the load
    makes no checks."""
    plan = run.plan
    if plan.check_correctness is CheckLevel.OFF:
        return report
    roles = {role.slug: role for role in ROLES if plan.users_by_role.get(role.slug)}
    of_role = {slug: [account for account in run.accounts if account.role == slug] for slug in roles}
    accounts = {slug: dict(enumerate(own, 1)) for slug, own in of_role.items()}
    possible = possible_in(plan, report, {slug: len(own) for slug, own in accounts.items()})

    def can_be_made(check: Check) -> bool:
        return not possible.why_not(check)

    with closing(Journal(run.folder / PREFLIGHT_JOURNAL)) as book:
        state = run.state_for("preflight", book)
        with closing(CheckClient(state, roles, accounts, run.connect, ThreadConcurrency())) as client:
            refusals = statuses(client, client, can_be_made)
            return replace(report, refusals=refusals, uncounted=uncounted(client, client, can_be_made))
