"""The capacities of two searches in words: what each found, and what became of it."""

from __future__ import annotations

from perfsuite.format import rough_percent, signed_percent
from perfsuite.messages import Message
from perfsuite.messages.capacity import CapacityChangeText
from perfsuite.model.history import SAME_CAPACITY_RATE, CapacityChange, CapacityOutcome, PastCapacity
from perfsuite.report.capacity import load_text, range_text, unit_of


def past_text(found: PastCapacity) -> str:
    """ "313–327 users", "at least 200 users", "less than 7 users", "not found"."""
    low, high, by = found.low, found.high, found.by
    if low is not None and high is not None:
        return f"{range_text(low, high, by)} {unit_of(by)}"
    if low is not None:
        return CapacityChangeText.AT_LEAST(load=load_text(low, by))
    return CapacityChangeText.BELOW(load=load_text(high, by)) if high is not None else CapacityChangeText.NOT_FOUND()


def change_line(change: CapacityChange) -> Message:
    """ "Capacity 240–256 users, then 180–190 users: lower by 21–29 %"."""
    fields = {"a": past_text(change.a), "b": past_text(change.b)}
    return CapacityChangeText.COMPARED(**fields, change=change_text(change))


def change_text(change: CapacityChange) -> Message:
    """What became of it."""
    low, high = change.change
    if change.outcome is CapacityOutcome.LOWER and high is not None:
        least = rough_percent(-high)
        if low is None:
            return CapacityChangeText.LOWER_BY_AT_LEAST(least=least)
        return CapacityChangeText.LOWER(least=_bare(least), most=rough_percent(-low))
    if change.outcome is CapacityOutcome.HIGHER and low is not None:
        least = rough_percent(low)
        if high is None:
            return CapacityChangeText.HIGHER_BY_AT_LEAST(least=least)
        return CapacityChangeText.HIGHER(least=_bare(least), most=rough_percent(high))
    if low is None or high is None:
        return CapacityChangeText.OPEN()
    ends = {"low": signed_percent(low), "high": signed_percent(high)}
    if change.outcome is CapacityOutcome.SAME:
        return CapacityChangeText.SAME(bound=rough_percent(SAME_CAPACITY_RATE), **ends)
    return CapacityChangeText.OVERLAP(**ends)


def _bare(percent: str) -> str:
    return percent.removesuffix(" %")


def ends_text(change: CapacityChange) -> str:
    """ "-29 % to -21 %"; "" where an end is open."""
    low, high = change.change
    return "" if low is None or high is None else f"{signed_percent(low)} to {signed_percent(high)}"
