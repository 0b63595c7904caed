"""What invariants that were checked under load make of the verdict."""

from __future__ import annotations

from collections import Counter

from perfsuite.format import joined, plural
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Summary
from perfsuite.model.correctness import Correctness, Violation

MOST_RULES = 3
MOST_PLACES = 3
_MOST_REASONS = 3


def wrong_under_load(summary: Summary) -> list[Message]:
    """A reason for each rule that was violated, whatever the response times; the last one counts those beyond
    `MOST_RULES`."""
    by_rule: dict[tuple[str, str], list[Violation]] = {}
    for violation in summary.correctness.violations if summary.correctness is not None else ():
        by_rule.setdefault((violation.invariant, violation.rule), []).append(violation)
    rules = list(by_rule)
    reasons = [_of_rule(by_rule[rule]) for rule in rules[:MOST_RULES]]
    if more := rules[MOST_RULES:]:
        violations = sum(len(by_rule[rule]) for rule in more)
        reasons.append(Reason.MORE_WRONG_UNDER_LOAD(violations=violations, rules=[rule for _invariant, rule in more]))
    return reasons


def _of_rule(violations: list[Violation]) -> Message:
    """The first violation, and where else the same rule was violated."""
    first, *others = violations
    reason = Reason.WRONG_UNDER_LOAD(
        id=first.id,
        invariant=first.invariant.value,
        rule=first.rule,
        operation=first.operation,
        roles=joined(first.roles),
        expected=first.expected,
        seen=first.seen,
        count=first.count,
        at=int(first.first_at),
    )
    places = [f"{each.operation} as {joined(each.roles)} ({each.id})" for each in others[:MOST_PLACES]]
    left = len(others) - len(places)
    places += [plural(left, "more violation")] if left else []
    return reason.also(Detail.ALSO_VIOLATED(places=joined(places)) if places else None)


def nothing_checked(correctness: Correctness | None) -> Message | None:
    """Checks were on, and none of those that send requests had a result; None where one had."""
    if correctness is None or correctness.why_off is not None or correctness.checks > correctness.watched:
        return None
    times: Counter[str] = Counter()
    for row in correctness.rows:
        times.update(row.not_checked)
    reasons = [why for why, _times in times.most_common(_MOST_REASONS)]
    if correctness.checks:
        return Note.ONLY_WATCHED(why=joined(reasons)) if reasons else Note.NO_CHECK_SENT()
    return Note.NOTHING_CHECKED(why=joined(reasons)) if reasons else Note.NO_CHECK_MADE()
