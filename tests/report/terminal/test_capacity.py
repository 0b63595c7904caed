"""The lines of a search in a terminal of 80 columns."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model import Level, SearchBy, VisitPhase, VisitRecord
from perfsuite.report.terminal.capacity import visit_header, visit_line
from tests.capacity.systems import limited


def test_a_visit_is_one_line_however_long_the_name_of_its_worst_target() -> None:
    constraint = limited("p95_ms", 500)
    target = replace(constraint.target, name="95th percentile of policies.create as senior agent")
    visit = VisitRecord(12, 1000, VisitPhase.FROM_ABOVE, 0, 30)
    level = Level(1000, 30, 37_020, False, True, False, False, False, (1.0,))
    line = visit_line(visit, level, [target], [constraint.limit])

    assert line.startswith("12 from above")
    assert "2,000 %" in line
    assert max(len(line), len(visit_header(SearchBy.ARRIVAL_RATE))) <= 80
