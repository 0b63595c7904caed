"""What the checks of correctness found, as lines that every output shares."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from perfsuite.format import joined, number
from perfsuite.messages import Message
from perfsuite.messages.correctness import CorrectnessText, OffText
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import Plan
from perfsuite.model.correctness import CheckRow, ChecksOff, Correctness, Exchanged, Violation

CORRECTNESS_TITLE = "Correctness under load"
_OFF = {ChecksOff.OPTION: OffText.OPTION, ChecksOff.REMOTE: OffText.REMOTE, ChecksOff.SEARCH: OffText.SEARCH}
_AGAIN = ("--allow-host", "--credentials", "--header", "--scenarios")
"""Options of a run that its replay needs, too; the plan has the others."""
_ACCEPTED = "--i-accept-production-load"


def correctness_line(found: Correctness | None) -> str:
    """ "Correctness: 96 of 98 checks and 1,200 of 1,200 watched answers held; 14 of 23 rules checked".

    "" for a run that is older than these checks.
    """
    if found is None:
        return ""
    if found.why_off is not None:
        return CorrectnessText.NOT_CHECKED(why=_OFF[found.why_off]())
    rules = found.rules.values()
    reached = sum(any(row.checks for row in rows) for rows in rules)
    if not rules:
        return CorrectnessText.NO_CHECK()
    if not reached:
        return CorrectnessText.NO_RESULT(rules=len(rules))
    return CorrectnessText.CHECKED(held=held_text(found.rows), reached=reached, rules=len(rules))


def held_text(rows: Sequence[CheckRow]) -> str:
    """ "96 of 98 checks held", of those that sent requests, and of answers of the load; only what there was."""
    checks, held = sum(row.checks for row in rows), sum(row.held for row in rows)
    answers, answers_held = sum(row.watched for row in rows), sum(row.watched_held for row in rows)
    checks, held = checks - answers, held - answers_held
    if not answers:
        return CorrectnessText.CHECKS_HELD(held=held, checks=checks)
    if not checks:
        return CorrectnessText.ANSWERS_HELD(held=answers_held, answers=answers)
    return CorrectnessText.BOTH_HELD(held=held, checks=checks, answers_held=answers_held, answers=answers)


def first_to_replay(violations: Sequence[Violation]) -> Violation:
    """The first that can be replayed; the first of all where none can."""
    return next((each for each in violations if not each.no_replay), violations[0])


def replay_command(plan: Plan, folder: str, violation: Violation) -> str:
    """For a shell: makes the check that found the violation again, with what the run was given; "" where nothing can.

    `folder`: of the run. The value of a header that may be secret is "…".
    """
    if violation.no_replay:
        return ""
    given = () if plan.demo else _given_again(plan.command)
    return shlex.join(["python", "run_performance_tests.py", "replay", folder, violation.id, *given])


def _given_again(command: Sequence[str]) -> Iterable[str]:
    arguments = iter(command)
    for argument in arguments:
        name, equals, _value = argument.partition("=")
        if name in _AGAIN or argument == _ACCEPTED:
            yield argument
            if name in _AGAIN and not equals:
                yield next(arguments, "")


def replay_line(plan: Plan, folder: str, violation: Violation) -> Message:
    """How to send it again without load, or why nothing can."""
    command = replay_command(plan, folder, violation)
    return ReplayMessage.AGAIN_WITH(command=command) if command else ReplayMessage.NEVER(why=violation.no_replay)


def cost_line(found: Correctness) -> Message:
    """ "118 requests of checks beside 6,012 of the load (1.96 %), level sample"; and that others cost no request."""
    cost = CorrectnessText.COST(
        requests=found.requests, load=found.load_requests, share=found.share, level=found.level.value
    )
    return cost.also(CorrectnessText.WATCHED() if found.watched else None)


def violation_line(violation: Violation) -> Message:
    """What was expected of which operation and what was seen, in one line."""
    return CorrectnessText.VIOLATED(
        operation=violation.operation,
        roles=joined(violation.roles),
        expected=violation.expected,
        seen=violation.seen,
        count=violation.count,
        at=int(violation.first_at),
    )


def evidence_lines(violation: Violation) -> tuple[Message, ...]:
    """The requests that show it, a line each."""
    return tuple(
        CorrectnessText.EVIDENCE(
            actor=request.actor,
            request=request.request,
            answer=answer_of(request),
            at=int(request.sent_at),
            request_id=request.request_id,
        )
        for request in violation.evidence
    )


def answer_of(request: Exchanged) -> str:
    """ "HTTP 200"."""
    return f"HTTP {request.status}" if request.status else "no answer"


def reasons_text(rows: Iterable[CheckRow]) -> str:
    """Why checks of these rows had no result, and how often: "the budget did not reach it (12), HTTP 503 (2)"."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update(row.not_checked)
    return ", ".join(f"{why} ({number(times)})" for why, times in found.most_common())


def correctness_dict(found: Correctness | None) -> dict[str, Any] | None:
    """The same for `summary.json`; None for a run that is older than these checks."""
    if found is None:
        return None
    return {
        "level": found.level.value,
        "off_because": found.why_off.value if found.why_off else None,
        "requests": found.requests,
        "load_requests": found.load_requests,
        "share": round(found.share, 6),
        "checks": found.checks,
        "held": found.held,
        "watched": found.watched,
        "watched_held": sum(row.watched_held for row in found.rows),
        "violations": [_violation(violation) for violation in found.violations],
        "rows": [_row(row) for row in found.rows],
        "not_checked": [
            {**_place(row), "reason": reason, "times": times}
            for row in found.rows
            for reason, times in row.not_checked.items()
        ],
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "id": violation.id,
        "invariant": violation.invariant.value,
        "rule": violation.rule,
        "operation": violation.operation,
        "roles": list(violation.roles),
        "expected": violation.expected,
        "seen": violation.seen,
        "first_at": round(violation.first_at, 3),
        "count": violation.count,
        "evidence": [asdict(each) | {"sent_at": round(each.sent_at, 3)} for each in violation.evidence],
    }


def _row(row: CheckRow) -> dict[str, Any]:
    watched = {"watched_held": row.watched_held, "watched_violated": row.watched_violated}
    return _place(row) | {"held": row.held, "violated": row.violated} | watched


def _place(row: CheckRow) -> dict[str, Any]:
    return {"invariant": row.invariant.value, "rule": row.rule, "role": row.role, "operation": row.operation}
