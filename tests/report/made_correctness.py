"""What made-up checks found: of a backend that gives rows of others, and of one that is right."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import CheckLevel, CheckRow, Correctness, Exchanged, Invariant, Violation
from tests.report.made_load import START

OWN_ROWS, REFUSED, READ_BACK, RACE = "own rows only", "refused to other roles", "reads back as written", "one winner"
IN_LISTS = "own rows only, in the load's lists"
BUDGET, ONE_ACCOUNT = str(WhyNot.OVER_BUDGET()), "only one account"

EVIDENCE = (
    Exchanged("policyholder#1", "policies.read", "GET /api/v1/policies/7f3a", "9b-1", START + 31.25, 200),
    Exchanged("policyholder#2", "policies.read", "GET /api/v1/policies/7f3a", "9b-2", START + 31.5, 200),
)
VIOLATIONS = (
    Violation(
        "v1", Invariant.ISOLATION, OWN_ROWS, "policies.read", ("policyholder",), "HTTP 403", "HTTP 200", EVIDENCE,
        START + 31.25, 12,
    ),
    Violation(
        "v2", Invariant.ISOLATION, OWN_ROWS, "policies.update", ("policyholder", "junior_agent"), "HTTP 403",
        "HTTP 200", EVIDENCE[:1], START + 33.0,
    ),
    Violation(
        "v3", Invariant.PERMISSIONS, REFUSED, "users.list", ("support_staff",), "HTTP 403", "HTTP 200", EVIDENCE[1:],
        START + 40.0, 2,
    ),
)  # fmt: skip
ROWS = (
    CheckRow(Invariant.ISOLATION, OWN_ROWS, "policyholder", "policies.read", 0, 12),
    CheckRow(Invariant.ISOLATION, OWN_ROWS, "policyholder", "policies.update", 3, 1),
    CheckRow(Invariant.ISOLATION, OWN_ROWS, "senior_agent", "leads.read", not_checked={ONE_ACCOUNT: 1}),
    CheckRow(Invariant.PERMISSIONS, REFUSED, "support_staff", "users.list", 1, 2),
    CheckRow(Invariant.PERMISSIONS, REFUSED, "support_staff", "agents.list", 4, not_checked={"HTTP 503": 2}),
    CheckRow(Invariant.PERMISSIONS, REFUSED, "policyholder", "agents.list", not_checked={BUDGET: 1}),
    CheckRow(Invariant.WRITES, READ_BACK, "junior_agent", "policies.create", 5),
    CheckRow(Invariant.CONTESTS, RACE, "junior_agent", "policies.create", not_checked={"HTTP 503": 3, BUDGET: 1}),
)
VIOLATED = Correctness(CheckLevel.SAMPLE, 118, 6_012, ROWS, VIOLATIONS)
HEALTHY = Correctness(
    CheckLevel.SAMPLE,
    96,
    6_012,
    tuple(CheckRow(row.invariant, row.rule, row.role, row.operation, row.checks, 0, row.not_checked) for row in ROWS),
)
WATCHED = replace(
    HEALTHY,
    rows=(
        *HEALTHY.rows,
        CheckRow(Invariant.ISOLATION, IN_LISTS, "policyholder", "policies.list", 1_240, watched_held=1_240),
    ),
)
ONLY_WATCHED = replace(HEALTHY, rows=WATCHED.rows[-1:])
UNREACHED = Correctness(CheckLevel.SAMPLE, 3, 150, tuple(row for row in ROWS if not row.checks))
