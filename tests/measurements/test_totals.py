"""What older files, which record only counts of kinds, say of the failures that stay in the judged times."""

from __future__ import annotations

import msgspec
import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import ErrorCount, Requests, histogram_of
from perfsuite.measurements.totals import judged_failures
from perfsuite.model import FailureKind
from perfsuite.summary import build
from tests.summary.made_records import ROLES, Process, make_plan, steady_run

STATUS, TIMEOUT, LOST = FailureKind.STATUS, FailureKind.TIMEOUT, FailureKind.CONNECTION_LOST


def old(failed_ms: list[float], **kinds: int) -> Requests:
    record = Process().requests(5, [10.0] * 3, failed_ms)
    errors = [ErrorCount(FailureKind[name], "m", count, "") for name, count in kinds.items()]
    return msgspec.structs.replace(record, errors=errors, waited=None)


@pytest.mark.parametrize(
    ("record", "kept_ms"),
    [
        pytest.param(old([]), [], id="no failure"),
        pytest.param(old([1.0, 2.0], STATUS=2), [], id="answered errors alone"),
        pytest.param(old([1.0, 2.0], TIMEOUT=1, UNFINISHED=1), [1.0, 2.0], id="waits alone"),
        pytest.param(old([1.0, 9_000.0, 9_001.0], STATUS=1, TIMEOUT=2), [9_000.0, 9_001.0], id="the slowest are waits"),
        pytest.param(old([1.0, 900.0, 1_100.0], CONNECTION_LOST=2, STATUS=1), [1_100.0], id="broken after a second"),
    ],
)
def test_what_stays_in_of_an_older_record(record: Requests, kept_ms: list[float]) -> None:
    kept = histogram_of(judged_failures(record))
    assert kept.count == len(kept_ms)
    assert kept.sum_us == pytest.approx(sum(kept_ms) * 1000, rel=0.001)


def test_an_older_file_gives_judged_figures_too() -> None:
    """1 success of 10 ms and 1 error of 1 ms a second; that they ended is recorded, and not which of them failed."""
    one = Process()
    records = [one.requests(second, [10.0], [1.0], ended=2) for second in range(4, 22)]
    older = [msgspec.structs.replace(record, waited=None, ended_failed=0) for record in records]

    summary = build(make_plan(), Aggregate.of(steady_run(one, older)), preflight=None, roles=ROLES)

    assert (summary.totals.avg_ms, summary.totals.rps) == (5.5, 2.0)
    assert (summary.totals_ok.avg_ms, summary.totals_ok.rps, summary.totals_ok.failures) == (10.0, 1.0, 0)
