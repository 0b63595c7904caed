"""The answer of a search for the most load in words and as data, the same in every output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from perfsuite.format import UNKNOWN, limit_text, number, quantity
from perfsuite.messages import Message
from perfsuite.messages.capacity import CapacityText, NotAnsweredText
from perfsuite.model import (
    CapacityAnswer,
    CapacityKind,
    CapacityReport,
    Level,
    NotAnswered,
    SearchBy,
    SearchedTarget,
    Target,
    VisitPhase,
)
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.report.text import Number, clean, heading, rounded

CAPACITY_TITLE = "Capacity"
WIDE_FROM = 0.08
SEARCH = "search"
"""Key of `not_answered` for the whole question; the others are names of targets."""
PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"

_UNITS = {SearchBy.USERS: "users", SearchBy.ARRIVAL_RATE: "actions/s"}
_FAILURE_RATE = "failure_rate"
_REASONS = {
    NotAnswered.GENERATOR: NotAnsweredText.GENERATOR,
    NotAnswered.MOST_LOAD: NotAnsweredText.MOST_LOAD,
    NotAnswered.DURATION: NotAnsweredText.DURATION,
    NotAnswered.FIRST_LOAD_FAILS: NotAnsweredText.FIRST_LOAD_FAILS,
    NotAnswered.TOO_FEW_SAMPLES: NotAnsweredText.TOO_FEW_SAMPLES,
    NotAnswered.METRIC: NotAnsweredText.METRIC,
}


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A load that was tried. `worst`: the target nearest its limit, or farthest beyond it; "" where none has requests.

    `value`, `limit`: of it. `share`: its value as a part of its limit. `notes`: why the level counts as it does.
    """

    load: float
    seconds: int
    requests: int
    rps: float
    outcome: str
    notes: tuple[Message, ...]
    worst: str = ""
    value: str = ""
    limit: str = ""
    share: float | None = None


def unit_of(by: SearchBy, load: float | None = None) -> str:
    """The unit of loads: "users", "user" for one, "actions/s"."""
    return "user" if by is SearchBy.USERS and load == 1 else _UNITS[by]


def load_text(load: float, by: SearchBy) -> str:
    """ "240 users", "36.3 actions/s"."""
    return f"{number(load)} {unit_of(by, load)}"


def range_text(low: float, high: float, by: SearchBy) -> str:
    """The ends of an interval; users are whole, and rounded outwards."""
    return _range(math.floor(low), math.ceil(high)) if by is SearchBy.USERS else _range(low, high)


def _range(low: float, high: float) -> str:
    """Once where both look the same."""
    return "–".join(dict.fromkeys((number(low), number(high))))


def target_text(target: Target) -> str:
    """ "95th percentile of policies.create as senior_agent"."""
    of = f" of {target.operation}" if target.operation else ""
    return clean(f"{target.name}{of}{f' as {target.role}' if target.role else ''}")


# ── sentences


def capacity_lines(found: CapacityReport, by: SearchBy, findings: Sequence[Finding] = ()) -> tuple[Message, ...]:
    """The answer, the target that fails first, the resource that ran short first, and the recovery: what every output
    begins with, without full stops."""
    answer = found.answer
    first = CapacityText.FIRST_TO_FAIL(target=target_text(answer.first_to_fail)) if answer.first_to_fail else None
    headlines = (each.headline for each in findings if each.kind is FindingKind.FIRST_RESOURCE)
    resource = next((headline.code(**headline.fields) for headline in headlines), None)
    return tuple(filter(None, (answer_line(answer, by), first, resource, _recovery(found))))


def answer_line(answer: CapacityAnswer, by: SearchBy) -> Message:
    """How much load the target takes, or why that is not known."""
    unit, low, high = unit_of(by), answer.low, answer.high
    if answer.kind is CapacityKind.NONE or low is None:
        return _no_answer(answer, by)
    rps = _range(*sorted(answer.rps)) if answer.rps else UNKNOWN
    if answer.kind is CapacityKind.AT_LEAST or high is None:
        why = _REASONS[answer.not_answered.get(SEARCH, NotAnswered.DURATION)]()
        return CapacityText.AT_LEAST(low=number(low), unit=unit_of(by, low), rps=rps, why=why)
    if answer.kind is CapacityKind.CLIFF:
        at_low = number(answer.rps[0]) if answer.rps else UNKNOWN
        return CapacityText.CLIFF(low=number(low), unit=unit_of(by, low), rps=at_low, high=load_text(high, by))
    return CapacityText.INTERVAL(range=range_text(low, high, by), unit=unit, rps=rps)


def _no_answer(answer: CapacityAnswer, by: SearchBy) -> Message:
    why = answer.not_answered.get(SEARCH, NotAnswered.DURATION)
    load = answer.first_fail
    if why is NotAnswered.FIRST_LOAD_FAILS and load is not None:
        return CapacityText.FIRST_LOAD_FAILS(load=number(load), unit=unit_of(by, load))
    return CapacityText.NONE(why=_REASONS[why]())


def _recovery(found: CapacityReport) -> Message | None:
    """None where nothing failed, so that there was nothing to recover from."""
    if found.answer.recovery_s is not None:
        return CapacityText.RECOVERED(recovery_s=found.answer.recovery_s)
    lasted = [visit.stop - visit.first for visit in found.visits if visit.phase is VisitPhase.RECOVERY]
    return CapacityText.NOT_RECOVERED(watched_s=max(lasted)) if lasted else None


def capacity_remarks(found: CapacityReport, by: SearchBy) -> tuple[Message, ...]:
    """What goes with the answer, the most important first: its width, recovery from above, saturation, the curve of
    the throughput; and what was not answered."""
    return (*_about_interval(found.answer), *_from_above(found, by), *_throughput(found.answer, by), *_open(found))


def _about_interval(answer: CapacityAnswer) -> Iterator[Message]:
    needed = answer.minutes_for_8_percent
    if answer.width is not None and answer.width > WIDE_FROM and needed is not None:
        yield CapacityText.WIDE(width=answer.width, needed_s=math.ceil(needed) * 60)


def _from_above(found: CapacityReport, by: SearchBy) -> Iterator[Message]:
    visit = next((each for each in found.visits if each.phase is VisitPhase.FROM_ABOVE), None)
    if visit is None or found.answer.holds_from_above is None:
        return
    place = {"load": number(visit.load), "unit": unit_of(by, visit.load)}
    if found.answer.holds_from_above:
        yield CapacityText.HOLDS_FROM_ABOVE(**place)
    else:
        yield CapacityText.FAILS_FROM_ABOVE(**place, watched_s=visit.stop - visit.first)


def _throughput(answer: CapacityAnswer, by: SearchBy) -> Iterator[Message]:
    if answer.saturation is not None:
        yield CapacityText.SATURATION(load=number(answer.saturation), unit=unit_of(by, answer.saturation))
    usl = answer.usl
    if usl is None:
        if answer.levels:
            yield CapacityText.NO_FIT()
        return
    factors = {"sigma": number(usl.contention), "kappa": number(usl.coherency)}
    if usl.peak is None or usl.interval is None:
        yield CapacityText.NO_PEAK(**factors)
        return
    low, high = usl.interval
    yield CapacityText.PEAK(peak=number(usl.peak), low=number(low), high=number(high), **factors)


def _open(found: CapacityReport) -> Iterator[Message]:
    by_reason: dict[NotAnswered, list[str]] = {}
    for name, why in found.answer.not_answered.items():
        if name != SEARCH:
            by_reason.setdefault(why, []).append(clean(name))
    for why, (first, *others) in by_reason.items():
        yield CapacityText.NOT_SEARCHED(targets=[heading(first), *others], why=_REASONS[why]())


def capacity_figures(answer: CapacityAnswer, by: SearchBy) -> dict[str, Number | str]:
    """The answer as plain values; None is unknown. Loads are in the unit of `by`."""
    low, high = answer.rps or (None, None)
    values = {
        "low": answer.low,
        "high": answer.high,
        "estimate": answer.estimate,
        "width_rate": answer.width,
        "low_rps": low,
        "high_rps": high,
        "last_pass": answer.last_pass,
        "first_fail": answer.first_fail,
        "saturation": answer.saturation,
        "recovery_s": answer.recovery_s,
    }
    figures = {name: rounded(name, value) for name, value in values.items()}
    first = target_text(answer.first_to_fail) if answer.first_to_fail else ""
    return {"by": by.value, "kind": answer.kind.value, **figures, "first_to_fail": first}


# ── the levels


def level_rows(found: CapacityReport) -> tuple[LevelRow, ...]:
    """The loads that were tried, the lowest first."""
    return tuple(_level_row(level, found) for level in found.answer.levels)


LEVEL_COLUMNS = ("Seconds", "Requests", "Requests/s", "Worst target", "Observed", "Limit", "Outcome", "Note")
"""Of a table of levels; the first column is the load."""


def level_cells(row: LevelRow) -> tuple[str, ...]:
    """A row of such a table as text."""
    figures = (number(row.load), number(row.seconds), number(row.requests), number(row.rps))
    worst = row.worst or UNKNOWN
    return (*figures, worst, row.value or UNKNOWN, row.limit or UNKNOWN, row.outcome, "; ".join(row.notes))


def _level_row(level: Level, found: CapacityReport) -> LevelRow:
    row = LevelRow(
        load=level.load,
        seconds=level.seconds,
        requests=level.requests,
        rps=level.requests / level.seconds if level.seconds else 0.0,
        outcome=PASS if level.passed else FAIL if level.failed else UNDECIDED,
        notes=tuple(_notes(level)),
    )
    shares = shares_of(level, found)
    known = [(share, place) for place, share in enumerate(shares) if share is not None]
    if not known:
        return row
    share, place = max(known)
    target, mean = found.targets[place], level.means[place]
    return replace(
        row, worst=target_text(target.target), value=value_text(target, mean), limit=allowed_text(target), share=share
    )


def _notes(level: Level) -> Iterator[Message]:
    if level.aborted:
        yield CapacityText.ABORTED()
    if level.saturated:
        yield CapacityText.SATURATED()
    if level.generator_limited:
        yield CapacityText.GENERATOR_LIMITED()


def shares_of(level: Level, found: CapacityReport) -> tuple[float | None, ...]:
    """By target: its value as a part of its limit; above 1 it is missed. None without requests."""
    return tuple(
        None if mean is None else mean / target.limit for mean, target in zip(level.means, found.targets, strict=True)
    )


def value_text(searched: SearchedTarget, mean: float | None) -> str:
    """What was observed: "6.2 % over 2,000 ms", "512 ms", "0.2 %", Apdex "0.83"."""
    target = searched.target
    if not searched.is_share:
        return quantity(mean, "ms")
    if not target.below:
        return number(None if mean is None else 1 - mean)
    share = quantity(mean, "fraction")
    return share if target.metric == _FAILURE_RATE else f"{share} over {limit_text(target.metric, target.limit)}"


def allowed_text(searched: SearchedTarget) -> str:
    """The limit of the same: "5 %", "500 ms"."""
    target = searched.target
    if not searched.is_share or not target.below or target.metric == _FAILURE_RATE:
        return limit_text(target.metric, target.limit)
    return limit_text(_FAILURE_RATE, searched.limit)
