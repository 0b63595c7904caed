"""What was checked under load: violations with their evidence, the matrix of rules and roles, what was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from perfsuite.correctness.possible import switched_off
from perfsuite.format import joined, listed, number, plural, time_of_day
from perfsuite.messages.correctness import CorrectnessText
from perfsuite.messages.page import PageMessage
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import RunReport
from perfsuite.model.correctness import CheckRow, ChecksOff, Correctness, Exchanged, Invariant, Violation
from perfsuite.report.correctness import answer_of, correctness_line, cost_line, reasons_text, replay_command
from perfsuite.report.page.tables import Cell, Column, PageTable, role_title
from perfsuite.report.text import clean, heading

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request: whose, what, its answer, when, and its id in the server's log."""

    actor: str
    request: str
    answer: str
    at: str
    request_id: str


@dataclass(frozen=True, slots=True)
class ViolationCard:
    """One violation. `about`: invariant, how often and since when; `command`: what sends it again without load;
    "" where nothing can, which `no_replay` says."""

    id: str
    headline: str
    about: tuple[str, ...]
    expected: str
    seen: str
    evidence: tuple[RequestRow, ...]
    command: str
    under_load_only: bool = False
    """Without load it is not expected to happen."""
    no_replay: str = ""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """What was checked of a rule as a role. `kind`: "held", "violated", "unchecked", or "none" where the rule does not
    concern the role. `detail`: how many of its operations were reached."""

    kind: str
    text: str = ""
    detail: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One rule."""

    rule: str
    cells: tuple[MatrixCell, ...]
    total: MatrixCell


@dataclass(frozen=True, slots=True)
class CheckMatrix:
    """Rules by invariant, and a column for each role."""

    roles: tuple[str, ...]
    groups: tuple[tuple[str, tuple[MatrixRow, ...]], ...]


@dataclass(frozen=True, slots=True)
class OperationMatrix:
    """What was checked of one rule: a row for each operation, a column for each role that the rule concerns.

    `reached`: how many of its operations, counted per role, had a result. The `text` of a cell that was not checked
    is the letter of its reason in `reasons`.
    """

    rule: str
    reached: str
    roles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CorrectnessSection:
    """The section. `first`: it stands before all others, since something was wrong."""

    sentence: str
    hint: str
    violations: tuple[ViolationCard, ...]
    more: str
    matrix: CheckMatrix | None
    operations: tuple[OperationMatrix, ...]
    not_checked: PageTable | None

    @property
    def first(self) -> bool:
        """It stands before all others."""
        return bool(self.violations)


def correctness_section(report: RunReport) -> CorrectnessSection | None:
    """None for a run that is older than these checks."""
    found = report.summary.correctness
    if found is None:
        return None
    sentence = f"{correctness_line(found)}."
    if found.why_off is not None:
        hint = "" if found.why_off is ChecksOff.SEARCH else f"{PageMessage.CHECK_IT()}."
        return CorrectnessSection(sentence, hint, (), "", None, (), None)
    left, roles = len(found.violations) - MOST_SHOWN, _roles(found, tuple(report.summary.users.by_role))
    return CorrectnessSection(
        sentence,
        f"{cost_line(found)}.",
        tuple(_card(violation, report) for violation in found.violations[:MOST_SHOWN]),
        f"{plural(left, 'more violation')} in summary.json." if left > 0 else "",
        _matrix(found, roles),
        tuple(_operations(invariant, rule, rows, roles) for (invariant, rule), rows in found.rules.items()),
        _not_checked(found),
    )


def _card(violation: Violation, report: RunReport) -> ViolationCard:
    roles = joined([role_title(role) for role in violation.roles])
    first = CorrectnessText.FIRST_AT(count=violation.count, at=int(violation.first_at))
    return ViolationCard(
        clean(violation.id),
        clean(f"{violation.operation} as {roles}: {violation.rule}"),
        (violation.invariant.value, first),
        clean(violation.expected),
        clean(violation.seen),
        tuple(map(_evidence, violation.evidence)),
        clean(replay_command(report.plan, report.folder, violation)),
        violation.under_load_only,
        clean(ReplayMessage.NEVER(why=violation.no_replay)) if violation.no_replay else "",
    )


def _evidence(request: Exchanged) -> RequestRow:
    sent_at, request_id = time_of_day(request.sent_at), clean(request.request_id)
    return RequestRow(clean(request.actor), clean(request.request), answer_of(request), sent_at, request_id)


# ── the matrix ──────────────────────────────────────────────────────────────────────────────────────────────


def _roles(found: Correctness, roles: Sequence[str]) -> list[str]:
    """Those that a rule concerns, in the order of the run."""
    known = {row.role for row in found.rows}
    columns = [role for role in roles if role in known]
    return columns + sorted(known - set(columns))


def _matrix(found: Correctness, columns: Sequence[str]) -> CheckMatrix | None:
    """None where there was nothing to check."""
    if not found.rows:
        return None
    groups: dict[Invariant, list[MatrixRow]] = {}
    for (invariant, rule), rows in found.rules.items():
        cells = tuple(_cell([row for row in rows if row.role == role]) for role in columns)
        groups.setdefault(invariant, []).append(MatrixRow(clean(rule), cells, _cell(rows)))
    return CheckMatrix(
        tuple(role_title(role) for role in columns),
        tuple((heading(invariant), tuple(of_invariant)) for invariant, of_invariant in groups.items()),
    )


def _cell(rows: Sequence[CheckRow]) -> MatrixCell:
    if not rows:
        return MatrixCell("none")
    checks, violated = sum(row.checks for row in rows), sum(row.violated for row in rows)
    reached = sum(row.checks > 0 for row in rows)
    detail = f"{number(reached)} of {number(len(rows))}" if checks and len(rows) > 1 else ""
    why = clean(reasons_text(rows))
    if violated:
        return MatrixCell("violated", f"{number(violated)} of {number(checks)}", detail, why)
    if checks:
        return MatrixCell("held", number(checks), detail, why)
    reasons = {reason for row in rows for reason in row.not_checked}
    off = reasons.pop() if len(reasons) == 1 else ""
    return MatrixCell("unchecked", clean(off) if off.startswith(switched_off("")) else "", title=why)


def _operations(invariant: Invariant, rule: str, rows: Sequence[CheckRow], roles: Sequence[str]) -> OperationMatrix:
    whys = Counter(", ".join(row.not_checked) for row in rows if not row.checks).most_common()
    letters = {why: _letter(place) for place, (why, _pairs) in enumerate(whys)}
    by_pair = {(row.operation, row.role): _pair(row, letters) for row in rows}
    columns = [role for role in roles if any(row.role == role for row in rows)]
    return OperationMatrix(
        clean(f"{heading(invariant)}: {rule}"),
        f"{number(sum(row.checks > 0 for row in rows))} of {number(len(rows))} reached",
        tuple(map(role_title, columns)),
        tuple(
            (clean(operation), tuple(by_pair.get((operation, role), MatrixCell("none")) for role in columns))
            for operation in sorted({row.operation for row in rows})
        ),
        tuple((letters[why], clean(f"{why} ({number(pairs)})")) for why, pairs in whys),
    )


def _letter(place: int) -> str:
    """ "a" to "z", then "aa" to "zz" …"""
    return ascii_lowercase[place % len(ascii_lowercase)] * (place // len(ascii_lowercase) + 1)


def _pair(row: CheckRow, letters: Mapping[str, str]) -> MatrixCell:
    if row.violated:
        return MatrixCell("violated", f"{number(row.violated)} of {number(row.checks)}")
    return (
        MatrixCell("held", number(row.checks))
        if row.checks
        else MatrixCell("unchecked", letters[", ".join(row.not_checked)])
    )


# ── what was not checked ────────────────────────────────────────────────────────────────────────────────────


def _not_checked(found: Correctness) -> PageTable | None:
    """A row for each rule and reason; None where all checks had a result."""
    groups: dict[tuple[Invariant, str, str], list[CheckRow]] = {}
    every = len({row.role for row in found.rows})
    for row in found.rows:
        for reason in row.not_checked:
            groups.setdefault((row.invariant, row.rule, reason), []).append(row)
    if not groups:
        return None
    columns = (
        Column("Invariant", number=False),
        Column("Rule", number=False),
        Column("Reason", number=False),
        Column("Checks", hint="how often a check had no result for this reason"),
        Column("Never checked", hint="operations, counted per role, that no check had a result for"),
        Column("Roles", number=False),
        Column("Operations", number=False),
    )
    rows = tuple(tuple(_reason_cells(*group, rows, every)) for group, rows in groups.items())
    caption = "What had no result, and why. An operation may have been checked at another time."
    return PageTable("not-checked", "Not checked", caption, columns, rows, open=False)


def _reason_cells(invariant: Invariant, rule: str, reason: str, rows: Sequence[CheckRow], every: int) -> Iterable[Cell]:
    """`every`: how many roles there are."""
    roles = list(dict.fromkeys(role_title(row.role) for row in rows))
    operations = list(dict.fromkeys(row.operation for row in rows))
    times, never = sum(row.not_checked[reason] for row in rows), sum(not row.checks for row in rows)
    yield Cell(heading(invariant))
    yield Cell(clean(rule))
    yield Cell(clean(reason))
    yield Cell(number(times), str(times))
    yield Cell(number(never), str(never))
    yield Cell("all" if len(roles) == every > 2 else clean(joined(roles)))
    yield Cell(clean(listed(operations)))
