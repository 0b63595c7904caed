"""When nobody at the target answered: from when to when, wherever in the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record, Requests
from perfsuite.model import CutOff, FailureKind, Outage
from perfsuite.summary import build
from perfsuite.summary.outages import cut_off, outages, target_lost_at
from perfsuite.summary.periods import PhaseTimes, timeline
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

LENGTH = 30
WHEN = timeline(PhaseTimes(START, START + 9, START + LENGTH, START + LENGTH + 1), START, START + LENGTH)


def aggregate_of(requests: Mapping[int, Sequence[Record]]) -> Aggregate:
    return Aggregate.of(record for records in requests.values() for record in records)


ONE = Process()
Made = Callable[[int], list[Requests]]


def failing(kind: FailureKind, message: str, number: int = 2) -> Made:
    return lambda at: [ONE.requests(at, failed_ms=[5.0] * number, kind=kind, message=message)]


def answered(at: int) -> list[Requests]:
    return [ONE.requests(at, [5.0, 6.0])]


def nothing(_at: int) -> list[Requests]:
    return []


REFUSED = failing(FailureKind.CONNECTION_REFUSED, "connection refused")
GATEWAY = failing(FailureKind.STATUS, "HTTP 502: Bad Gateway")
ERROR = failing(FailureKind.STATUS, "HTTP 500: it broke")
CUT = failing(FailureKind.UNFINISHED, "no answer yet when the run had to end")


def both(at: int) -> list[Requests]:
    return [*answered(at), *REFUSED(at)]


def found(*odd: tuple[range, Made]) -> list[tuple[int, int | None, int, str]]:
    """The outages of a run in which all is answered but in these seconds, counted from its start."""
    requests = {START + at: answered(at) for at in range(LENGTH)}
    for seconds, made in odd:
        requests |= {START + at: made(at) for at in seconds}
    return [
        (each.start - START, None if each.end is None else each.end - START, each.failed, each.message)
        for each in outages(aggregate_of(requests), WHEN)
    ]


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param([], [], id="healthy"),
        pytest.param([(range(12, 18), REFUSED)], [(12, 18, 12, "connection refused")], id="in the steady state"),
        pytest.param([(range(2, 7), REFUSED)], [(2, 7, 10, "connection refused")], id="in the ramp-up"),
        pytest.param([(range(0, 5), REFUSED)], [(0, 5, 10, "connection refused")], id="from the first second on"),
        pytest.param([(range(25, 30), REFUSED)], [(25, None, 10, "connection refused")], id="to the end"),
        pytest.param(
            [(range(11, 12), both), (range(12, 18), REFUSED), (range(18, 19), both)],
            [(11, 18, 16, "connection refused")],
            id="seconds in which some were answered stand at its ends",
        ),
        pytest.param(
            [(range(12, 18), REFUSED), (range(13, 16), nothing)], [(12, 18, 6, "connection refused")],
            id="seconds without a request do not end it",
        ),
        pytest.param(
            [(range(12, 15), REFUSED), (range(16, 20), REFUSED)], [(12, 20, 14, "connection refused")],
            id="a second of life is none",
        ),
        pytest.param(
            [(range(4, 7), REFUSED), (range(20, 24), GATEWAY)],
            [(4, 7, 6, "connection refused"), (20, 24, 8, "HTTP 502: Bad Gateway")],
            id="two incidents, one of them behind a gateway",
        ),
        pytest.param([(range(12, 18), ERROR)], [], id="an error is an answer"),
        pytest.param([(range(12, 18), both)], [], id="some were answered all the time"),
        pytest.param([(range(12, 13), REFUSED)], [], id="a second is too short"),
        pytest.param([(range(22, 30), CUT)], [], id="what the end of the load cut off says nothing"),
        pytest.param(
            [(range(12, 14), failing(FailureKind.CONNECTION_LOST, "lost", 1))], [], id="two connections that broke"
        ),
    ],
)  # fmt: skip
def test_outages(odd: list[tuple[range, Made]], expected: list[tuple[int, int | None, int, str]]) -> None:
    assert found(*odd) == expected


def test_what_the_end_cut_off_is_of_the_steady_state() -> None:
    requests = {START + at: CUT(at) for at in (3, 28, 29, 30)}

    assert cut_off(aggregate_of(requests), WHEN) == (CutOff("reader", "policies.list", 4),)


def test_a_target_is_not_lost_by_requests_that_the_end_cut_off() -> None:
    """Answers take 9 s, and the load waits for none of them at its end."""
    requests = {START + at: answered(at) if at < 21 else CUT(at) for at in range(LENGTH)}

    assert target_lost_at(aggregate_of(requests), WHEN) is None
    assert target_lost_at(aggregate_of(requests), WHEN, gave_up=True) == START + 21, (
        "unless the load gave up for want of answers"
    )


def test_the_summary_has_both() -> None:
    one = Process()

    def seconds(at: int) -> list[Record]:
        return [*REFUSED(at)] if 10 <= at < 14 else [*(CUT(at) if at == 21 else answered(at))]

    records = steady_run(one, [made for at in range(4, 22) for made in seconds(at)])
    summary = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES)

    assert summary.outages == (Outage(START + 10, START + 14, 8, "connection refused"),)
    assert summary.cut_off == (CutOff("reader", "policies.list", 2),)


A, B, C, D = "answered", "unanswered", "answered with an error", "nothing sent"


@pytest.mark.parametrize(
    ("seconds", "lost_at"),
    [
        pytest.param([A] * 20, None, id="all was answered"),
        pytest.param([A] * 10 + [B] * 10, 10, id="nothing was answered from second 10 on"),
        pytest.param([A] * 15 + [B] * 5, 15, id="5 s are enough"),
        pytest.param([A] * 16 + [B] * 4, None, id="4 s are too short"),
        pytest.param([A] * 5 + [B] * 10 + [A] * 5, None, id="it came back"),
        pytest.param([A] * 10 + [C] * 10, None, id="an error is an answer"),
        pytest.param([A] * 10 + [D] * 4 + [B] + [D] * 5, 14, id="seconds without a request neither begin nor break"),
        pytest.param([A] * 10 + [D] * 10, None, id="without a request nothing is known"),
        pytest.param([B] * 20, 0, id="it never answered"),
    ],
)
def test_target_lost(seconds: list[str], lost_at: int | None) -> None:
    one = Process()
    made = {
        A: lambda at: [one.requests(at, [5])],
        B: lambda at: [one.requests(at, failed_ms=[5], kind=FailureKind.CONNECTION_REFUSED)],
        C: lambda at: [one.requests(at, failed_ms=[5]), one.requests(at, failed_ms=[9], kind=FailureKind.TIMEOUT)],
        D: lambda _at: [],
    }
    requests = [record for at, what in enumerate(seconds) for record in made[what](at)]
    # In the ramp-down the target is back: that is after the load.
    requests.append(one.requests(20, [5]))
    when = timeline(PhaseTimes(START, START + 2, START + 20, START + 21), START, START + 20)

    assert target_lost_at(Aggregate.of(requests), when) == (None if lost_at is None else START + lost_at)
