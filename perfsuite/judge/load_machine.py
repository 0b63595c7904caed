"""Requests that the load machine failed or held back before they left it: never the fault of a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from perfsuite.messages import Message
from perfsuite.messages.failures import GeneratorLimit
from perfsuite.messages.reasons import GeneratorFix, Reason
from perfsuite.model import FailureKind, Summary

_FIXES = {
    GeneratorLimit.OPEN_FILES.value: GeneratorFix.OPEN_FILES,
    GeneratorLimit.OPEN_FILES_OF_SYSTEM.value: GeneratorFix.OPEN_FILES_OF_SYSTEM,
    GeneratorLimit.LOCAL_PORTS.value: GeneratorFix.LOCAL_PORTS,
    GeneratorLimit.BUFFERS.value: GeneratorFix.BUFFERS,
    GeneratorLimit.MEMORY.value: GeneratorFix.MEMORY,
}


def limits_met(summary: Summary) -> Iterable[Message]:
    """A reason for each limit, the most frequent first, over the whole run."""
    counts: Counter[str] = Counter()
    for group in summary.failures:
        if group.kind == FailureKind.GENERATOR:
            counts[group.message] += group.count
    for cause, failed in counts.most_common():
        yield Reason.GENERATOR_LIMIT(failed=failed, cause=cause, fix=_FIXES.get(cause, GeneratorFix.UNKNOWN)())


def held_back(summary: Summary) -> Iterable[Message]:
    """However short: response times of the open model include the wait, and in the closed model fewer requests were
    sent.
    """
    if summary.generator.held_back_s:
        yield Reason.HELD_BACK(held_s=summary.generator.held_back_s)
