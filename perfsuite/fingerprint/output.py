"""A fingerprint as a file of its run and as plain text, and the difference of two as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.fingerprint.cost import spread
from perfsuite.fingerprint.statements import cut, headline
from perfsuite.format import number
from perfsuite.messages.files import FileMessage
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import (
    CostState,
    Difference,
    Fingerprint,
    OperationCost,
    StatementChange,
    Suspicion,
)

_HEADS = ("Role", "Operation", "Queries", "Rows", "Blocks", "ms", "")
_LEFT = (0, 1, 6)
_MOST_STATEMENTS = 3
_MUCH = 0.1
_UNITS = {
    "queries": "queries per request",
    "rows": "rows per request",
    "shared_blocks": "blocks per request",
    "temp_blocks": "blocks of temporary files per request",
}


def render_fingerprint(fingerprint: Fingerprint, width: int = 100) -> str:
    """A line per role and operation, then suspicions, unknown costs and notes. No line exceeds `width`."""
    database = fingerprint.database
    title = (
        f"What each operation costs the database {database.name} (PostgreSQL {database.server_version}), "
        f"per request, one user at a time"
    )
    blocks = [cut(title, width), "", *_table(fingerprint.operations, width)]
    blocks += _part("Looks like N+1", _suspicion_lines(fingerprint), width)
    unknown = [
        f"{cost.role} {cost.operation}: {cost.reason}"
        for cost in fingerprint.operations
        if cost.known is CostState.UNKNOWN
    ]
    blocks += _part("Not known", unknown, width)
    blocks += _part("Other traffic on the database", _traffic(fingerprint), width)
    noted = [f"{cost.role} {cost.operation}: {note}" for cost in fingerprint.operations for note in cost.notes]
    blocks += _part("Notes", [*fingerprint.notes, *noted], width)
    return "\n".join(line.rstrip() for line in blocks) + "\n"


def render_short(fingerprint: Fingerprint) -> str:
    """The result on one line, with the main reason where much is not known."""
    asked = [cost for cost in fingerprint.operations if cost.known is not CostState.NOT_MEASURED]
    reasons = Counter(cost.reason for cost in asked if cost.known is CostState.UNKNOWN)
    suspected = sum(bool(cost.suspicions) for cost in asked)
    parts = [f"{len(asked) - reasons.total()} of {len(asked)} operations known"]
    if suspected:
        parts.append(f"{suspected} suspected of N+1")
    if fingerprint.foreign:
        parts.append("other traffic on the database")
    found = ", ".join(parts)
    return f"{found}; most others: {reasons.most_common(1)[0][0]}" if reasons.total() > _MUCH * len(asked) else found


def _part(title: str, lines: Sequence[str], width: int) -> list[str]:
    return ["", title, *(cut(f"  {line}", width) for line in lines)] if lines else []


def _table(operations: Sequence[OperationCost], width: int) -> Iterator[str]:
    rows = [_HEADS, *(_row(cost) for cost in operations)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        cells = (
            cell.ljust(size) if column in _LEFT else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        )
        yield cut("  ".join(cells).rstrip(), width)


def _row(cost: OperationCost) -> tuple[str, ...]:
    if cost.known is not CostState.YES:
        return (cost.role, cost.operation, "", "", "", "", f"{cost.known.value}: {cost.reason}")
    full = [request.cost for request in cost.full_requests]
    figures = ("0", "0", "0", "0") if not full else (
        spread([each.queries for each in full]).text,
        spread([each.rows for each in full]).text,
        spread([each.shared_blocks for each in full]).text,
        number(sum(each.execution_ms for each in full) / len(full)),
    )  # fmt: skip
    return (cost.role, cost.operation, *figures, ", ".join(flags(cost)))


def flags(cost: OperationCost) -> list[str]:
    """Short remarks on an operation whose cost is known: "write", "N+1?", "cached", "temporary files" …"""
    found = ["write"] if cost.writes else []
    if any(each.answered_rows for each in cost.suspicions):
        found.append("N+1?")
    elif cost.suspicions:
        found.append("many times the same")
    if cost.cached:
        found.append(cost.cached)
    if any(request.cost.temp_blocks for request in cost.requests):
        found.append("temporary files")
    return found + (["see notes"] if cost.notes else [])


def suspicion_text(suspicion: Suspicion, length: int = 120) -> str:
    """ "SELECT … FROM premiums WHERE policy_id = $1 ×20 per request, 20 rows answered"."""
    answered = suspicion.answered_rows
    rows = "" if answered is None else f", {answered.text} rows answered"
    return f"×{suspicion.calls.text} per request{rows}: {headline(suspicion.text, length)}"


def _suspicion_lines(fingerprint: Fingerprint) -> list[str]:
    return [
        f"{cost.role} {cost.operation}: {suspicion_text(each)}"
        for cost in fingerprint.operations
        for each in cost.suspicions
    ]


def _traffic(fingerprint: Fingerprint) -> list[str]:
    return [
        f"{number(each.rate_per_s)} a second by {each.user or 'unknown'} while nothing was asked:"
        f" {headline(each.text, 90)}"
        for each in fingerprint.foreign
    ]


def difference_text(difference: Difference, length: int = 120) -> str:
    """ "senior_agent policies.list: 3 → 23 queries per request; SELECT … FROM premiums WHERE policy_id = $1 ×20"."""
    head = f"{difference.role} {difference.operation}: "
    if difference.metric == "caching":
        cached, not_cached = "repeats run fewer queries (a cache)", "repeats run all queries again"
        return head + (f"{cached} → {not_cached}" if difference.worse else f"{not_cached} → {cached}")
    figures = f"{difference.before.text} → {difference.after.text} {_UNITS[difference.metric]}"
    shown = [_change_text(change, length) for change in difference.statements[:_MOST_STATEMENTS]]
    more = len(difference.statements) - len(shown)
    return "; ".join([head + figures, *shown, *([f"and {more} more"] if more > 0 else [])])


def _change_text(change: StatementChange, length: int) -> str:
    calls = f"×{change.calls_before} → ×{change.calls_after}"
    if not change.calls_before:
        calls = f"×{change.calls_after}"
    elif not change.calls_after:
        calls = "gone"
    return f"{headline(change.text, length)} {calls}"


def render_differences(differences: Sequence[Difference], left_out: Sequence[str] = ()) -> str:
    """A line per difference, and per operation that could not be compared."""
    lines = [difference_text(difference) for difference in differences] or ["no difference"]
    lines += [f"not compared: {line}" for line in left_out]
    return "\n".join(lines) + "\n"


# ── files ───────────────────────────────────────────────────────────────────────────────────────────

FILE_NAME = "fingerprint.json"
AFTER_FILE = "fingerprint-after.json"
"""Taken after the load, to find which operations ask more of the database than before."""
SCHEMA = 1


def write_fingerprint(fingerprint: Fingerprint, folder: Path, name: str = FILE_NAME) -> Path:
    """Write it into the folder of a run. Raises UsageError when the file cannot be written."""
    path = folder / name
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(fingerprint), indent=1) + b"\n")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(FileMessage.REFUSED(path=path, why=why)) from error
    return path


def read_fingerprint(where: Path) -> Fingerprint:
    """The fingerprint in a folder or file. Raises UsageError without one, or for one of another version."""
    path = where / FILE_NAME if where.is_dir() else where
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(FingerprintMessage.NOT_TAKEN(folder=where, file=FILE_NAME)) from None
    try:
        schema = msgspec.json.decode(content, type=_FingerprintSchema).schema
        if schema != SCHEMA:
            raise UsageError(FingerprintMessage.WRONG_SCHEMA(path=path, schema=schema, expected=SCHEMA))
        return msgspec.json.decode(content, type=Fingerprint)
    except msgspec.MsgspecError as error:
        raise UsageError(FingerprintMessage.DAMAGED(path=path, why=error)) from error


class _FingerprintSchema(msgspec.Struct):
    schema: int
