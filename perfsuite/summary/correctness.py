"""What the checks of a run found out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from perfsuite.correctness.catalogue import check_of
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.check_ended import CheckTotals
from perfsuite.model import Plan
from perfsuite.model.correctness import CheckLevel, CheckResult, CheckRow, Correctness, Invariant, Violation

_ORDER = {invariant: place for place, invariant in enumerate(Invariant)}


def correctness_of(plan: Plan, aggregate: Aggregate) -> Correctness | None:
    """All checks of the run, added up; None for a run that is older than these checks."""
    if plan.check_correctness is CheckLevel.OFF and plan.checks_off is None:
        return None
    totals = aggregate.checks
    requests = sum(role.requests for role in aggregate.by_role.values()) + aggregate.expired
    rows, violations = _rows(totals), _violations(totals)
    return Correctness(plan.check_correctness, totals.requests, requests, rows, violations, plan.checks_off)


def _rows(totals: CheckTotals) -> tuple[CheckRow, ...]:
    """By invariant, rule, role and operation; a check with several roles counts for the first, whose answers it
    judges."""
    rows: dict[tuple[str, ...], CheckRow] = {}
    reasons: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)

    def row_of(key: tuple[str, str, str, tuple[str, ...]]) -> tuple[tuple[str, ...], CheckRow]:
        invariant, rule, operation, roles = key
        place = (invariant, rule, roles[0], operation)
        return place, rows.setdefault(place, CheckRow(Invariant(invariant), rule, roles[0], operation))

    for (key, result), count in totals.results.items():
        place, row = row_of(key)
        field = "held" if result == CheckResult.HELD else "violated"
        watched, seen = f"watched_{field}", totals.watched[key, result]
        rows[place] = replace(row, **{field: getattr(row, field) + count, watched: getattr(row, watched) + seen})
    for (key, why), count in totals.not_checked.items():
        place, _row = row_of(key)
        reasons[place][why] = reasons[place].get(why, 0) + count
    found = (replace(row, not_checked=reasons.get(place, {})) for place, row in rows.items())
    return tuple(sorted(found, key=lambda row: (_ORDER[row.invariant], row.rule, row.role, row.operation)))


def _violations(totals: CheckTotals) -> tuple[Violation, ...]:
    """In the order of time."""
    found = sorted(totals.violations.items(), key=lambda item: (item[1].second, item[1].sequence))
    return tuple(
        Violation(
            f"v{number}",
            Invariant(first.invariant),
            first.rule,
            first.operation,
            first.roles,
            first.expected,
            first.seen,
            first.evidence,
            max((request.sent_at for request in first.evidence), default=float(first.second)),
            totals.results[key, CheckResult.VIOLATED],
            first.steps,
            under_load_only=(check := check_of(key)) is not None and check.under_load_only,
            no_replay=check.no_replay if check is not None else "",
        )
        for number, (key, first) in enumerate(found, 1)
    )
