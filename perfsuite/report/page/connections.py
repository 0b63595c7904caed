"""The table of connections by address of the target."""

from __future__ import annotations

from perfsuite.model import Summary
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import clean


def connections_table(summary: Summary) -> PageTable | None:
    """None where there was one address, which always answered."""
    found = summary.connections
    if len(found) < 2 and not any(each.no_answer for each in found):
        return None
    columns = (
        Column("Address", number=False),
        Column("Connections", hint="opened to this address, whole run"),
        Column(
            "No answer", hint="attempts that failed or were given up after 2 s, whereupon another address was tried"
        ),
        Column("Waited, mean", hint="mean time until such an attempt ended, ms; part of the response time"),
        Column("Waited, max", hint="longest such time, ms"),
    )
    rows = tuple(
        (
            Cell(clean(each.address)),
            Cell.measured("connections", each.opened),
            Cell.measured("no_answer", each.no_answer),
            Cell.measured("waited_avg_ms", each.waited_avg_ms),
            Cell.measured("waited_max_ms", each.waited_max_ms),
        )
        for each in found
    )
    caption = "Whole run. The name of the target has several addresses; each new connection takes the next one."
    return PageTable("connections", "Connections per address", caption, columns, rows)
