"""Rows that the database read for answers without any: an error that is passed over looks like a lack of data."""

from __future__ import annotations

from perfsuite.model.fingerprint import Fingerprint, Known, OperationCost, StatementKind


def rows_read_in_vain(fingerprint: Fingerprint, role: str, operation: str) -> int:
    """Rows that a request of the operation read at least, where no answer held one; 0 where that is not known.

    Statements that other operations of the role run as well (who is it? may they?) do not count, nor do those that
    read one row each time they run: a count, say.
    """
    known = [cost for cost in fingerprint.operations if cost.role == role and cost.known is Known.YES]
    found = next((cost for cost in known if cost.operation == operation), None)
    if found is None or any(request.answered_rows for request in found.requests):
        return 0
    elsewhere = {shape for cost in known if cost is not found for shape in _shapes(cost)}
    return sum(
        int(statement.rows.minimum)
        for statement in found.statements
        if statement.kind is StatementKind.QUERY
        and statement.shape not in elsewhere
        and statement.rows.minimum > statement.calls.maximum
    )


def _shapes(cost: OperationCost) -> set[str]:
    return {statement.shape for statement in cost.statements}
